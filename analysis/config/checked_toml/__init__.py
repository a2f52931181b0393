"""A TOML file checked against a schema: each mistake is one sentence with its line and its fix."""
