"""Recovered failures and cron minutes over budget, by hand and against a loop over the rows."""

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.scans.count_tables import load_hourly_counts
from analysis.counting.scans.events import CronBudget, load_cron_minutes, load_recovered
from analysis.counting.scans.scan import Scan
from analysis.counting.scope import Scope
from analysis.window import HOUR, window_after
from tests.fixtures.edge_case_calls import DEPLOYED_AT, typed
from tests.fixtures.plain_counts import Calls, plain_rows
from tests.fixtures.single_calls import call, random_calls

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
MINUTE_S, HOUR_S = 60, 3600


def failed(written_s, **columns):
    return call(written_s, ok=False, **columns)


def started(starts_s, ms, source="background-job/a", **columns):
    """A call of a cron that starts that many seconds after the deploy."""
    return call(starts_s + (ms or 0) / 1000, ms=ms, source=source, **columns)


def in_hours_of_their_own(cases, hours_each):
    """The calls of each case, moved to other hours, leads and tenants than those of the others."""
    return [
        one
        | {key: one[key] and f"{one[key]} {number}" for key in ("leadId", "clientId")}
        | {"createdAt": one["createdAt"] + number * hours_each * HOUR}
        for number, (calls, _) in enumerate(cases)
        for one in calls
    ]


# ---- recovered failures -----------------------------------------------------------------------
RECOVERED = [  # calls, (recovered, failures)
    ([failed(0), call(10 * MINUTE_S)], (1, 1)),
    ([failed(0), call(10 * MINUTE_S + 0.001)], (0, 1)),
    ([failed(0), call(0)], (0, 1)),  # in the same millisecond nothing follows
    ([call(5), failed(6)], (0, 1)),
    ([failed(0), failed(1), call(2)], (2, 2)),
    ([failed(0), call(1, leadId="lead-b")], (0, 1)),
    ([failed(0), call(1, featureId="g")], (0, 1)),
    ([failed(0), call(1, source="another")], (1, 1)),  # a retry may come from elsewhere
    ([failed(0), call(1, leadId=None)], (0, 1)),
    ([failed(0, clientId="t1"), call(1, clientId="t2")], (1, 1)),  # the lead is the same
    # without a lead the tenant is compared
    ([failed(0, leadId=None), call(1, leadId=None)], (1, 1)),
    ([failed(0, leadId=None), call(1, leadId="lead-b")], (1, 1)),
    ([failed(0, leadId=None), call(1, clientId="t2")], (0, 1)),
]


def sum_recovered(engine, hours=2):
    """{(hour, lag): (recovered, failures)}."""
    rows = load_recovered(Scan(engine, GRID), window_after(DEPLOY, hours * HOUR)).rows
    sums = rows.groupby(["hour", "lag_hours"])[["y", "n"]].sum()
    return {key: tuple(map(int, row)) for key, row in zip(sums.index, sums.to_numpy(), strict=True)}


def test_recovered_by_hand(open_store):
    engine = open_store(typed(in_hours_of_their_own(RECOVERED, 1)))
    expected = {(hour, 0): sums for hour, (_, sums) in enumerate(RECOVERED)}
    assert sum_recovered(engine, hours=len(RECOVERED)) == expected


def test_a_success_counts_from_the_hour_in_which_it_is_seen(open_store):
    at = HOUR_S - 20
    calls = [
        failed(at, leadId="a"),
        call(HOUR_S + 60, leadId="a", ms=65_000),  # started in the same hour
        failed(at, leadId="b"),
        call(HOUR_S + 60, leadId="b", ms=10),  # started in the next hour
        failed(at, leadId="c"),
        call(HOUR_S + 91, leadId="c", ms=95_000),  # written too late for the first hour
    ]
    engine = open_store(typed(calls))
    assert sum_recovered(engine) == {(0, 0): (1, 3), (0, 1): (2, 0)}
    assert sum_recovered(engine, hours=1) == {(0, 0): (1, 3)}  # the look of one hour agrees


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recovered_of_random_calls(open_store, seed):
    rng = np.random.default_rng(seed)
    written_s = np.round(rng.uniform(0, 2 * HOUR_S, 150))
    calls = random_calls(seed, written_s, latencies_ms=list(rng.integers(0, 200_000, 50)))
    rows = Calls(
        plain_rows(calls),
        start=DEPLOYED_AT,
        end=DEPLOYED_AT + 2 * HOUR,
        ingestion_delay=GRID.ingestion_delay,
        deployed_at=DEPLOYED_AT,
    )
    expected = {}
    for (*_, hour, lag), sums in rows.recovered().items():
        so_far = expected.get((hour, lag), (0, 0))
        expected[hour, lag] = (so_far[0] + sums[0], so_far[1] + sums[1])
    assert sum_recovered(open_store(calls)) == expected


