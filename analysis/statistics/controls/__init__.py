"""The control group: what features that the deploy did not touch say about the provider's day.

Start at `comparison.ControlComparison`.
"""
