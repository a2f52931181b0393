"""Pure functions on arrays and counts: how a claim is decided. Start at `comparison.compare`.

Nothing here reads a file, a table or a clock. Differences are post - baseline.
"""