def test_without_failures_there_is_nothing_to_recover(open_store):
    assert sum_recovered(open_store(typed([call(1), call(2)]))) == {}


def test_many_failures_of_one_tenant_are_fast(open_store):
    calls = [call(n * 0.3, ok=n % 2 == 0, leadId=None) for n in range(20_000)]
    found = sum_recovered(open_store(typed(calls))).values()
    assert sum(n for _, n in found) == 10_000
    assert sum(y for y, _ in found) == 9_999  # the last one is followed by nothing


# ---- cron minutes -----------------------------------------------------------------------------
JOBS = Scope(source="background-job/*")
CRON = [  # calls, {(hour, lag): (minutes over a budget of 1,000 ms, minutes)}
    ([started(0, 600), started(59, 401)], {(0, 0): (1, 1)}),
    ([started(0, 600), started(59, 400)], {(0, 0): (0, 1)}),  # exactly the budget
    ([started(59.999, 600), started(60, 600)], {(0, 0): (0, 2)}),  # minutes of the deploy's grid
    ([started(5, 2000), started(5, 2000, source="api")], {(0, 0): (1, 1)}),
    # all jobs are one cron
    (
        [started(5, 600), started(5, 600, source="background-job/b", featureId="g")],
        {(0, 0): (1, 1)},
    ),
    ([started(5, 2000, source=None)], {}),
    ([started(5, None)], {(0, 0): (0, 1)}),  # without a latency it adds nothing to its minute
    ([started(3599, 95_000)], {(0, 1): (1, 1)}),  # written too late for the look of one hour
    ([started(3599, 80_000)], {(0, 0): (1, 1)}),
    ([started(3600, 10)], {(1, 0): (0, 1)}),
]


def sum_minutes(engine, scope, hours=2):
    """{(hour, lag): (minutes over budget, minutes)}."""
    window = window_after(DEPLOY, hours * HOUR)
    hourly = load_hourly_counts(
        Scan(engine, GRID), window, pd.DataFrame(columns=list(LIMIT_COLUMNS))
    )
    cron = CronBudget("cron", 1000, scope)
    rows = load_cron_minutes(Scan(engine, GRID), window, cron, hourly=hourly).rows
    assert set(rows["kind"]) <= {"cron"}
    return {(row.hour, row.lag_hours): (row.y, row.n) for row in rows.itertuples()}


def test_minutes_over_budget(open_store):
    engine = open_store(typed(in_hours_of_their_own(CRON, 2)))
    expected = {
        (hour + 2 * number, lag): sums
        for number, (_, found) in enumerate(CRON)
        for (hour, lag), sums in found.items()
    }
    assert sum_minutes(engine, JOBS, hours=2 * len(CRON)) == expected


def test_a_call_without_a_source_belongs_to_every_source(open_store):
    engine = open_store(typed([started(5, 600, source=None), started(5, 600, source="api")]))
    assert sum_minutes(engine, Scope()) == {(0, 0): (1, 1)}


def test_a_cron_without_calls_has_no_minutes(open_store):
    assert sum_minutes(open_store(typed([started(5, 600)])), Scope(source="none")) == {}


def test_hundreds_of_sources_are_joined(open_store):
    calls = [started(number, 4, source=f"background-job/{number:03d}") for number in range(300)]
    assert sum_minutes(open_store(typed(calls)), JOBS) == {(0, 0): (0, 5)}
