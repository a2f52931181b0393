"""What calibration.py is made of: series of calls, the judge on their counts, the usual tests, tables, a figure."""
