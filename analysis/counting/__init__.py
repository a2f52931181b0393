"""From an engine to counted arms."""
