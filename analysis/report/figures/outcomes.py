"""What calls end as, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figure_data.outcomes import OutcomeMix
from analysis.report.figures import style
from analysis.report.figures.picture import FigureKind
from analysis.text.captions.outcomes import describe_outcome_mix


def draw_outcome_mix(axes: Axes, prepared: OutcomeMix) -> None:
    """Two bars a class with the interval of each: before above, after below."""
    row = -np.arange(len(prepared.classes))
    before: dict[str, Any] = {"facecolor": style.BEFORE}
    after: dict[str, Any] = {"facecolor": "none", "edgecolor": style.AFTER, "hatch": "////"}
    for y, shares, filling, label in (
        (row + 0.2, prepared.baseline, before, style.with_n("before", prepared.n_baseline)),
        (row - 0.2, prepared.post, after, style.with_n("after", prepared.n_post)),
    ):
        widths = [share.value for share in shares]
        axes.barh(y, widths, height=0.36, linewidth=0.8, label=label, **filling)
        for at, share in zip(y, shares, strict=True):
            axes.plot(
                [share.low, share.high],
                [at, at],
                color=style.INK,
                linewidth=1.0,
                solid_capstyle="butt",
            )
            axes.annotate(
                _percent(share.value),
                (share.high, at),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
            )
    axes.grid(False)
    axes.set_xlim(0, 1.12)
    axes.set_yticks(row, prepared.classes)
    axes.xaxis.set_major_formatter(style.SHARES)
    axes.set_xlabel("share of calls")
    style.draw_legend(axes)


def mix_height(prepared: OutcomeMix) -> float:
    """Inches for its classes."""
    return 0.9 + 0.42 * max(len(prepared.classes), 2)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if value >= 0.01 or value == 0 else f"{100 * value:.2f} %"


OUTCOMES = FigureKind("outcomes", draw_outcome_mix, describe_outcome_mix, mix_height)
