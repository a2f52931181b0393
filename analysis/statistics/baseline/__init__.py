"""What the days of the baseline say: the usual value, its variance, and what they cannot say."""
