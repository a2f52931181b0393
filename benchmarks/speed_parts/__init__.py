"""What speed.py is made of: rows for every store, the contenders as programs, processes timed from outside, a figure."""
