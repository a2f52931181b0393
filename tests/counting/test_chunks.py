"""A scan in chunks counts what one query counts; it continues where it was, in smaller chunks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.counting.baseline import load_baseline
from analysis.counting.grid import Grid
from analysis.counting.scans.chunks import ONE_CHUNK, ChunkPolicy
from analysis.counting.scans.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scans.events import CronBudget, load_cron_minutes, load_recovered
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality, load_written_rows
from analysis.counting.scope import Scope
from analysis.counting.storage.chunk_cache import ChunkCache
from analysis.errors import RolloutError, TookTooLong
from analysis.files import LeakRefused
from analysis.telemetry.engines import open_engine
from analysis.window import DAY, HOUR, Window
from tests.fixtures.arm_comparison import assert_same_arm
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls, typed
from tests.fixtures.growing_looks import EVENT_CLAIMS
from tests.fixtures.single_calls import call, random_calls
from tests.fixtures.stores import store
from tests.fixtures.watched_engine import WatchedEngine

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
WHOLE = Window(DEPLOY - 30 * HOUR, DEPLOY + 30 * HOUR)
BUSY = Window(DEPLOY - 3 * HOUR, DEPLOY)
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
CRON = CronBudget("cron", 60_000, Scope())


def busy_calls(seed, n=700):
    """Three hours in which failures, their successes and cron minutes cross every edge."""
    written_s = -np.random.default_rng(seed).uniform(0, 3 * 3_600, n)
    latencies_ms = [50, 50, 50, 900, 900, 900, 900, 30_000, 400_000, 4_000_000]
    return random_calls(seed, written_s, latencies_ms=latencies_ms)


def count_all(engine, window, chunks=ONE_CHUNK):
    """Every table of counts, and everything that the written rows say."""
    scan = Scan(engine, GRID, chunks)
    hourly = load_hourly_counts(scan, window, LIMITS)
    tables = [
        hourly,
        load_latency_counts(scan, [window]),
        load_hourly_bins(scan, window, by_source=False),
        load_recovered(scan, window),
        load_cron_minutes(scan, window, CRON, hourly=hourly),
    ]
    written = load_written_rows(scan, window)
    quality = load_row_quality(scan, window, written)
    return tables, [written.first_started_at, written.names, written.models, quality]


def assert_same_counts(found, expected):
    for one, other in zip(found[0], expected[0], strict=True):
        pd.testing.assert_frame_equal(one.rows, other.rows, obj=type(one).__name__)
    assert found[1] == expected[1]


@pytest.fixture
def busy(tmp_path):
    opened = open_engine(store("parquet", busy_calls(1), tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def hourly_chunks(tmp_path):
    """Chunks of an hour, kept in the folder `chunks`."""
    return ChunkPolicy(HOUR, cache=ChunkCache(tmp_path / "chunks", inputs="x"))


# ---- by hand ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("calls", "days", "calls_per_chunk", "chunk_days"),
    [
        (10_000_000, 7, 30_000_000, None),
        (70_000_000, 7, 30_000_000, 3),
        (70_000_000, 7, 10_000_000, 1),
        (90_000_000, 7, 1_000_000, 1),
        (90_000_000, 1, 1_000_000, None),
        (0, 7, 1, None),
    ],
)
def test_the_length_of_a_chunk(calls, days, calls_per_chunk, chunk_days):
    found = ChunkPolicy().for_calls(calls, days * DAY, calls_per_chunk=calls_per_chunk).length
    assert found == (None if chunk_days is None else chunk_days * DAY)


def test_finer_chunks_of_a_short_scan_are_neither_reported_nor_kept():
    lines = []
    uncut = ChunkPolicy(on_progress=lines.append)
    cut = replace(uncut, length=3 * DAY)
    assert uncut.finer(10_000_000, 7 * DAY, calls_per_chunk=3_000_000) == ChunkPolicy(2 * DAY)
    assert cut.finer(70_000_000, 7 * DAY, calls_per_chunk=10_000_000) == replace(cut, length=DAY)


def test_a_failure_and_its_success_on_either_side_of_an_edge(tmp_path):
    written_s = [3599, 3600 + 500, 7199, 7200 + 700]
    rows = [
        call(at - 3 * 3600, ok=is_success, ms=10)
        for at, is_success in zip(written_s, [False, True] * 2, strict=True)
    ]
    engine = open_engine(store("parquet", typed(rows), tmp_path))
    found = load_recovered(Scan(engine, GRID, ChunkPolicy(HOUR)), BUSY)
    assert (found.rows["y"].sum(), found.rows["n"].sum()) == (1, 2)


# ---- laws: the chunks are the whole -----------------------------------------------------------
@pytest.mark.parametrize(
    ("seed", "length"),
    [(1, HOUR), (2, timedelta(minutes=11)), (3, timedelta(minutes=100))],
    ids=str,
)
def test_chunks_are_the_whole_where_calls_cross_every_edge(tmp_path, seed, length):
    engine = open_engine(store("parquet", busy_calls(seed), tmp_path))
    whole = count_all(engine, BUSY)
    assert whole[0][3].rows["y"].sum() > 50
    assert_same_counts(count_all(engine, BUSY, ChunkPolicy(length)), whole)


def test_chunks_are_the_whole_of_edge_cases(open_store):
    engine = open_store(edge_case_calls())
    chunks = ChunkPolicy(5 * HOUR)
    assert_same_counts(count_all(engine, WHOLE, chunks), count_all(engine, WHOLE))


# ---- interrupted and continued ----------------------------------------------------------------
def test_a_scan_continues_where_it_was(busy, tmp_path, hourly_chunks):
    with pytest.raises(RolloutError, match="cut off"):
        load_latency_counts(Scan(WatchedEngine(busy, stop_after=2), GRID, hourly_chunks), [BUSY])
    rest = WatchedEngine(busy)
    found = load_latency_counts(Scan(rest, GRID, hourly_chunks), [BUSY])
    assert len(rest.statements) == 2  # of four: the ingestion delay is a chunk of its own
    pd.testing.assert_frame_equal(found.rows, load_latency_counts(Scan(busy, GRID), [BUSY]).rows)

    other_inputs = replace(hourly_chunks, cache=ChunkCache(tmp_path / "chunks", inputs="y"))
    other = WatchedEngine(busy)
    load_latency_counts(Scan(other, GRID, other_inputs), [BUSY])
    assert len(other.statements) == 4
    hourly_chunks.cache.clear()
    assert not (tmp_path / "chunks").exists()


def test_a_damaged_chunk_is_counted_again(busy, tmp_path, hourly_chunks):
    whole = load_hourly_bins(Scan(busy, GRID, hourly_chunks), BUSY, by_source=True)
    first = min((tmp_path / "chunks").iterdir())
    first.write_bytes(first.read_bytes()[:-9])
    engine = WatchedEngine(busy)
    again = load_hourly_bins(Scan(engine, GRID, hourly_chunks), BUSY, by_source=True)
    pd.testing.assert_frame_equal(again.rows, whole.rows)
    assert len(engine.statements) == 1


def test_an_interrupted_baseline_keeps_its_chunks_and_a_frozen_one_does_not(tmp_path):
    older = edge_case_calls().assign(
        createdAt=lambda calls: calls["createdAt"] - 3 * DAY,
        id=lambda calls: calls["id"] + "-older",
    )
    calls = pd.concat([older, edge_case_calls()])
    settings = store("parquet", calls, tmp_path, more=EVENT_CLAIMS)
    path, chunks = settings.paths.baseline_counts, settings.paths.baseline_pieces
    whole = load_baseline(settings, DEPLOY, lambda: open_engine(settings))
    path.unlink()

    class SmallChunks(WatchedEngine):
        calls_per_chunk = 50

    def interrupted():
        return SmallChunks(open_engine(settings), stop_after=6)

    lines = []
    with pytest.raises(RolloutError, match="cut off"):
        load_baseline(settings, DEPLOY, interrupted, on_progress=lines.append)
    assert list(chunks.iterdir())
    assert not path.exists()
    assert any("counted up to" in line for line in lines)

    again = load_baseline(settings, DEPLOY, lambda: SmallChunks(open_engine(settings)))
    assert_same_arm(again, whole)
    assert list(path.parent.iterdir()) == [path]
    assert_same_arm(load_baseline(settings, DEPLOY, lambda: open_engine(settings)), whole)


# ---- too long ---------------------------------------------------------------------------------
def test_a_chunk_that_takes_too_long_is_halved(busy):
    lines, engine = [], WatchedEngine(busy, longest=timedelta(minutes=100))
    found = load_latency_counts(Scan(engine, GRID, ChunkPolicy(on_progress=lines.append)), [BUSY])
    pd.testing.assert_frame_equal(found.rows, load_latency_counts(Scan(busy, GRID), [BUSY]).rows)
    delay = timedelta(seconds=90)
    assert engine.lengths == [3 * HOUR + delay, HOUR, HOUR, HOUR, delay]
    assert lines[0] == "latency_counts: took too long, continues in chunks of an hour"


def test_an_hour_that_takes_too_long_is_an_error(busy):
    engine = WatchedEngine(busy, longest=timedelta(0))
    message = r"the query 'latency_counts' took longer than \[source\].timeout even for an hour"
    with pytest.raises(TookTooLong, match=message):
        load_latency_counts(Scan(engine, GRID), [BUSY])
    assert len(engine.statements) == 2


# ---- edges ------------------------------------------------------------------------------------
def test_a_stretch_of_no_length_is_queried_once(busy):
    nothing = GRID.parameters(Window(DEPLOY, DEPLOY + HOUR)) | {
        "written_before": datetime(2000, 1, 1)
    }
    results = Scan(busy, GRID, ChunkPolicy(HOUR)).run("latency_counts", nothing)
    assert [len(rows) for rows in results] == [0]


def test_a_name_that_looks_like_a_secret_is_not_kept(tmp_path):
    rows = pd.DataFrame({"feature": ["someone@example.com"], "calls": [1]})
    day = (datetime(2026, 1, 1), datetime(2026, 1, 2))
    with pytest.raises(LeakRefused):
        ChunkCache(tmp_path, inputs="x").keep("latency_counts", {}, day, rows)
    assert not list(tmp_path.iterdir())
