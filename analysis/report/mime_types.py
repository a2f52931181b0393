"""What a notebook publishes for the program that runs it."""

RESULT_MIME = "application/vnd.rollout.result+json"
"""The object of result.json; the last cell publishes it, which says that the notebook is whole."""
FIGURES_MIME = "application/vnd.rollout.figures+json"
"""The figures of an output, as SVG files by name; the output's HTML shows the same figures."""
ERROR_MIME = "application/vnd.rollout.error+json"
"""An error of a cell, without its traceback."""
