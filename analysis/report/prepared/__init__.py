"""What a figure shows, as small frozen values: made here from both arms by the statistics, drawn in figures."""
