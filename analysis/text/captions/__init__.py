"""The text of every figure."""
