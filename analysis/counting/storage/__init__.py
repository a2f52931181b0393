"""Counts on disk: frozen arms, and the chunks of a scan that has not ended."""
