"""What a window holds: models, the first call, and ids that occur twice in a sample of the rows."""

from datetime import UTC, timedelta

import pandas as pd
import pytest

from analysis.counting.grid import Grid
from analysis.counting.scans import written_rows
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality, load_written_rows
from analysis.telemetry.engines import open_engine
from analysis.window import DAY, Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, typed
from tests.fixtures.single_calls import call
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
FIRST_DAY = Window(DEPLOY, DEPLOY + DAY)
CALLS_PER_HOUR = 250
FIRST_FULL_HOUR_S = 3600 - (DEPLOYED_AT.minute * 60 + DEPLOYED_AT.second)


def evenly_written_calls(*, first_minute=0, minutes=60):
    """23 hours of calls, evenly over some minutes of every hour."""
    return typed(
        [
            call(
                FIRST_FULL_HOUR_S
                + hour * 3600
                + first_minute * 60
                + minutes * 60 * number / CALLS_PER_HOUR
            )
            for hour in range(23)
            for number in range(CALLS_PER_HOUR)
        ]
    )


@pytest.fixture
def count_ids(tmp_path, monkeypatch):
    """Counts (rows, distinct ids, ids compared) of calls, and samples 500 of 1,000 rows."""
    monkeypatch.setattr(written_rows, "ALL_IDS", 1_000)
    monkeypatch.setattr(written_rows, "SAMPLED_IDS", 500)
    monkeypatch.setattr(written_rows, "SMALLEST_SAMPLE", 500 // 40)

    def count(calls):
        engine = open_engine(store("parquet", calls, tmp_path))
        found = load_row_quality(Scan(engine, GRID), FIRST_DAY)
        engine.close()
        return found.written_rows, found.distinct_ids, found.ids_compared

    return count


def test_a_sample_of_each_hour_stands_for_all_ids(count_ids):
    rows, distinct, compared = count_ids(evenly_written_calls())
    assert rows == distinct == 23 * CALLS_PER_HOUR
    assert 450 < compared < 550


@pytest.mark.parametrize(
    "copied",
    [
        lambda calls: calls,  # a file that is read twice
        lambda calls: calls[  # exports that overlap from the full hour on
            (calls["createdAt"].dt.hour == 5) & (calls["createdAt"].dt.minute < 20)
        ],
    ],
    ids=["all", "twenty minutes"],
)
def test_a_copy_in_the_sample_makes_all_ids_counted(count_ids, copied):
    calls = evenly_written_calls()
    rows = pd.concat([calls, copied(calls)])
    assert count_ids(rows) == (len(rows), len(calls), len(rows))


def test_all_ids_are_counted_when_the_sample_is_nearly_empty(count_ids):
    calls = evenly_written_calls(first_minute=30, minutes=20)
    calls = pd.concat([calls, calls.head(1)])
    assert count_ids(calls) == (len(calls), len(calls) - 1, len(calls))


def test_a_feature_has_the_model_of_most_of_its_rows(tmp_path):
    models = ["b", "b", "a", "a", "c", None, None, None]
    rows = typed([call(60, ms=1, model=model) for model in models])
    engine = open_engine(store("parquet", rows, tmp_path))
    found = load_written_rows(Scan(engine, GRID), FIRST_DAY)
    engine.close()
    assert found.models == {"f": "a"}
    assert found.first_started_at == DEPLOY + timedelta(seconds=59, milliseconds=999)
