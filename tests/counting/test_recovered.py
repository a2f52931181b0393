"""Recovered failures: followed within ten minutes by a success of the same feature and lead, without a lead of the same tenant."""

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pytest
from analysis.counting.load import LIMIT_COLUMNS, Grid, load_event_counts, load_hourly_counts

from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, typed
from tests.fixtures.plain_counts import Calls, plain_rows
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
TWO_HOURS = Window(DEPLOY, DEPLOY + timedelta(hours=2))
MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture(params=["parquet", "postgres"])
def recovered(request, tmp_path, monkeypatch):
    """A function from calls to {(hour, lag): (recovered, failures)}."""

    def ask(calls, window=TWO_HOURS):
        database = request.getfixturevalue("database") if request.param == "postgres" else None
        if database:
            database.execute('TRUNCATE "AIInteraction"')
        engine = open_engine(
            store(request.param, typed(calls), tmp_path, database=database, monkeypatch=monkeypatch)
        )
        hourly = load_hourly_counts(engine, GRID, window, pd.DataFrame(columns=list(LIMIT_COLUMNS)))
        rows = load_event_counts(engine, GRID, window, hourly=hourly, recovered=True, crons=[]).rows
        engine.close()
        summed = rows.groupby(["hour", "lag_hours"])[["y", "n"]].sum()
        return {
            key: (int(y), int(n))
            for key, y, n in zip(summed.index, summed["y"], summed["n"], strict=True)
        }

    return ask


def call(written_s, *, ok, lead="lead-a", tenant="t1", feature="f", source="s", ms=0):
    call.number = getattr(call, "number", 0) + 1
    return {
        "id": f"id-{call.number}",
        "clientId": tenant,
        "leadId": lead,
        "source": source,
        "featureId": feature,
        "model": "m",
        "apiType": "r",
        "outputTokens": None,
        "totalTokens": None,
        "latencyMs": ms,
        "status": "success" if ok else "error",
        "errorMessage": None if ok else "Request timed out.",
        "createdAt": DEPLOYED_AT + timedelta(seconds=written_s),
    }


def _moved(one, hours):
    """The call that many hours later, of another lead and tenant."""
    names = {key: one[key] and f"{one[key]} {hours}" for key in ("leadId", "clientId")}
    return one | names | {"createdAt": one["createdAt"] + timedelta(hours=hours)}


# ---- by hand ---------------------------------------------------------------------------------------------------------
CASES = [
    ([call(0, ok=False), call(10 * MINUTE, ok=True)], (1, 1)),
    ([call(0, ok=False), call(10 * MINUTE + 0.001, ok=True)], (0, 1)),
    ([call(0, ok=False), call(0, ok=True)], (0, 1)),  # at the same millisecond nothing followed
    ([call(5, ok=True), call(6, ok=False)], (0, 1)),
    ([call(0, ok=False), call(1, ok=False), call(2, ok=True)], (2, 2)),
    ([call(0, ok=False), call(1, ok=True, lead="lead-b")], (0, 1)),
    ([call(0, ok=False), call(1, ok=True, feature="g")], (0, 1)),
    (
        [call(0, ok=False), call(1, ok=True, source="another")],
        (1, 1),
    ),  # a retry may come from elsewhere
    ([call(0, ok=False), call(1, ok=True, lead=None)], (0, 1)),
    ([call(0, ok=False, lead=None), call(1, ok=True, lead=None)], (1, 1)),
    (
        [call(0, ok=False, lead=None), call(1, ok=True, lead="lead-b")],
        (1, 1),
    ),  # without a lead: the same tenant
    ([call(0, ok=False, lead=None), call(1, ok=True, tenant="t2")], (0, 1)),
    (
        [call(0, ok=False, tenant="t1"), call(1, ok=True, tenant="t2")],
        (1, 1),
    ),  # the lead is the same
]


def test_what_counts_as_recovered(recovered):
    calls = [_moved(one, hours) for hours, (case, _) in enumerate(CASES) for one in case]
    found = recovered(calls, Window(DEPLOY, DEPLOY + timedelta(hours=len(CASES))))
    assert found == {(hours, 0): expected for hours, (_, expected) in enumerate(CASES)}


def test_a_success_counts_from_the_hour_in_which_it_can_be_seen(recovered):
    at_the_end = [
        call(HOUR - 20, ok=False, lead="a"),
        call(HOUR + 60, ok=True, lead="a", ms=65_000),  # started in the same hour
        call(HOUR - 20, ok=False, lead="b"),
        call(HOUR + 60, ok=True, lead="b", ms=10),  # started in the next
        call(HOUR - 20, ok=False, lead="c"),
        call(HOUR + 91, ok=True, lead="c", ms=95_000),
    ]  # written too late for it
    assert recovered(at_the_end) == {(0, 0): (1, 3), (0, 1): (2, 0)}
    assert recovered(at_the_end, Window(DEPLOY, DEPLOY + timedelta(hours=1))) == {
        (0, 0): (1, 3)
    }  # the look of one hour sees the same


# ---- against a plain loop over the rows ------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_calls(recovered, seed):
    rng = np.random.default_rng(seed)
    calls = [
        call(
            float(second),
            ok=bool(rng.random() < 0.5),
            lead=rng.choice([None, "a", "b"]),
            tenant=rng.choice(["t1", "t2"]),
            feature=rng.choice(["f", "g"]),
            ms=int(rng.integers(0, 200_000)),
        )
        for second in np.round(rng.uniform(0, 2 * HOUR, 150), 0)
    ]
    naive = {
        "start": DEPLOYED_AT,
        "end": DEPLOYED_AT + timedelta(hours=2),
        "ingestion_delay": GRID.ingestion_delay,
        "deployed_at": DEPLOYED_AT,
    }
    expected = {}
    for (_, _, _, hour, lag), (y, n) in (
        Calls(plain_rows(typed(calls)), **naive).recovered().items()
    ):
        so_far = expected.get((hour, lag), (0, 0))
        expected[(hour, lag)] = (so_far[0] + y, so_far[1] + n)
    assert recovered(calls) == dict(sorted(expected.items()))


# ---- edges -----------------------------------------------------------------------------------------------------------
def test_only_successes_have_nothing_to_recover(recovered):
    assert recovered([call(1, ok=True), call(2, ok=True)]) == {}


def test_many_failures_of_one_tenant_stay_quick(recovered):
    calls = [call(number * 0.3, ok=number % 2 == 0, lead=None) for number in range(20_000)]
    found = recovered(calls)
    assert sum(n for _, n in found.values()) == 10_000
    assert (
        sum(y for y, _ in found.values()) == 9_999
    )  # each but the last is followed by a success 0.3 s later
