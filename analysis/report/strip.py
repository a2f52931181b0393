"""A strip of looks: one small vertical interval each, placed for the index's own SVG."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.report.prepared.values import LookPoint, Looks
from analysis.report.rendering import anchor_of
from analysis.text.captions import Words

WIDTH, HEIGHT, TOP, BOTTOM = 420.0, 150.0, 12.0, 40.0
LEFT = 52.0
MOST_LABELS = 8
LOW, HIGH = -1.05, 1.05


@dataclass(frozen=True)
class Look:
    """One look, in the units of the picture; `y` is None where nothing was compared."""

    x: float
    label: str
    bound: str
    state: str
    y: float | None
    top: float | None
    bottom: float | None
    words: str


@dataclass(frozen=True)
class Tick:
    """A line across with its value."""

    y: float
    text: str


@dataclass(frozen=True)
class Strip:
    """One expectation through every look."""

    name: str
    title: str
    alt: str
    caption: str
    anchor: str
    looks: tuple[Look, ...]
    ticks: tuple[Tick, ...]
    required_y: float | None
    zero_y: float
    width: float = WIDTH
    height: float = HEIGHT


def strip_of(prepared: Looks, words: Words) -> Strip:
    """Place every look of a claim."""
    low, high = _range(prepared)
    step = (WIDTH - LEFT - 10) / max(len(prepared.points), 1)
    every = -(-len(prepared.points) // MOST_LABELS)
    looks = tuple(
        _place(
            point,
            LEFT + step * (index + 0.5),
            low,
            high,
            labelled=index % every == 0 or index == len(prepared.points) - 1,
        )
        for index, point in enumerate(prepared.points)
    )
    ticks = tuple(
        Tick(_y(value, low, high), _percent(value))
        for value in (-1.0, -0.5, 0.0, 0.5, 1.0)
        if low <= value <= high
    )
    required = (
        None
        if prepared.required is None or not low <= prepared.required <= high
        else _y(prepared.required, low, high)
    )
    return Strip(
        prepared.name,
        words.title,
        words.alt,
        words.caption,
        "strip-" + anchor_of(prepared.name),
        looks,
        ticks,
        required,
        _y(0.0, low, high),
    )


def _place(point: LookPoint, x: float, low: float, high: float, *, labelled: bool) -> Look:
    label = point.window if labelled else ""
    bound = f"{point.bound:.2f}" if labelled and point.bound is not None else ""
    if point.change is None:
        return Look(round(x, 1), label, bound, point.state, None, None, None, point.verdict)
    y, top, bottom = (
        _y(min(max(value, low), high), low, high) for value in (point.change, point.high, point.low)
    )
    return Look(round(x, 1), label, bound, point.state, y, top, bottom, point.verdict)


def _range(prepared: Looks) -> tuple[float, float]:
    """From the lowest to the highest interval, 0 and what is required among them."""
    values = [0.0, prepared.required or 0.0]
    values += [
        end
        for point in prepared.points
        if point.change is not None
        for end in (point.low, point.high)
    ]
    low, high = max(min(values), LOW), min(max(values), HIGH)
    pad = 0.08 * max(high - low, 0.2)
    return low - pad, high + pad


def _y(value: float, low: float, high: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)


def _percent(value: float) -> str:
    return (
        "0"
        if value == 0
        else f"{100 * value:+.0f}\N{NARROW NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")
    )
