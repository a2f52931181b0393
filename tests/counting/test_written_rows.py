"""What a stretch of time holds: the model of a feature, the first call, and ids that occur twice among more rows than are compared."""

from datetime import UTC, timedelta

import pandas as pd
import pytest

from analysis.counting import written_rows as written
from analysis.counting.grid import Grid
from analysis.counting.scanning.written_rows import load_trust, load_written_rows
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls, typed
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
DAY = Window(DEPLOY, DEPLOY + timedelta(days=1))
MANY = 6_000


def many_calls(*, first_minute=0, minutes=60):
    """A day of calls, evenly over some minutes of every hour."""
    each = MANY // 24
    written_at = [
        DEPLOYED_AT.replace(minute=0, second=0)
        + timedelta(hours=1 + hour, minutes=first_minute + minutes * n / each)
        for hour in range(23)
        for n in range(each)
    ]
    row = {
        "clientId": "t",
        "leadId": None,
        "source": None,
        "featureId": "f",
        "model": "m",
        "apiType": "r",
        "outputTokens": 1,
        "totalTokens": 2,
        "latencyMs": 500,
        "status": "success",
        "errorMessage": None,
    }
    return typed(
        [row | {"id": f"id-{number}", "createdAt": at} for number, at in enumerate(written_at)]
    )


def ids(rows, tmp_path, monkeypatch):
    """Rows, ids and ids compared, where more than a thousand rows are many and about 500 of them are looked at."""
    monkeypatch.setattr(written, "IDS_AT_ONCE", 1_000)
    monkeypatch.setattr(written, "IDS_LOOKED_AT", 500)
    engine = open_engine(store("parquet", rows, tmp_path))
    found = load_trust(engine, GRID, DAY)
    engine.close()
    return found["written_rows"], found["distinct_ids"], found["ids_compared"]


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_a_part_of_each_hour_speaks_for_all_ids(tmp_path, monkeypatch):
    rows, distinct, compared = ids(many_calls(), tmp_path, monkeypatch)
    assert rows == distinct == 23 * 250
    assert 450 < compared < 550


@pytest.mark.parametrize(
    "copied",
    [
        lambda calls: pd.concat([calls, calls]),  # a file that is read twice
        lambda calls: pd.concat(
            [calls, calls[(calls["createdAt"].dt.hour == 5) & (calls["createdAt"].dt.minute < 20)]]
        ),  # exports that overlap from the hour on
    ],
)
def test_a_copy_in_that_part_has_all_ids_counted(tmp_path, monkeypatch, copied):
    calls = many_calls()
    rows = copied(calls)
    assert ids(rows, tmp_path, monkeypatch) == (len(rows), len(calls), len(rows))


def test_all_ids_are_counted_where_that_part_holds_hardly_any(tmp_path, monkeypatch):
    calls = many_calls(first_minute=30, minutes=20)
    calls = pd.concat([calls, calls.head(1)])
    assert ids(calls, tmp_path, monkeypatch) == (len(calls), len(calls) - 1, len(calls))


def test_a_feature_has_the_model_of_most_of_its_rows(tmp_path):
    models = ["b", "b", "a", "a", "c", None, None, None]
    rows = (
        edge_case_calls()
        .head(8)
        .assign(
            featureId="f",
            model=models,
            latencyMs=1,
            createdAt=pd.Timestamp(DEPLOYED_AT) + pd.Timedelta("1min"),
        )
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    found = load_written_rows(engine, GRID, DAY)
    engine.close()
    assert found.models == {"f": "a"}
    assert found.first_started_at == DEPLOY + timedelta(seconds=59, milliseconds=999)
