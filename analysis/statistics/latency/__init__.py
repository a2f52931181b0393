"""Latency distributions from counts: quantiles, time to answer, and the cliff that a cap leaves."""
