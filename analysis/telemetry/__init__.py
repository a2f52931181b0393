"""Engines, mappings and queries: from a telemetry table to the rows of SQL results."""
