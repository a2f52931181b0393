"""What calls end as."""

from __future__ import annotations

from analysis.figure_data.outcomes import OutcomeMix
from analysis.formatting import share
from analysis.text.captions.figure_text import LEVEL, FigureText


def describe_outcome_mix(prepared: OutcomeMix, label: str) -> FigureText:
    """What calls end as."""
    rows = [
        f"{name} {share(before.value)} before, {share(after.value)} after"
        for name, before, after in zip(
            prepared.classes, prepared.baseline, prepared.post, strict=True
        )
    ]
    text = "; ".join(rows) + "."
    return FigureText(
        "What calls end as",
        f"What calls of {label} end as",
        text,
        "Share of calls by outcome, before (filled) and after (hatched), each with its "
        f"{LEVEL} interval (thin line): {text}",
    )
