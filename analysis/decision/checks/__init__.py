"""Whether the data can be trusted: each check answers one question about both arms."""
