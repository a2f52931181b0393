"""Both arms of a rollout made from hours of calls, without a database: what the tests of the decision room judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from analysis.config.settings import Claim
from analysis.counting.arm import Arm, RowQuality
from analysis.counting.scope import Cycle
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.decision.claims import Arms, Plan
from analysis.decision.findings import Finding, find_expectations, find_guardrails
from analysis.metrics import OUTCOME_CODES
from analysis.statistics.sequential import bounds
from analysis.window import HOUR, Window

DEPLOYED_AT = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
TAU_MS = 20_000
LIMITS = pd.DataFrame(
    {
        "feature": ["f"],
        "tau_ms": [TAU_MS],
        "p50_ms": [1000],
        "p90_ms": [2000],
        "p95_ms": [3000],
        "p99_ms": [9000],
    }
)
LIMIT_MS = {"slower_p50": 1000, "slower_p90": 2000, "slower_p95": 3000, "slower_p99": 9000}

Hours = np.ndarray | Sequence[float] | float


def calls(
    first: int,
    last: int,
    *,
    per_hour: Hours,
    feature: str = "f",
    source: str | None = "s",
    tenant: str = "t",
    latency_ms: Hours = 1000,
    lag_hours: int = 0,
    failed_ms: int | None = None,
    **failed: Hours,
) -> pd.DataFrame:
    """Rows of HourlyCounts: `per_hour` calls in each hour first..last-1, of which so many (whole numbers) fail as each class says.

    >>> calls(0, 2, per_hour=10, timeout=[1, 0])[["hour", "outcome", "calls"]].values.tolist()
    [[0, 0, 9], [0, 1, 1], [1, 0, 10]]
    """
    hours = np.arange(first, last)
    every = np.broadcast_to(np.asarray(per_hour, dtype=int), hours.shape)
    of_class = {
        OUTCOME_CODES[name]: np.broadcast_to(np.asarray(n, dtype=int), hours.shape)
        for name, n in failed.items()
    }
    of_class[0] = every - sum(of_class.values(), np.zeros(hours.shape, dtype=int))
    taken = np.broadcast_to(np.asarray(latency_ms, dtype=int), hours.shape)
    parts = []
    for outcome, n in of_class.items():
        ms = taken if outcome == 0 or failed_ms is None else np.full(hours.shape, failed_ms)
        capped = np.minimum(ms, TAU_MS)
        sums = {
            "calls": n,
            "timed_calls": n,
            "latency_ms": n * ms,
            "latency_ms_2": n * ms**2,
            "capped_ms": n * capped,
            "capped_ms_2": n * capped**2,
            "tau_ms": n * TAU_MS,
            "tau_ms_2": n * TAU_MS**2,
            **{name: n * (ms > limit) for name, limit in LIMIT_MS.items()},
            "output_token_calls": n,
            "output_tokens": 100 * n,
            "output_tokens_2": 10_000 * n,
            "total_token_calls": n,
            "total_tokens": 500 * n,
            "total_tokens_2": 250_000 * n,
        }
        keys = {
            "feature": feature,
            "source": source,
            "tenant": tenant,
            "hour": hours,
            "lag_hours": lag_hours,
            "outcome": outcome,
        }
        parts.append(pd.DataFrame(keys | sums))
    rows = pd.concat(parts)
    return rows[rows["calls"] > 0].sort_values(["hour", "outcome"], ignore_index=True)


def events(
    first: int,
    last: int,
    *,
    kind: str,
    y: Hours,
    n: Hours,
    feature: str | None = None,
    source: str | None = None,
) -> pd.DataFrame:
    """Rows of EventCounts: y of n chances in each hour."""
    hours = np.arange(first, last)
    whole = {
        name: np.broadcast_to(np.asarray(value, dtype=int), hours.shape)
        for name, value in (("y", y), ("n", n))
    }
    return pd.DataFrame(
        {
            "feature": feature,
            "source": source,
            "tenant": None,
            "hour": hours,
            "lag_hours": 0,
            "kind": kind,
        }
        | whole
    )


def arm(
    first: int,
    last: int,
    *rows: pd.DataFrame,
    events: Sequence[pd.DataFrame] = (),
    excluded: Sequence[int] = (),
    **quality: object,
) -> Arm:
    """An arm of the hours first..last-1 from the deploy; `quality` overrides numbers that the checks judge."""
    hourly = HourlyCounts.of(pd.concat(rows)) if rows else HourlyCounts.empty()
    hourly = hourly.where(~hourly.rows["hour"].isin(excluded))
    window = Window(DEPLOYED_AT + first * HOUR, DEPLOYED_AT + last * HOUR)
    n = int(hourly.rows["calls"].sum())
    sound = {
        "written_rows": n,
        "distinct_ids": n,
        "first_written_at": window.start if n else None,
        "last_written_at": window.end if n else None,
    }
    counted = (
        hourly.rows.assign(
            latency_ms=hourly.rows["latency_ms"] // hourly.rows["calls"].clip(lower=1)
        )
        if n
        else None
    )
    latency = (
        LatencyCounts.of(counted[["feature", "source", "outcome", "latency_ms", "calls"]])
        if n
        else LatencyCounts.empty()
    )
    counts = EventCounts.of(pd.concat(events)) if events else EventCounts.empty()
    return Arm(
        window,
        (first, last),
        latency,
        hourly,
        HourlyBins.empty(),
        counts,
        LIMITS,
        RowQuality(**(sound | quality)),
        frozenset(excluded),
    )


def arms(baseline: Arm, post: Arm, *, user_classes: tuple[str, ...] = ()) -> Arms:
    return Arms(baseline, post, Cycle.of(*baseline.hours), user_classes)


def plan(look: int = 2, *, windows: Sequence[int] = (1, 4, 24), alpha: float = 0.05) -> Plan:
    """A planned look; with one window, the only one."""
    times = tuple(hours / windows[-1] for hours in windows)
    previous = windows[look - 1] if look else None
    return Plan(times, look, (0, windows[look]), previous, alpha, bounds(times, alpha)[look])


ONLY = {"windows": (24,), "look": 0}
"""The plan of a single look after 24 hours: bound 1.96."""


def claim(
    claim: str | None = None,
    metric: str | None = "timeout_rate",
    *,
    feature: str | None = "f",
    **keys: object,
) -> Claim:
    return Claim(
        **(
            {"name": f"{metric} {claim}", "feature": feature, "metric": metric, "claim": claim}
            | keys
        )
    )


def any_of(*parts: Claim, name: str = "either") -> Claim:
    return Claim(name=name, feature="f", any_of=parts)


def expectations(both: Arms, *claims: Claim, at: Plan, useful: float = 0.1) -> tuple[Finding, ...]:
    return find_expectations(claims, both, at, smallest_useful=useful)


def expectation(both: Arms, claim: Claim, *, at: Plan) -> Finding:
    return expectations(both, claim, at=at)[0]


def guardrail(both: Arms, claim: Claim, *, at: Plan) -> Finding:
    return find_guardrails([claim], both, at, smallest_useful=0.1)[0]


def noisy(
    mean: float, *, days: int = 7, hours: int = 24, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers around a mean, one per hour, baseline and post: days that differ a little."""
    rng = np.random.default_rng(seed)
    drawn = rng.poisson(mean, days * 24 + hours)
    return drawn[: days * 24], drawn[days * 24 :]


