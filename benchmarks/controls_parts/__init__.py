"""The parts of controls.py: a simulation of seven features, its cells, whole rollouts, tables."""
