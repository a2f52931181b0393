"""What was done and seen: the ledger, the deploy, the stages of the monitoring, turned knobs."""
