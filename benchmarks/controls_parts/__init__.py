"""What benchmarks/controls.py is made of: a world with a provider, its cells, and rollouts judged from rows."""
