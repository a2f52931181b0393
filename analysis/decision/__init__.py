"""From counts to a verdict: findings, checks, and what follows from them. It returns data."""
