"""Figures as SVG files that are the same for the same data."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.files import atomic_write

INK, MUTED, GRID = "#1b1d20", "#5b6168", "#dfe2e6"


def save_svg(figure: Figure, path: Path, *, title: str) -> None:
    """Save a figure; text stays text, and the file holds no date."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": path.stem, "font.family": "sans-serif"}
    with mpl.rc_context(settings), atomic_write(path) as temporary:
        FigureCanvasSVG(figure).print_svg(
            str(temporary), metadata={"Date": None, "Creator": None, "Title": title}
        )


def remove_frame(ax: Axes) -> None:
    """Hide the upper and right edges."""
    ax.spines[["top", "right"]].set_visible(False)
