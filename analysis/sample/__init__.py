"""The simulated example, and series of calls with a known effect for benchmarks."""
