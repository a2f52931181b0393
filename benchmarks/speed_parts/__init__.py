"""The parts of speed.py: rows for every store, the contenders, a process timer, a figure."""
