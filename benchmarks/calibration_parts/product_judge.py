"""The product's own judge on simulated series: tables of counts in, findings out.

The hour sums become an `HourlyCounts` of three features and four tenants, and two of those an
`Arms`. The claims below go through `find_expectations`, one claim a family, as in
`analysis/judge.py`.
The other tables of an arm are empty because these claims do not read them.

`ask` saves time: it evaluates the claim first and calls the whole judge only when a bound is
crossed, which the judge needs for "met" or "worse". A test compares both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from analysis.config import Claim
from analysis.counting.arm import Arm, RowQuality
from analysis.counting.arms import Arms
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts, set_types
from analysis.decision.claims.evaluation import ClaimEvaluation, evaluate_claim
from analysis.decision.claims.families import find_expectations
from analysis.decision.claims.findings import Finding
from analysis.decision.claims.sustained import decide_sustained
from analysis.decision.comparison import Comparator
from analysis.decision.plan import Plan
from analysis.outcomes import OUTCOME_CODES
from analysis.sample.features import DEPLOYED_AT
from analysis.statistics.sequential import bounds, level_of, z_value
from analysis.window import Window
from benchmarks.calibration_parts.series import N_TENANTS, HourSums, Sums

ALPHA, SMALLEST_USEFUL = 0.05, 0.1
# `capped` fails only by timeouts and `failing` only by http_5xx, so error_rate is the rate of that
# class. A claim about one class would also compare every other class.
CLAIMS = {
    "timeouts": Claim(name="timeouts", feature="capped", metric="error_rate", claim="falls"),
    "errors": Claim(name="errors", feature="failing", metric="error_rate", claim="falls"),
    "latency": Claim(name="latency", feature="plain", metric="latency_mean", claim="falls"),
    "slower": Claim(name="slower", feature="plain", metric="slower_than_p95", claim="falls"),
}
METRIC_NAMES = {
    "timeouts": "timeout rate, 50 %",
    "errors": "provider errors, 1 %",
    "latency": "mean latency",
    "slower": "slower than p95",
}
# feature and outcome; each has one row an hour and tenant
GROUPS = (
    ("capped", "success"),
    ("capped", "timeout"),
    ("failing", "success"),
    ("failing", "http_5xx"),
    ("plain", "success"),
)


def hourly_counts(sums: HourSums, slower: Sums, *, first_hour: int) -> HourlyCounts:
    """The table that SQL would return for these calls, in another order."""
    calls = np.stack(
        [
            sums.calls - sums.timeouts,
            sums.timeouts,
            sums.calls - sums.errors,
            sums.errors,
            sums.calls,
        ]
    )
    keys = _keys(calls.shape[1])
    numbers = np.zeros((calls.size, len(HourlyCounts.SUMS)), dtype=np.int64)
    column = {name: index for index, name in enumerate(HourlyCounts.SUMS)}
    # rows by group, tenant, hour
    numbers[:, column["calls"]] = numbers[:, column["timed_calls"]] = calls.transpose(
        0, 2, 1
    ).ravel()
    plain = slice(-sums.calls.size, None)
    for name, values in (
        ("latency_ms", sums.latency_ms),
        ("latency_ms_2", sums.latency_ms_2),
        ("slower_p95", slower),
    ):
        numbers[plain, column[name]] = values.T.ravel()
    with_calls = np.flatnonzero(numbers[:, 0])
    rows = {name: column.take(with_calls) for name, column in keys.items()} | dict(
        zip(HourlyCounts.SUMS, numbers[with_calls].T, strict=True)
    )
    rows["hour"] = rows["hour"] + first_hour
    return HourlyCounts(set_types(pd.DataFrame(rows, copy=False)))


def make_comparator(
    baseline: HourlyCounts, post: HourlyCounts, *, days: int, hours: int
) -> Comparator:
    """A comparator, as the judge makes it from a frozen baseline and a look."""
    return Comparator(Arms(_arm(baseline, -24 * days, 0), _arm(post, 0, hours)))


def plan_of(windows: Sequence[int], look: int = -1, *, alpha: float = ALPHA) -> Plan:
    """The plan of a look among planned windows, in hours from the deploy."""
    return _plan(tuple(windows), look % len(windows), alpha)


def judge(
    claims: Claim | Sequence[Claim], comparator: Comparator, plan: Plan
) -> tuple[Finding, ...]:
    """Findings of a family of claims at one look."""
    family = [claims] if isinstance(claims, Claim) else list(claims)
    return find_expectations(family, comparator, plan, smallest_useful=SMALLEST_USEFUL)


@dataclass(frozen=True, eq=False)
class Answer:
    """The judge's finding about one claim.

    Attributes
    ----------
    state : of the finding; "open" when no bound is crossed.
    p_value : two-sided, of "nothing changed"; 1 without data.
    interval : of post - baseline at the level of the look's bound; None without a comparison.
    """

    state: str
    p_value: float
    interval: tuple[float, float] | None

    @property
    def is_alarm(self) -> bool:
        """The judge reports a change, for better or worse."""
        return self.state in ("met", "worse")


def ask(claim: Claim, comparator: Comparator, plan: Plan) -> Answer:
    """The finding about a claim that is a family of its own."""
    evaluation = evaluate_claim(claim, comparator, plan.hours)
    comparison = evaluation.comparison
    interval = None if comparison.difference is None else comparison.interval(level_of(plan.bound))
    if not evaluation.has_data:
        return Answer("no_data", 1.0, interval)
    state = judge(claim, comparator, plan)[0].state if _crosses(evaluation, plan) else "open"
    return Answer(state, comparison.p_value(), interval)


def is_sustained(
    findings: tuple[Finding, ...], comparator: Comparator, plan: Plan, *, sustained_hours: int
) -> bool:
    """The judge says that the improvement is sustained, without guardrails."""
    return decide_sustained(
        findings, (), comparator, plan, sustained_for=timedelta(hours=sustained_hours)
    ).holds


def _crosses(evaluation: ClaimEvaluation, plan: Plan) -> bool:
    return z_value(min(evaluation.p_met, evaluation.p_harm)) >= plan.bound


@cache
def _plan(windows: tuple[int, ...], look: int, alpha: float) -> Plan:
    times = tuple(hours / windows[-1] for hours in windows)
    return Plan(
        times,
        look,
        (0, windows[look]),
        windows[look - 1] if look else None,
        alpha,
        bounds(times, alpha)[look],
    )


@cache
def _keys(hours: int) -> dict[str, Any]:
    """Key columns of HourlyCounts for every group, tenant and hour, in that order."""
    size = N_TENANTS * hours
    text = pd.Series(dtype="str").dtype
    return {
        "feature": pd.array(np.repeat([feature for feature, _ in GROUPS], size), dtype=text),
        "source": pd.array(np.repeat("job/series", size * len(GROUPS)), dtype=text),
        "tenant": pd.array(
            np.tile(np.repeat(["t1", "t2", "t3", "t4"], hours), len(GROUPS)), dtype=text
        ),
        "hour": np.tile(np.arange(hours), N_TENANTS * len(GROUPS)),
        "lag_hours": np.zeros(size * len(GROUPS), dtype=np.int64),
        "outcome": np.repeat([OUTCOME_CODES[outcome] for _, outcome in GROUPS], size),
    }


def _arm(hourly: HourlyCounts, first: int, last: int) -> Arm:
    window = Window(DEPLOYED_AT + timedelta(hours=first), DEPLOYED_AT + timedelta(hours=last))
    latency, bins, events = _no_calls()
    return Arm(
        window,
        (first, last),
        latency,
        hourly,
        bins,
        events,
        limits=pd.DataFrame(),
        quality=RowQuality(),
    )


@cache
def _no_calls() -> tuple[LatencyCounts, HourlyBins, EventCounts]:
    return LatencyCounts.empty(), HourlyBins.empty(), EventCounts.empty()
