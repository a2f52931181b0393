"""The parts of calibration.py: series of calls, the judge, usual tests, tables, figure."""
