"""Notebooks run, pages made: what people see. Read `reports.py` first."""
