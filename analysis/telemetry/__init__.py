"""Where calls become counts: engines, SQL files, mappings, frozen baselines, sample data."""
