"""Two compared arms: their values, and the tests and intervals of their difference."""
