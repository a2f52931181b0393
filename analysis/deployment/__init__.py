"""The deploy around the verdict: checks, ledger, stages, the way back, the hand-over. It executes no change."""
