"""From an engine and a window to tables of counts."""
