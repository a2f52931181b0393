"""What was found of a claim, in a few short sentences."""
