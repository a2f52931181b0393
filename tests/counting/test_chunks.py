"""A scan in pieces gives what a scan in one go gives, to the row; it goes on where it was, and makes its pieces smaller when they take too long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from analysis.counting.load import (
    CronBudget,
    Grid,
    load_event_counts,
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.partial import Partial
from analysis.counting.pieces import IN_ONE_GO, Pace, scan
from tests.telemetry.test_freeze import MORE, Opened, assert_same

from analysis.counting.baseline import Baselines
from analysis.counting.scanning.written_rows import load_trust, load_written_rows
from analysis.errors import RolloutError, TookTooLong
from analysis.files import LeakRefused
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, MESSAGES, edge_case_calls, typed
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
HOUR = timedelta(hours=1)
WHOLE = Window(DEPLOY - timedelta(hours=30), DEPLOY + timedelta(hours=30))
BUSY = Window(DEPLOY - timedelta(hours=3), DEPLOY)
LIMITS = pd.DataFrame(
    {
        "feature": ["f", "g"],
        "tau_ms": [9_000, 20_000],
        "p50_ms": 900,
        "p90_ms": 4_000,
        "p95_ms": 9_000,
        "p99_ms": 90_000,
    }
)
ALL_CALLS = CronBudget("cron", 60_000, lambda feature, source: True)


def busy_calls(seed, n=700):
    """Three hours so full that failures, their successes and cron minutes lie across every edge; some calls take longer than a piece."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        failed = rng.random() < 0.5
        ms = int(rng.choice([50, 900, 30_000, 400_000, 4_000_000], p=[0.3, 0.4, 0.15, 0.1, 0.05]))
        rows.append(
            {
                "id": f"id-{number}",
                "clientId": f"t{rng.integers(2)}",
                "leadId": rng.choice(["a", "b", None]),
                "source": rng.choice(["s", None]),
                "featureId": rng.choice(["f", "g"]),
                "model": f"m{rng.integers(2)}",
                "apiType": "r",
                "outputTokens": None if failed else 5,
                "totalTokens": None if failed else 9,
                "latencyMs": ms,
                "status": "error" if failed else "success",
                "errorMessage": MESSAGES[number % 14] if failed else None,
                "createdAt": DEPLOYED_AT
                - timedelta(milliseconds=int(rng.integers(0, 3 * 3_600_000))),
            }
        )
    return typed(rows)


def everything(engine, window, pace=IN_ONE_GO):
    hourly = load_hourly_counts(engine, GRID, window, LIMITS, pace=pace)
    tables = [
        hourly,
        load_latency_counts(engine, GRID, [window], pace=pace),
        load_hourly_bins(engine, GRID, window, by_source=False, pace=pace),
        load_event_counts(
            engine, GRID, window, hourly=hourly, recovered=True, crons=[ALL_CALLS], pace=pace
        ),
    ]
    written = load_written_rows(engine, GRID, window, pace=pace)
    return tables, [
        written.first_started_at,
        written.names,
        written.models,
        load_trust(engine, GRID, window, written),
    ]


def assert_equal(found, expected):
    for one, other in zip(found[0], expected[0], strict=True):
        pd.testing.assert_frame_equal(one.rows, other.rows, obj=type(one).__name__)
    assert found[1] == expected[1]


class Watched:
    """A real engine that can be interrupted, that minds long pieces, and that remembers what it was asked."""

    def __init__(self, engine, *, stop_after=None, longest=None):
        self._engine, self._stop_after, self._longest = engine, stop_after, longest
        self.asked = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def fetch(self, statement):
        if self._stop_after is not None and len(self.asked) >= self._stop_after:
            raise RolloutError("cut off")
        written = statement.parameters["written_before"] - statement.parameters["written_from"]
        self.asked.append((statement.name, written))
        if self._longest is not None and written > self._longest:
            raise TookTooLong(
                f"the query {statement.name!r} took longer than [source].timeout; raise it, or shorten the window"
            )
        return self._engine.fetch(statement)


