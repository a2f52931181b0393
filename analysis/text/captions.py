"""The words of each figure, made from its numbers: a title, what it says for who cannot see it, what it proves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.formatting import THIN, count, milliseconds, share
from analysis.report.prepared.values import (
    AnswerCurves,
    CapCurve,
    CliffBars,
    Forest,
    HourlyRate,
    LatencyCurves,
    Looks,
    Mark,
    OutcomeMix,
    Shift,
    Slowness,
    Steps,
)
from analysis.text.prose import value_text

SURE = f"95{THIN}%"
STATE_WORDS = {
    "met": "met",
    "not_met": "not met",
    "worse": "worse",
    "undecided": "undecided",
    "no_data": "too few calls",
}


@dataclass(frozen=True)
class Words:
    """Heading (short, above the figure), title (whole), alternative text and caption of one figure."""

    heading: str
    title: str
    alt: str
    caption: str


def describe_forest(prepared: Forest) -> Words:
    """Every expectation as a change."""
    rows = [
        f"{row.name}: {_change(row.change, row.low, row.high)}, {STATE_WORDS[row.state]}"
        for row in prepared.rows
    ]
    return Words(
        "Change from before to after",
        "Expectations: change from before to after",
        ". ".join(rows) + "." if rows else "No expectation is declared.",
        "Each line is the interval of the change relative to before; the green bracket is what was required (met: a filled circle "
        f"with its whole line beyond it), the grey band (±{share(prepared.too_small)}) is too small to matter.",
    )


def describe_latency_curves(prepared: LatencyCurves, feature: str) -> Words:
    """How long calls take."""
    before, after = (_quantile_words(steps) for steps in (prepared.baseline, prepared.post))
    return Words(
        "How long calls take",
        f"How long calls of {feature} take, before and after",
        f"{before[0].upper()}{before[1:]} before, {after} after.{_caps(prepared.caps)}",
        f"A curve further right is slower; a vertical rise is a cap that cuts calls off. "
        f"{before[0].upper()}{before[1:]} before, {after} after.",
    )


def describe_answer_curves(prepared: AnswerCurves, feature: str) -> Words:
    """How long until an answer, with calls that were cut off."""
    censored = [share(curve.censored) for curve in (prepared.baseline, prepared.post)]
    return Words(
        "Time to an answer",
        f"Time to an answer of {feature}, before and after",
        f"{censored[0]} of the calls before and {censored[1]} after never got an answer.{_caps(prepared.caps)}",
        f"Share of calls still without an answer, with its {SURE} band (Kaplan-Meier: a call that was cut off counts "
        f"as waiting until then, not as answered). Never answered: {censored[0]} before, {censored[1]} after."
        f"{' Dotted: the cap, the time at which calls are cut off.' if prepared.caps else ''}",
    )


def describe_cliff(prepared: CliffBars, feature: str) -> Words:
    """Where failed calls pile up."""
    piles = [
        _pile(failed, prepared.edges_ms)
        for failed in (prepared.baseline_failed, prepared.post_failed)
    ]
    return Words(
        "Where calls fail",
        f"Where calls of {feature} fail, before and after",
        f"Before, failed calls are {piles[0]}; after, {piles[1]}.{_caps(prepared.caps)}",
        f"Filled: failed calls, line: all calls; before upwards, after downwards. Before, failed calls are {piles[0]}; after, {piles[1]}.",
    )


def describe_shift(prepared: Shift, feature: str) -> Words:
    """How each quantile moved."""
    known = [point for point in prepared.points if point.change_ms is not None]
    hidden = [f"p{100 * point.q:g}" for point in prepared.points if point.change_ms is None]
    moved = ", ".join(f"p{100 * point.q:g} {_signed(point.change_ms)}" for point in known)
    beyond = (
        f"{_together(hidden)}: not identifiable" if hidden else "every quantile is identifiable"
    )
    return Words(
        "How the time to an answer moved",
        f"How the time to an answer of {feature} moved",
        f"After minus before: {moved or 'no quantile can be compared'}. {beyond[0].upper()}{beyond[1:]}.",
        f"After minus before at each quantile (p90: the time within which 90{THIN}% of the calls were answered), with a band "
        f"that holds for all of them at once ({share(prepared.level)}; {count(prepared.n_baseline)} and {count(prepared.n_post)} calls)."
        + (
            f" Hatched: fewer calls than that were ever answered in one of the arms, so it cannot be known ({beyond})."
            if hidden
            else ""
        ),
    )


def describe_hourly_rate(prepared: HourlyRate, feature: str) -> Words:
    """A metric hour by hour."""
    before, after = prepared.rate[prepared.hours < 0], prepared.rate[prepared.hours >= 0]
    gaps, what = (
        int(np.isnan(prepared.rate).sum()),
        f"{prepared.what[0].upper()}{prepared.what[1:]}",
    )
    left_out = (
        f"{count(gaps)} hours have no calls or are left out" if gaps else "no hour is without calls"
    )
    seen = f"Before, hours lie between {_range(before, prepared.unit)}; after, between {_range(after, prepared.unit)}."
    return Words(
        f"{what}, hour by hour",
        f"{what} of {feature}, hour by hour",
        f"{seen} {left_out[0].upper()}{left_out[1:]}.",
        f"Each point is an hour, a larger one has more calls; {f'{left_out} (gaps)' if gaps else left_out}. "
        f"Dotted: the same clock hours of the baseline. {seen}",
    )


def describe_slowness(prepared: Slowness, label: str) -> Words:
    """The untouched features around the deploy, and the target beside them."""
    after = prepared.hours >= 0
    means = [
        _mean(values[after]) for values in (prepared.untouched, prepared.target, prepared.adjusted)
    ]
    text = f"After the deploy, on average: untouched features {means[0]}, target {means[1]}, adjusted {means[2]}."
    metric = f"{prepared.metric[0].upper()}{prepared.metric[1:]}"
    return Words(
        f"{metric} of {label}, and features that the deploy did not touch",
        f"{metric} of {label} beside {len(prepared.names)} features that the deploy did not touch, hour by hour",
        text,
        f"Each line is a share over the baseline's own value, a mean of three hours. What {', '.join(prepared.names)} do too is not the "
        f"deploy's doing; the dotted line is what is left. {text}",
    )


def describe_outcome_mix(prepared: OutcomeMix, feature: str) -> Words:
    """What calls end as."""
    rows = [
        f"{name} {share(before.value)} before, {share(after.value)} after"
        for name, before, after in zip(
            prepared.classes, prepared.baseline, prepared.post, strict=True
        )
    ]
    return Words(
        "What calls end as",
        f"What calls of {feature} end as",
        "; ".join(rows) + ".",
        f"Share of calls by outcome, before (filled) and after (hatched), each with its {SURE} interval (thin line): "
        f"{'; '.join(rows)}.",
    )


def describe_cap_curve(prepared: CapCurve, feature: str) -> Words:
    """What a cap would cut off."""
    at_knobs = [
        f"{milliseconds(knob.at)}: {_at(found)}"
        for knob, found in zip(prepared.knobs, prepared.at_knobs, strict=True)
    ]
    knobs = (
        f" At the knobs (settings that can be turned back): {'; '.join(at_knobs)}."
        if at_knobs
        else ""
    )
    return Words(
        f"A cap on {feature}",
        f"What a cap on {feature} would cut off",
        f"By {count(prepared.n_calls)} calls after the deploy.{knobs} Beyond {milliseconds(prepared.own_cap_ms)} nothing can be known.",
        f"Share of calls that a shorter cap would cut off, with its {SURE} band.{knobs} "
        "Hatched: beyond what this window can see.",
    )


def describe_looks(prepared: Looks) -> Words:
    """Every look at one claim."""
    rows = [
        f"{point.window}: {_change(point.change, point.low, point.high)}"
        for point in prepared.points
    ]
    return Words(
        "Every look",
        f"Every look at: {prepared.name}",
        "; ".join(rows) + ".",
        "Each line is the interval at that look; below its name stands the bound, as standard errors of a normal distribution: "
        "the higher, the stricter.",
    )


def _change(change: float | None, low: float | None, high: float | None) -> str:
    if change is None:
        return "nothing to compare"
    return f"{_percent(change)} ({_percent(low)} to {_percent(high)})"


def _percent(value: float) -> str:
    text = f"{100 * value:+.0f}"
    return ("0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")) + f"{THIN}%"


def _together(names: list[str]) -> str:
    """Names in a row; more than two by the first and the last.

    >>> _together(["p95", "p99"]), _together(["p10", "p25", "p50"])
    ('p95, p99', 'p10 to p50')
    """
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} to {names[-1]}"


def _signed(value_ms: float) -> str:
    return ("+" if value_ms > 0 else "") + milliseconds(value_ms)


def _quantile_words(steps: Steps) -> str:
    if not steps.x.size:
        return "no calls"
    return f"half of the {count(steps.n_calls)} calls ended within {milliseconds(float(steps.x[np.searchsorted(steps.y, 0.5)]))}"


def _caps(caps: tuple[Mark, ...]) -> str:
    return "".join(
        f" Calls were cut off at {milliseconds(cap.at)} {'before' if cap.arm == 'baseline' else 'after'}."
        for cap in caps
    )


def _pile(failed: np.ndarray, edges: np.ndarray) -> str:
    total = float(failed.sum())
    if not total:
        return "none"
    top = int(np.argmax(failed))
    where = f"{milliseconds(float(edges[top]))} to {milliseconds(float(edges[top + 1]))}"
    return f"{share(total)} of all calls, {share(float(failed[top]) / total)} of them at {where}"


def _mean(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return _percent(float(known.mean())) if known.size else "not known"


def _range(values: np.ndarray, unit: str) -> str:
    seen = values[np.isfinite(values)]
    return (
        f"{value_text(unit, float(seen.min()))} and {value_text(unit, float(seen.max()))}"
        if seen.size
        else "nothing and nothing"
    )


def _at(found: tuple[float, float, float] | None) -> str:
    return (
        "not identifiable"
        if found is None
        else f"{share(found[0])} ({share(found[1])} to {share(found[2])})"
    )
