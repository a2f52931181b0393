"""What was done and seen, in the ledger: read here by the judge for the deploy and its stages, written by the steps around the verdict."""
