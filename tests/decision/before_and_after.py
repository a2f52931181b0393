"""A feature whose timeouts, latency or recovered failures are other ones after the deploy; the looks and claims that judge it."""

from __future__ import annotations

import numpy as np

from tests.decision.making import ONLY, arm, arms, calls, claim, events, expectation, plan, week

LAST, SECOND, FIRST, SINGLE = plan(2), plan(1), plan(0), plan(**ONLY)
FALLS, HALVES = claim("falls"), claim("falls", by=0.5)
LIMIT = claim("below", "latency_mean", limit=3000)


def rate(before, after, *, hours=24, per_hour=100, **keys):
    """Timeouts an hour before and after the deploy, among `per_hour` calls."""
    return week(
        before={"timeout": before}, after={"timeout": after}, hours=hours, per_hour=per_hour, **keys
    )


def latency(before, after, *, hours=24, per_hour=30, seed=0):
    """Hours whose mean latency wanders by a tenth."""
    rng = np.random.default_rng(seed)
    first = calls(-168, 0, per_hour=per_hour, latency_ms=rng.normal(before, before / 10, 168))
    then = calls(0, hours, per_hour=per_hour, latency_ms=rng.normal(after, after / 10, hours))
    return arms(arm(-168, 0, first), arm(0, hours, then))


def recovered(before, after, *, failures=10, hours=24, seed=0):
    """Failures made good, as shares of the failures."""
    rng = np.random.default_rng(seed)
    first = events(
        -168,
        0,
        kind="recovered",
        y=rng.binomial(failures, before, 168),
        n=failures,
        feature="f",
        source="s",
    )
    then = events(
        0,
        hours,
        kind="recovered",
        y=rng.binomial(failures, after, hours),
        n=failures,
        feature="f",
        source="s",
    )
    rows = (
        calls(start, end, per_hour=100, http_5xx=failures) for start, end in ((-168, 0), (0, hours))
    )
    return arms(arm(-168, 0, next(rows), events=[first]), arm(0, hours, next(rows), events=[then]))


def state_of(both, said, at):
    return expectation(both, said, at=at).state
