"""How figures look: sizes, named colours, axes in the unit of a metric, times on a log axis."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.formatting import MINUS, count

BEFORE, AFTER, AFTER_TEXT = "#0072b2", "#d55e00", "#b34700"
INK, MUTED, GRID, BAND, PAPER = "#1b1d20", "#5b6168", "#dfe2e6", "#eceef1", "#ffffff"
GOOD = "#00664b"
WIDTH_IN, HEIGHT_IN = 4.5, 2.7
FONT_PT, SMALL_PT = 9.5, 8.5
RC: dict[Any, Any] = {
    "font.size": SMALL_PT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": FONT_PT,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.borderaxespad": 0.1,
    "legend.columnspacing": 1.2,
    "path.simplify_threshold": 0.2,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
}
"""The settings of matplotlib while a figure is drawn."""

DOTTED, DASHED, DASH_DOT = (0, (1, 1)), (0, (5, 2)), (0, (4, 1, 1, 1))
BEFORE_LINE: dict[str, Any] = {"color": BEFORE, "linestyle": "-", "linewidth": 1.6}
AFTER_LINE: dict[str, Any] = {"color": AFTER, "linestyle": DASHED, "linewidth": 1.8}
HATCHED: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": GRID,
    "hatch": "////",
    "linewidth": 0,
}
LABEL_BOX = {"boxstyle": "square,pad=0.15", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.85}
"""Paper behind a label, so that lines do not cross it."""

MOST_TICKS = 6
_TICKS_MS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(1000 * s for s in (1, 2, 5, 10, 20, 30, 45, 60, 120, 300, 600, 1800, 3600)),
)
SHARES = FuncFormatter(lambda value, _: f"{100 * abs(value):g} %")
CHANGES = FuncFormatter(lambda value, _: signed_share(value))
TIMES = FuncFormatter(lambda value, _: short_time(value))


def use_time_axis(axes: Axes, low_ms: float, high_ms: float) -> None:
    """A logarithmic x axis of time with plain labels, at most six of them."""
    low_ms, high_ms = max(low_ms, 1.0), max(high_ms, low_ms * 1.5, 2.0)
    axes.set_xscale("log")
    axes.set_xlim(low_ms, high_ms)
    inside = [tick for tick in _TICKS_MS if low_ms <= tick <= high_ms]
    step = -(-len(inside) // MOST_TICKS) or 1
    axes.xaxis.set_major_locator(FixedLocator(inside[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(TIMES)


def use_share_axis(axes: Axes, highest: float = 1.0, *, labels: int = 0) -> None:
    """A y axis of shares in per cent from 0, with room above for that many rows of labels."""
    axes.set_ylim(0, highest * (1.04 + 0.09 * labels))
    if highest == 1.0:
        axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(SHARES)


def use_value_axis(axes: Axes, unit: str, highest: float) -> None:
    """A y axis from 0 in the unit of a metric."""
    if unit == "share":
        use_share_axis(axes, max(highest, 0.05))
        return
    axes.set_ylim(0, max(highest, 1.0))
    if unit == "ms":
        axes.yaxis.set_major_formatter(TIMES)


def short_time(value_ms: float) -> str:
    """A time as a tick: ms below one second, s above, minutes from two on.

    >>> short_time(500), short_time(20128), short_time(300_000)
    ('500 ms', '20.1 s', '5 min')
    """
    if abs(value_ms) < 1000:
        return f"{value_ms:g} ms"
    if abs(value_ms) < 120_000:
        return f"{value_ms / 1000:.3g} s"
    return f"{value_ms / 60_000:.3g} min"


def signed_share(value: float) -> str:
    """A change in per cent as a tick.

    >>> signed_share(-0.5), signed_share(0.0)
    ('−50 %', '0')
    """
    return f"{100 * value:+g} %".replace("-", MINUS) if value else "0"


def mark_x(axes: Axes, x: float, text: str, *, color: str = INK, row: int = 0) -> None:
    """A vertical line with a label at the top; rows keep labels apart."""
    axes.axvline(x, color=color, linewidth=1.0, linestyle=(0, (1, 1.6)))
    axes.annotate(
        text,
        (x, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3, -1 - 10.5 * row),
        textcoords="offset points",
        ha="right",
        va="top",
        color=color,
        bbox=LABEL_BOX,
    )


def draw_legend(axes: Axes, *, columns: int = 2) -> None:
    """A legend above the axes, where no curve goes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)


def with_n(name: str, n: int) -> str:
    r"""A name with its number of calls, for a legend.

    >>> with_n("after", 12345).replace("\N{NARROW NO-BREAK SPACE}", "_")
    'after, 12_345 calls'
    """
    return f"{name}, {count(n)} calls"
