"""Counts on disk: frozen for good, or the chunks of a scan that has not ended."""
