"""Numbers, units and times as people read them: thin spaces, no false precision."""

from __future__ import annotations

import math
from datetime import datetime

from analysis.clock import iso

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
"""What stands for a number that does not exist."""
HIGHEST_LEVEL = 0.99999


def count(number: float) -> str:
    """A whole number with thin spaces.

    >>> count(12345).replace(THIN, "_")
    '12_345'
    """
    return f"{round(number):,}".replace(",", THIN)


def share(value: float) -> str:
    """A share in percent: one decimal, two below one percent.

    >>> share(0.8986).replace(THIN, "_"), share(0.0012).replace(THIN, "_")
    ('89.9_%', '0.12_%')
    """
    return f"{_percent(value)}{THIN}%"


def claimed_share(value: float) -> str:
    """A share as it was declared: no decimal that is not in rollout.toml.

    >>> claimed_share(0.5).replace(THIN, "_"), claimed_share(0.125).replace(THIN, "_")
    ('50_%', '12.5_%')
    """
    return f"{100 * value:.6g}{THIN}%"


def signed_percent(value: float) -> str:
    """A relative change in whole per cent, with its sign.

    >>> [signed_percent(change).replace(THIN, "_") for change in (-0.255, 0.5, -0.001)]
    ['−26_%', '+50_%', '0_%']
    """
    text = f"{100 * value:+.0f}"
    return ("0" if float(text) == 0 else text.replace("-", MINUS)) + f"{THIN}%"


def milliseconds(value: float) -> str:
    """A time: ms below one second, s above, minutes from 120 s on.

    >>> milliseconds(380).replace(THIN, "_"), milliseconds(20128).replace(THIN, "_")
    ('380_ms', '20.1_s')
    """
    size = abs(value)
    if size < 999.5:
        return f"{_signed(value, 0 if size >= 10 or value == int(value) else 1)}{THIN}ms"
    if size < 120_000:
        return f"{_signed(value / 1000, 1 if size >= 9_950 else 2)}{THIN}s"
    return f"{_signed(value / 60_000, 1)}{THIN}min"


def hours(value: float) -> str:
    """A number of hours, rounded up: hours up to two days, then days.

    >>> hours(31.2).replace(THIN, "_"), hours(200).replace(THIN, "_")
    ('32_h', '9_days')
    """
    whole = math.ceil(value)
    return f"{whole}{THIN}h" if whole <= 48 else f"{math.ceil(whole / 24)}{THIN}days"


def when(instant: datetime) -> str:
    """An instant in UTC.

    >>> from datetime import UTC
    >>> when(datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC))
    '2026-02-02 23:10:16 UTC'
    """
    return iso(instant.replace(microsecond=0)).replace("T", " ").replace("Z", " UTC")


def value_in(value: float | None, unit: str | None) -> str:
    """A value of a metric in its unit (share, ms, tokens, calls/h); a dash when there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    if unit == "share":
        return share(value)
    if unit == "ms":
        return milliseconds(value)
    return f"{_signed(value, 0 if abs(value) >= 100 else 1)}{THIN}{unit or ''}"


def change_in(change: float | None, unit: str | None) -> str:
    """A difference of a metric with its sign; differences of shares are percentage points.

    >>> change_in(-0.755, "share").replace(THIN, "_")
    '−75.5_points'
    """
    if change is None or not math.isfinite(change):
        return NONE
    text = f"{_percent(change)}{THIN}points" if unit == "share" else value_in(change, unit)
    return f"+{text}" if change > 0 else text


def size_in(change: float | None, unit: str | None) -> str:
    """The size of a difference, without its sign."""
    return change_in(None if change is None else abs(change), unit).lstrip("+")


def interval_in(interval: tuple[float, float] | None, unit: str | None) -> str:
    """An interval of a difference; points are named once.

    >>> interval_in((-0.792, -0.724), "share").replace(THIN, "_")
    '−79.2 to −72.4_points'
    """
    if interval is None:
        return NONE
    low, high = (change_in(end, unit) for end in interval)
    return f"{low.removesuffix(f'{THIN}points')} to {high}"


def p_value(p: float | None) -> str:
    """A p-value that is never shown as zero.

    >>> p_value(3e-9), p_value(0.0312), p_value(None)
    ('< 0.0001', '0.031', '–')
    """
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def level(value: float) -> str:
    """The level of an interval: as many nines as it has.

    >>> [level(value).replace(THIN, "_") for value in (0.9987, 0.95, 0.9999999)]
    ['99.87_%', '95_%', 'over 99.999_%']
    """
    if value > HIGHEST_LEVEL:
        return f"over {100 * HIGHEST_LEVEL:.3f}{THIN}%"
    digits = 0 if value <= 0.95 else 1 if value < 0.99 else 2 if value < 0.9999 else 3
    text = f"{100 * value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{THIN}%"


def capitalise(text: str) -> str:
    """A text with a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _percent(value: float) -> str:
    percent = 100 * value
    return _signed(percent, 1 if abs(percent) >= 1 or percent == 0 else 2)


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return (MINUS if value < 0 and float(f"{value:.{digits}f}") != 0 else "") + text
