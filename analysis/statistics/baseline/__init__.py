"""What the baseline's days say: the usual value, how much a window moves, and what they cannot say."""
