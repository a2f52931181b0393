"""Cron minutes over budget: calls of the chosen features and sources, summed by the minute they start in, on the deploy's grid."""

from datetime import UTC, timedelta

import pandas as pd
import pytest
from analysis.counting.load import (
    LIMIT_COLUMNS,
    CronBudget,
    Grid,
    load_event_counts,
    load_hourly_counts,
)

from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, typed
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
JOBS = CronBudget(
    "cron_over:1000:background-job/*:*",
    1000,
    lambda feature, source: (source or "").startswith("background-job/"),
)


@pytest.fixture(params=["parquet", "postgres"])
def minutes(request, tmp_path, monkeypatch):
    """A function from calls and a cron to {(hour, lag): (minutes over budget, minutes)}."""

    def ask(calls, cron=JOBS, *, hours=2):
        database = request.getfixturevalue("database") if request.param == "postgres" else None
        engine = open_engine(
            store(request.param, typed(calls), tmp_path, database=database, monkeypatch=monkeypatch)
        )
        window = Window(DEPLOY, DEPLOY + timedelta(hours=hours))
        hourly = load_hourly_counts(engine, GRID, window, pd.DataFrame(columns=list(LIMIT_COLUMNS)))
        rows = load_event_counts(
            engine, GRID, window, hourly=hourly, recovered=False, crons=[cron]
        ).rows
        engine.close()
        assert set(rows["kind"]) <= {cron.kind}
        return {(row.hour, row.lag_hours): (row.y, row.n) for row in rows.itertuples()}

    return ask


def call(starts_s, ms, source="background-job/a", feature="f"):
    call.number = getattr(call, "number", 0) + 1
    return {
        "id": f"id-{call.number}",
        "clientId": "t",
        "leadId": None,
        "source": source,
        "featureId": feature,
        "model": "m",
        "apiType": "r",
        "outputTokens": None,
        "totalTokens": None,
        "latencyMs": ms,
        "status": "success",
        "errorMessage": None,
        "createdAt": DEPLOYED_AT + timedelta(seconds=starts_s, milliseconds=ms or 0),
    }


# ---- by hand ---------------------------------------------------------------------------------------------------------
CASES = [
    ([call(0, 600), call(59, 401)], {(0, 0): (1, 1)}),  # the deploy's first minute, 1001 ms
    ([call(0, 600), call(59, 400)], {(0, 0): (0, 1)}),  # the budget itself is no excess
    ([call(59.999, 600), call(60, 600)], {(0, 0): (0, 2)}),  # two minutes of the deploy's grid
    ([call(5, 2000), call(5, 2000, source="api")], {(0, 0): (1, 1)}),
    (
        [call(5, 600), call(5, 600, source="background-job/b", feature="g")],
        {(0, 0): (1, 1)},
    ),  # all jobs are one run
    ([call(5, 2000, source=None)], {}),
    (
        [call(5, None)],
        {(0, 0): (0, 1)},
    ),  # a call without a latency adds nothing, its minute is there
    ([call(3599, 95_000)], {(0, 1): (1, 1)}),  # written too late for the look of one hour
    ([call(3599, 80_000)], {(0, 0): (1, 1)}),
    ([call(3600, 10)], {(1, 0): (0, 1)}),
]


def test_minutes_over_budget(minutes):
    moved = [
        one | {"createdAt": one["createdAt"] + timedelta(hours=2 * number)}
        for number, (calls, _) in enumerate(CASES)
        for one in calls
    ]
    expected = {
        (hour + 2 * number, lag): sums
        for number, (_, found) in enumerate(CASES)
        for (hour, lag), sums in found.items()
    }
    assert minutes(moved, hours=2 * len(CASES)) == expected


def test_a_call_without_a_source_is_chosen_where_every_source_is(minutes):
    everything = CronBudget("all", 1000, lambda feature, source: True)
    assert minutes([call(5, 600, source=None), call(5, 600, source="api")], everything) == {
        (0, 0): (1, 1)
    }


# ---- edges -----------------------------------------------------------------------------------------------------------
def test_no_call_is_chosen(minutes):
    assert minutes([call(5, 600)], CronBudget("none", 1000, lambda feature, source: False)) == {}


def test_hundreds_of_sources_are_joined(minutes):
    calls = [call(number, 4, source=f"background-job/{number:03d}") for number in range(300)]
    assert minutes(calls) == {(0, 0): (0, 5)}