def week(
    *,
    per_hour: int = 100,
    hours: int = 24,
    before: Mapping[str, float],
    after: Mapping[str, float],
    seed: int = 0,
    days: int = 7,
    feature: str = "f",
    latency_ms: tuple[int, int] = (1000, 1000),
) -> Arms:
    """Steady traffic of one feature, with Poisson numbers of each class: mean a hour before and after the deploy."""
    rng = np.random.default_rng(seed)
    names = sorted({*before, *after})
    counts = {
        name: (
            rng.poisson(before.get(name, 0.0), days * 24),
            rng.poisson(after.get(name, 0.0), hours),
        )
        for name in names
    }
    baseline = calls(
        -24 * days,
        0,
        per_hour=per_hour,
        feature=feature,
        latency_ms=latency_ms[0],
        **{name: n[0] for name, n in counts.items()},
    )
    post = calls(
        0,
        hours,
        per_hour=per_hour,
        feature=feature,
        latency_ms=latency_ms[1],
        **{name: n[1] for name, n in counts.items()},
    )
    return arms(arm(-24 * days, 0, baseline), arm(0, hours, post))


def spoken(text: str) -> str:
    """A text without its typographic characters."""
    return (
        text.replace("\N{NARROW NO-BREAK SPACE}", " ")
        .replace("\N{MINUS SIGN}", "-")
        .replace("\N{EN DASH}", "-")
    )
