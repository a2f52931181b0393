"""`python -m analysis` is `rollout`."""

from analysis.cli import main

main()
