"""From counts to a verdict: which calls a claim is about, what was found, whether the data can be trusted, and what follows."""