@pytest.fixture
def busy(tmp_path):
    opened = open_engine(store("parquet", busy_calls(1), tmp_path))
    yield opened
    opened.close()


# ---- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("calls", "days", "a_piece", "piece"),
    [
        (10_000_000, 7, 30_000_000, None),
        (70_000_000, 7, 30_000_000, 3),
        (70_000_000, 7, 10_000_000, 1),
        (90_000_000, 7, 1_000_000, 1),
        (90_000_000, 1, 1_000_000, None),
        (0, 7, 1, None),
    ],
)
def test_how_long_a_piece_is(calls, days, a_piece, piece):
    found = Pace().for_calls(calls, timedelta(days=days), a_piece=a_piece).piece
    assert found == (None if piece is None else timedelta(days=piece))


def test_finer_pieces_of_a_short_scan_are_neither_told_of_nor_kept():
    told = []
    short, long = Pace(tell=told.append), Pace(timedelta(days=3), tell=told.append)
    assert short.finer(10_000_000, timedelta(days=7), a_piece=3_000_000) == Pace(timedelta(days=2))
    assert long.finer(70_000_000, timedelta(days=7), a_piece=10_000_000) == Pace(
        timedelta(days=1), tell=told.append
    )


def test_a_failure_and_its_success_on_either_side_of_an_edge(tmp_path):
    def call(number, at_s, status):
        return {
            "id": str(number),
            "clientId": "t",
            "leadId": "a",
            "source": "s",
            "featureId": "f",
            "model": "m",
            "outputTokens": None,
            "totalTokens": None,
            "latencyMs": 10,
            "status": status,
            "errorMessage": None,
            "createdAt": BUSY.start.replace(tzinfo=None) + timedelta(seconds=at_s),
        }

    rows = typed(
        [
            call(1, 3599, "error"),
            call(2, 3600 + 500, "success"),
            call(3, 7199, "error"),
            call(4, 7200 + 700, "success"),
        ]
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    found = load_event_counts(
        engine, GRID, BUSY, hourly=None, recovered=True, crons=[], pace=Pace(HOUR)
    )
    assert (found.rows["y"].sum(), found.rows["n"].sum()) == (1, 2)


# ---- laws: pieces are the whole --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seed", "piece"), [(1, HOUR), (2, timedelta(minutes=11)), (3, timedelta(minutes=100))], ids=str
)
def test_pieces_are_the_whole_where_calls_cross_every_edge(tmp_path, seed, piece):
    engine = open_engine(store("parquet", busy_calls(seed), tmp_path))
    whole = everything(engine, BUSY)
    assert whole[0][3].rows["y"].sum() > 50
    assert_equal(everything(engine, BUSY, Pace(piece)), whole)


@pytest.mark.parametrize("kind", ["parquet", "postgres"])
def test_pieces_are_the_whole_of_nasty_calls(kind, tmp_path, request, monkeypatch):
    database = request.getfixturevalue("database") if kind == "postgres" else None
    engine = open_engine(
        store(kind, edge_case_calls(), tmp_path, database=database, monkeypatch=monkeypatch)
    )
    assert_equal(everything(engine, WHOLE, Pace(timedelta(hours=5))), everything(engine, WHOLE))
    engine.close()


# ---- interrupted, and gone on with -----------------------------------------------------------------------------------
def test_a_scan_goes_on_where_it_was(busy, tmp_path):
    pace = Pace(HOUR, keeping=Partial(tmp_path / "partial", made_from="x"))
    cut = Watched(busy, stop_after=2)
    with pytest.raises(RolloutError, match="cut off"):
        load_latency_counts(cut, GRID, [BUSY], pace=pace)
    rest = Watched(busy)
    found = load_latency_counts(rest, GRID, [BUSY], pace=pace)
    assert len(rest.asked) == 2  # of four, for the settle is a piece of its own
    pd.testing.assert_frame_equal(found.rows, load_latency_counts(busy, GRID, [BUSY]).rows)
    other = Watched(busy)
    load_latency_counts(
        other,
        GRID,
        [BUSY],
        pace=replace(pace, keeping=Partial(tmp_path / "partial", made_from="y")),
    )
    assert len(other.asked) == 4  # made from something else: nothing of it is used
    pace.keeping.clear()
    assert not (tmp_path / "partial").exists()


