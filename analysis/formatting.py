"""Numbers as people read them: thin spaces, units, no false precision. Every text of the package writes its numbers here."""

from __future__ import annotations

import math

from analysis.metrics import Metric

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
HIGHEST_LEVEL = 0.99999


def count(number: float) -> str:
    """A whole number with thin spaces.

    >>> count(12345).replace(THIN, "_")
    '12_345'
    """
    return f"{round(number):,}".replace(",", THIN)


def share(value: float) -> str:
    """A share as per cent: one digit behind the point, two below one per cent.

    >>> share(0.8986).replace(THIN, "_"), share(0.0012).replace(THIN, "_")
    ('89.9_%', '0.12_%')
    """
    percent = 100 * value
    return f"{_signed(percent, 1 if abs(percent) >= 1 or percent == 0 else 2)}{THIN}%"


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


def value_of(metric: Metric, value: float | None) -> str:
    """A value of a metric in its unit; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if metric.unit == "share":
        return share(value)
    if metric.unit == "ms":
        return milliseconds(value)
    return f"{_signed(value, 0 if abs(value) >= 100 else 1)}{THIN}{metric.unit}"


def change_of(metric: Metric, change: float | None) -> str:
    """A difference of a metric with its sign; differences of shares are percentage points.

    >>> from analysis.metrics import metric_named
    >>> change_of(metric_named("timeout_rate"), -0.755).replace(THIN, "_")
    '−75.5_points'
    """
    if change is None or not math.isfinite(change):
        return "\N{EN DASH}"
    plus = "+" if change > 0 else ""
    if metric.unit == "share":
        points = 100 * change
        return f"{plus}{_signed(points, 1 if abs(points) >= 1 or points == 0 else 2)}{THIN}points"
    return plus + value_of(metric, change)


def interval_of(metric: Metric, interval: tuple[float, float]) -> str:
    """An interval of a difference; of shares the points are named once.

    >>> from analysis.metrics import metric_named
    >>> interval_of(metric_named("timeout_rate"), (-0.792, -0.724)).replace(THIN, "_")
    '−79.2 to −72.4_points'
    """
    low, high = (change_of(metric, end) for end in interval)
    return (
        f"{low.removesuffix(f'{THIN}points')} to {high}"
        if metric.unit == "share"
        else f"{low} to {high}"
    )


def claimed_share(value: float) -> str:
    """A share as somebody declared it: no digit that he did not write.

    >>> claimed_share(0.5).replace(THIN, "_"), claimed_share(0.125).replace(THIN, "_")
    ('50_%', '12.5_%')
    """
    return f"{100 * value:.6g}{THIN}%"


def p_value(p: float | None) -> str:
    """A p-value that is never shown as zero.

    >>> p_value(3e-9), p_value(0.0312), p_value(None)
    ('< 0.0001', '0.031', '–')
    """
    if p is None:
        return "\N{EN DASH}"
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def level(value: float) -> str:
    """The level of an interval: as many nines as it has.

    >>> level(0.9987).replace(THIN, "_"), level(0.95).replace(THIN, "_"), level(0.9999999).replace(THIN, "_")
    ('99.87_%', '95_%', 'over 99.999_%')
    """
    if value > HIGHEST_LEVEL:
        return f"over {100 * HIGHEST_LEVEL:.3f}{THIN}%"
    digits = 0 if value <= 0.95 else 1 if value < 0.99 else 2 if value < 0.9999 else 3
    text = f"{100 * value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{THIN}%"


def level_words(value: float, *, is_shared: bool) -> str:
    """The level of an interval, and why it is so wide when several looks share the error.

    >>> level_words(0.9987, is_shared=True).replace(THIN, "_"), level_words(0.951, is_shared=False).replace(THIN, "_")
    ('99.87_%, wide because we look several times', '95.1_%')
    """
    return level(value) + (", wide because we look several times" if is_shared else "")


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return (MINUS if value < 0 and float(f"{value:.{digits}f}") != 0 else "") + text


def hours(value: float) -> str:
    """A stretch of hours: whole hours up to two days, then days.

    >>> hours(31.2).replace(THIN, "_"), hours(200).replace(THIN, "_")
    ('32_h', '9_days')
    """
    whole = math.ceil(value)
    return f"{whole}{THIN}h" if whole <= 48 else f"{math.ceil(whole / 24)}{THIN}days"
