"""Placeholder."""
def write_index(settings): return settings.outputs/"index.html"