def test_a_damaged_piece_is_counted_anew(busy, tmp_path):
    pace = Pace(HOUR, keeping=Partial(tmp_path / "partial", made_from="x"))
    whole = load_hourly_bins(busy, GRID, BUSY, by_source=True, pace=pace)
    first = sorted((tmp_path / "partial").iterdir())[0]
    first.write_bytes(first.read_bytes()[:-9])
    again = Watched(busy)
    pd.testing.assert_frame_equal(
        load_hourly_bins(again, GRID, BUSY, by_source=True, pace=pace).rows, whole.rows
    )
    assert len(again.asked) == 1


def test_a_frozen_baseline_leaves_no_pieces_and_an_interrupted_one_keeps_them(tmp_path):
    older = edge_case_calls().assign(
        createdAt=lambda calls: calls["createdAt"] - timedelta(days=3),
        id=lambda calls: calls["id"] + "-older",
    )
    settings = store("parquet", pd.concat([older, edge_case_calls()]), tmp_path, more=MORE)
    told, baselines = [], Baselines(settings, DEPLOY)
    whole = baselines.frozen(lambda: open_engine(settings))
    baselines.path.unlink()

    class Small(Watched):
        calls_per_chunk = 50

    with pytest.raises(RolloutError, match="cut off"):
        Baselines(settings, DEPLOY, tell=told.append).frozen(
            lambda: Small(open_engine(settings), stop_after=6)
        )
    assert sorted((baselines.path.parent / "partial").iterdir())
    assert not baselines.path.exists()
    assert any("counted up to" in line for line in told)
    assert_same(Baselines(settings, DEPLOY).frozen(lambda: Small(open_engine(settings))), whole)
    assert [path.name for path in baselines.path.parent.iterdir()] == ["counts.parquet"]
    assert_same(baselines.frozen(Opened(settings)), whole)


# ---- too long --------------------------------------------------------------------------------------------------------
def test_a_piece_that_takes_too_long_is_halved(busy):
    told = []
    slow = Watched(busy, longest=timedelta(minutes=100))
    found = load_latency_counts(slow, GRID, [BUSY], pace=Pace(tell=told.append))
    pd.testing.assert_frame_equal(found.rows, load_latency_counts(busy, GRID, [BUSY]).rows)
    assert [str(piece) for _, piece in slow.asked] == [
        "3:01:30",
        "1:00:00",
        "1:00:00",
        "1:00:00",
        "0:01:30",
    ]
    assert told[0] == "latency_counts: took too long, goes on in pieces of an hour"


def test_an_hour_that_takes_too_long_is_told(busy):
    slow = Watched(busy, longest=timedelta(0))
    with pytest.raises(
        TookTooLong,
        match=r"the query 'latency_counts' took longer than \[source\].timeout even for an hour of rows; raise it, or see what",
    ):
        load_latency_counts(slow, GRID, [BUSY])
    assert len(slow.asked) == 2


# ---- edges -----------------------------------------------------------------------------------------------------------
def test_a_stretch_of_no_length_is_asked_once(busy):
    nothing = Grid(DEPLOY, timedelta(0)).parameters(Window(DEPLOY, DEPLOY + HOUR)) | {
        "written_before": datetime(2000, 1, 1)
    }
    assert [len(rows) for rows in scan(busy, "latency_counts", nothing, pace=Pace(HOUR))] == [0]


def test_a_name_that_looks_like_a_secret_is_not_kept(tmp_path):
    rows = pd.DataFrame({"feature": ["someone@example.com"], "calls": [1]})
    with pytest.raises(LeakRefused):
        Partial(tmp_path, made_from="x").keep(
            "latency_counts", {}, (datetime(2026, 1, 1), datetime(2026, 1, 2)), rows
        )
    assert not list(tmp_path.iterdir())
