"""Whether an improvement lasts: the trailing hours must show it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.statistics.comparison import Comparison, compare
from analysis.statistics.ratio import count_repeats
from analysis.statistics.totals import ArmTotals, standardise

SMALLEST_EXPECTED = 5.0
ONE_SIDED = 0.05
SHARE_OF_HOURS = 0.8


@dataclass(frozen=True)
class Sustained:
    """The four conditions of "sustained for N hours".

    Attributes
    ----------
    holds : bool
        All that were asked are met.
    crossed : bool
        (a) the bound of this look is crossed.
    trailing_better : bool or None
        (b) the trailing N hours alone are better, one-sided 5 %. Where events are rare: they are not worse, one-sided 5
        %. None when N hours have not passed.
    share_of_hours_better : float or None
        (c) share of the trailing hours with calls that are better than the baseline; None where it was not asked.
    critical_guardrails_met : bool
        (d) every critical guardrail is met.
    evidence_asked : bool
        Whether (b) and (c) asked for new evidence: the trailing hours hold at least 5 expected events.
    p_value : float or None
        One-sided p of the trailing hours.
    """

    holds: bool
    crossed: bool
    trailing_better: bool | None
    share_of_hours_better: float | None
    critical_guardrails_met: bool
    evidence_asked: bool
    p_value: float | None


def check_sustained(
    baseline: ArmTotals,
    post: ArmTotals,
    *,
    hours: int,
    indicator: bool,
    better: Literal["less", "greater"],
    crossed: bool,
    critical_guardrails_met: bool,
    first_hour: int = 0,
    trailing: Comparison | None = None,
) -> Sustained:
    """Ask whether an improvement has lasted for the trailing `hours` hours of the post arm.

    (a) the bound is crossed, (b) the trailing hours alone are better, one-sided 5 %, (c) at least 80 % of those hours
    are better than the baseline value of the same clock hours, (d) every critical guardrail is met. With fewer than 5
    expected events in those hours (b) and (c) ask only that there is no new evidence against.

    Parameters
    ----------
    baseline, post : ArmTotals of the metric, as for `comparison.compare`
    hours : N, whole hours
    better : the direction that is better, "less" for what should fall
    crossed, critical_guardrails_met : (a) and (d), decided elsewhere
    first_hour : hour of the cycle at which post hour 0 lies; other than 0 for a later stage of the monitoring
    trailing : comparison of the trailing hours where there is a better one than the plain (beside control features)

    Notes
    -----
    A cumulative test alone claims "sustained" for hours after a relapse; that is why (b) and (c) look at the end only.
    """
    if post.y.shape[2] < hours or hours < 1:
        return Sustained(False, crossed, None, None, critical_guardrails_met, True, None)
    plain, first = compare_trailing(
        baseline, post, hours=hours, indicator=indicator, first_hour=first_hour
    )
    trailing = trailing or plain
    evidence_asked = not indicator or _expected_events(trailing, baseline) >= SMALLEST_EXPECTED
    share = (
        _share_better(baseline, post, first=first, first_hour=first_hour, better=better)
        if evidence_asked
        else None
    )
    if evidence_asked:
        p_value = trailing.p_value(alternative=better)
        lasting = p_value <= ONE_SIDED
    else:
        p_value = trailing.p_value(alternative="greater" if better == "less" else "less")
        lasting = p_value > ONE_SIDED
    holds = (
        crossed
        and lasting
        and critical_guardrails_met
        and (share is None or share >= SHARE_OF_HOURS)
    )
    return Sustained(
        holds, crossed, lasting, share, critical_guardrails_met, evidence_asked, p_value
    )


def compare_trailing(
    baseline: ArmTotals, post: ArmTotals, *, hours: int, indicator: bool, first_hour: int = 0
) -> tuple[Comparison, int]:
    """Compare the last `hours` hours of the post arm alone with their clock hours; also returns the first of them."""
    first = post.y.shape[2] - hours
    cycle = baseline.y.shape[2]
    trailing = compare(
        baseline,
        post.hours(first, first + hours),
        indicator=indicator,
        first_hour=(first_hour + first) % cycle,
    )
    return trailing, first


def _expected_events(trailing: Comparison, baseline: ArmTotals) -> float:
    """Events of the trailing hours at the baseline's rate and the larger traffic of the two: silence is not rarity."""
    usual_n = trailing.baseline_n / count_repeats(baseline.usable)
    return (trailing.crude_baseline_value or 0.0) * max(trailing.post_n, usual_n)


def _share_better(
    baseline: ArmTotals, post: ArmTotals, *, first: int, first_hour: int, better: str
) -> float:
    """Share of the trailing hours with calls whose value is better than the baseline's over the same clock hours."""
    hours = post.hours(first, post.y.shape[2])
    arms = standardise(baseline, hours, first_hour=(first_hour + first) % baseline.y.shape[2])
    filled = (arms.post.n > 0) & arms.post_usable
    if not filled.any() or arms.baseline_total.n <= 0:
        return 0.0
    change = (
        arms.post.y[filled] / arms.post.n[filled] - arms.baseline_total.y / arms.baseline_total.n
    )
    return float(np.mean(change < 0 if better == "less" else change > 0))
