"""Every table of counts equals a plain count of the same rows, from every store, to the row."""

from collections import defaultdict
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analysis.counting.baseline import without_hours
from analysis.counting.grid import Grid
from analysis.counting.scans.baseline_tables import coverage, errors_by_source
from analysis.counting.scans.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scans.events import CronBudget, load_cron_minutes, load_recovered
from analysis.counting.scans.name_codes import MOST_NAMES
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality, load_written_rows
from analysis.counting.scope import Scope
from analysis.counts import LatencyCounts
from analysis.outcomes import OUTCOME_CODES
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.window import DAY, HOUR, Window, window_of_hours
from tests.fixtures.edge_case_calls import DEPLOYED_AT, FEATURES, edge_case_calls, typed
from tests.fixtures.plain_counts import Calls, counted, outcome_of, plain_rows, quality_numbers
from tests.fixtures.single_calls import call
from tests.fixtures.stores import STORES, settings_of, store

CLASS_NAMES = {code: name for name, code in OUTCOME_CODES.items()}
DELAY = timedelta(seconds=90)
DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, DELAY)
WIDE = window_of_hours(DEPLOY, -26, 26)
PERCENTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms")
LIMITS = pd.DataFrame(
    [
        [FEATURES[0], 20_000, 100, 19_999, 20_128, 99_999],
        [FEATURES[1], 4_502, 99, 101, 4_502, None],
    ],
    columns=["feature", "tau_ms", *PERCENTILES],
)  # the third feature is new and has none
LIMIT_OF = {
    FEATURES[0]: (20_000, 100, 19_999, 20_128, 99_999),
    FEATURES[1]: (4_502, 99, 101, 4_502, float("inf")),
}
JOBS = CronBudget("jobs", 70_000, Scope(source="background-job/*"))


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    return edge_case_calls()


@pytest.fixture(params=STORES)
def engine(request, calls, tmp_path, monkeypatch):
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    opened = open_engine(
        store(request.param, calls, tmp_path, database=database, monkeypatch=monkeypatch)
    )
    yield opened
    opened.close()


@pytest.fixture
def parquet(calls, tmp_path):
    opened = open_engine(store("parquet", calls, tmp_path))
    yield opened
    opened.close()


def plain(rows, window=WIDE, *, grid=GRID) -> Calls:
    """The rows for plain counts; a deploy is cut to whole milliseconds, as SQL sees it."""
    start, end, deploy = (
        instant.replace(tzinfo=None) for instant in (window.start, window.end, grid.deployed_at)
    )
    return Calls(
        plain_rows(rows),
        start=start,
        end=end,
        ingestion_delay=grid.ingestion_delay,
        deployed_at=deploy.replace(microsecond=deploy.microsecond // 1000 * 1000),
        warm_up=grid.warm_up,
    )


# ---- by hand ----------------------------------------------------------------------------------
def test_a_call_belongs_to_the_hour_it_starts_in_and_lags_when_it_is_written_late(tmp_path):
    rows = typed(
        [
            call(10, ms=10_001),  # started 1 ms before the deploy: the old code's
            call(10, ms=10_000),  # started with the deploy
            call(3600 + 89, ms=100_000),  # of hour 0, seen by the look of one hour
            call(3600 + 90, ms=100_000),  # of hour 0, written too late for that look
        ]
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    hourly = load_hourly_counts(Scan(engine, GRID), window_of_hours(DEPLOY, -1, 2), LIMITS)
    by_hour_and_lag = {key[3:5]: sums[0] for key, sums in counted(hourly).items()}
    assert by_hour_and_lag == {(-1, 0): 1, (0, 0): 2, (0, 1): 1}
    first_look = load_hourly_counts(Scan(engine, GRID), window_of_hours(DEPLOY, 0, 1), LIMITS)
    assert first_look.rows["calls"].sum() == 2


# ---- against a plain count of the rows, from every store --------------------------------------
def test_latency_counts(engine, calls):
    assert counted(load_latency_counts(Scan(engine, GRID), [WIDE])) == plain(calls).latency_counts()


def test_hourly_counts(engine, calls):
    assert counted(load_hourly_counts(Scan(engine, GRID), WIDE, LIMITS)) == plain(calls).hourly(
        LIMIT_OF
    )


@pytest.mark.parametrize("by_source", [True, False])
def test_hourly_bins(engine, calls, by_source):
    found = load_hourly_bins(Scan(engine, GRID), WIDE, by_source=by_source)
    assert counted(found) == plain(calls).bins(by_source)


@pytest.mark.parametrize("new", [(), ("features",), ("sources",)])
def test_counts_by_code_are_counts_by_name(engine, calls, new):
    """A new name has no code: then all is counted by name."""
    engine.prefers_name_codes = True
    names = load_written_rows(Scan(engine, GRID), WIDE).names
    rows = plain_rows(calls)
    assert names.features == tuple(sorted({row["featureId"] for row in rows}))
    assert set(names.sources) == {row["source"] for row in rows} - {None}
    names = replace(names, **{key: getattr(names, key)[1:] for key in new})
    scan = Scan(engine, GRID, names=names)
    latency = load_latency_counts(scan, [WIDE])
    assert counted(latency) == plain(calls).latency_counts()
    for by_source in (True, False):
        bins = load_hourly_bins(scan, WIDE, by_source=by_source)
        assert counted(bins) == plain(calls).bins(by_source)


@pytest.mark.parametrize(
    ("features", "sources"),
    [
        (["f"], [None, "", "a"]),
        (["f"], [None]),
        (["", 'it\'s "f"; --', "\u00fc\U0001f600"], ["[a]", "%", None]),
        ([f"f{n:03}" for n in range(MOST_NAMES + 1)], ["a", "b"]),
    ],
    ids=["an empty source", "no source", "odd names", "many names"],
)
def test_any_name_has_a_code(tmp_path, features, sources):
    """An empty name is not a missing one, and very many names are counted as they are."""
    rows = typed(
        [
            call(60, ms=7, featureId=feature, source=source)
            for feature in features
            for source in sources
            for _ in range(3)
        ]
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    names = load_written_rows(Scan(engine, GRID), WIDE).names
    assert names.save_time == (len(features) <= MOST_NAMES)
    by_code = counted(load_latency_counts(Scan(engine, GRID, names=names), [WIDE]))
    by_name = counted(load_latency_counts(Scan(engine, GRID), [WIDE]))
    assert by_code == by_name == plain(rows).latency_counts()
    engine.close()


def test_event_counts(engine, calls):
    of_rows = plain(calls)
    recovered = {(*key, "recovered"): sums for key, sums in of_rows.recovered().items()}
    assert counted(load_recovered(Scan(engine, GRID), WIDE)) == recovered
    hourly = load_hourly_counts(Scan(engine, GRID), WIDE, LIMITS)
    for cron in (JOBS, CronBudget("all", 1_000, Scope())):
        minutes = load_cron_minutes(Scan(engine, GRID), WIDE, cron, hourly=hourly)
        sums = of_rows.cron(cron.scope.matches, cron.budget_ms)
        assert counted(minutes) == {
            (None, None, None, *key, cron.kind): value for key, value in sums.items()
        }


def test_written_rows(engine, calls):
    window = window_of_hours(DEPLOY, -3, 0)
    start, end = (instant.replace(tzinfo=None) for instant in (window.start, window.end))
    found = load_row_quality(Scan(engine, GRID), window)
    naive = {
        key: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for key, value in asdict(found).items()
    }
    assert naive == quality_numbers(plain_rows(calls), start=start, end=end, ingestion_delay=DELAY)
    written = load_written_rows(Scan(engine, GRID), window)
    starts = [one["started"].replace(tzinfo=UTC) for one in plain(calls, window).calls]
    assert written.first_started_at == min(starts)
    assert load_row_quality(Scan(engine, GRID), window, written) == found


def test_coverage(engine, calls):
    expected = defaultdict(lambda: [0, 0, 0])
    for one in plain(calls).calls:
        hour = expected[(one["started"] - DEPLOYED_AT) // HOUR]
        hour[0] += 1
        hour[1] += one["outcome"] != 0
        hour[2] += one["latency"] is None
    found = coverage(engine, GRID, WIDE)
    keys = ("calls", "failed", "bad_latencies")
    assert {row["hour"]: [row[key] for key in keys] for row in found} == expected


def test_errors_by_source(engine, calls):
    times = defaultdict(list)
    for row in plain_rows(calls):
        if row["status"] == "error" and DEPLOYED_AT - DAY <= row["createdAt"] < DEPLOYED_AT:
            ms = row["latencyMs"]
            key = (row["featureId"], row["source"], CLASS_NAMES[outcome_of(row)])
            times[key].append(ms if ms is not None and ms >= 0 else None)
    expected = {}
    for key, all_ms in times.items():
        known = [ms for ms in all_ms if ms is not None]
        mean_and_max = (sum(known) / len(known), max(known)) if known else (None, None)
        expected[key] = (len(all_ms), *mean_and_max)
    found = {
        tuple(row[key] for key in ("feature", "source", "error_class")): tuple(
            row[key] for key in ("errors", "avg_ms", "max_ms")
        )
        for row in errors_by_source(engine, GRID, window_of_hours(DEPLOY, -24, 0))
    }
    assert found == expected


def test_the_sample_gives_the_same_counts_from_every_store(tmp_path, database, monkeypatch):
    deploy = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
    grid, window = Grid(deploy, DELAY), window_of_hours(deploy, -24, 8)
    sample = simulate_phase_94()
    sample = sample[sample["createdAt"].between("2026-02-01 12:00", "2026-02-03 12:00")]
    limits = pd.DataFrame({"feature": sorted(sample["featureId"].unique()), "tau_ms": 20_000})
    limits[list(PERCENTILES)] = [900, 4_000, 9_000, 20_100]
    tables = {}
    for kind in STORES:
        folder = tmp_path / kind
        folder.mkdir()
        engine = open_engine(
            store(kind, sample, folder, database=database, monkeypatch=monkeypatch)
        )
        hourly = load_hourly_counts(Scan(engine, grid), window, limits)
        tables[kind] = [
            load_latency_counts(Scan(engine, grid), [window]),
            load_hourly_bins(Scan(engine, grid), window, by_source=True),
            hourly,
            load_recovered(Scan(engine, grid), window),
            load_cron_minutes(Scan(engine, grid), window, JOBS, hourly=hourly),
        ]
        engine.close()
    for kind in STORES[1:]:
        for first, other in zip(tables[STORES[0]], tables[kind], strict=True):
            name = f"{type(first).__name__} from {kind}"
            pd.testing.assert_frame_equal(other.rows, first.rows, obj=name)
    of_rows = plain(sample, window, grid=grid)
    assert counted(tables[STORES[0]][0]) == of_rows.latency_counts()
    assert counted(tables[STORES[0]][1]) == of_rows.bins()


# ---- laws -------------------------------------------------------------------------------------
def test_counts_of_two_stretches_are_those_of_the_whole(parquet):
    cut = DEPLOY + timedelta(minutes=17, milliseconds=3)
    first, second = Window(WIDE.start, cut), Window(cut, WIDE.end)
    late = Grid(DEPLOY, 10 * DAY)  # every call of the first stretch is written by then

    def count(window):
        return (
            load_hourly_counts(Scan(parquet, late), window, LIMITS),
            load_hourly_bins(Scan(parquet, late), window, by_source=True),
            load_latency_counts(Scan(parquet, late), [window]),
        )

    for whole, one, other in zip(count(WIDE), count(first), count(second), strict=True):
        pd.testing.assert_frame_equal((one + other).rows, whole.rows)
        pd.testing.assert_frame_equal((other + one).rows, whole.rows)
    both = load_latency_counts(Scan(parquet, late), [first, second])
    pd.testing.assert_frame_equal(both.rows, load_latency_counts(Scan(parquet, late), [WIDE]).rows)


def test_a_look_repeated_later_gives_the_same_counts(calls, tmp_path):
    look = window_of_hours(DEPLOY, 0, 1)
    found = []
    for name, until in (("in time", look.end + DELAY), ("later", look.end + 2 * DAY)):
        (tmp_path / name).mkdir()
        written = calls[calls["createdAt"] < until.replace(tzinfo=None)]
        engine = open_engine(store("parquet", written, tmp_path / name))
        hourly = load_hourly_counts(Scan(engine, GRID), look, LIMITS)
        found.append((hourly, load_recovered(Scan(engine, GRID), look)))
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one.rows, other.rows)


@pytest.mark.parametrize(
    "warm_up", [timedelta(0), timedelta(minutes=5), timedelta(seconds=90), timedelta(hours=2)]
)
def test_the_warm_up_is_left_out_on_every_day(parquet, calls, warm_up):
    grid = Grid(DEPLOY, DELAY, warm_up)
    rows = plain(calls, grid=grid)
    assert counted(load_hourly_counts(Scan(parquet, grid), WIDE, LIMITS)) == rows.hourly(LIMIT_OF)
    assert counted(load_latency_counts(Scan(parquet, grid), [WIDE])) == rows.latency_counts()


@pytest.mark.parametrize("time", ["00:00:00", "23:59:59.999", "12:00:00.001", "23:10:16.789123"])
def test_hours_count_from_any_deploy(parquet, calls, time):
    grid = Grid(datetime.fromisoformat(f"2026-02-02T{time}").replace(tzinfo=UTC), DELAY)
    expected = plain(calls, grid=grid).hourly(LIMIT_OF)
    assert counted(load_hourly_counts(Scan(parquet, grid), WIDE, LIMITS)) == expected


# ---- edges ------------------------------------------------------------------------------------
def test_a_window_without_calls_gives_empty_tables(engine):
    nowhere = window_of_hours(DEPLOY, 7200, 7224)
    hourly = load_hourly_counts(Scan(engine, GRID), nowhere, LIMITS)
    tables = [
        hourly,
        load_latency_counts(Scan(engine, GRID), [nowhere]),
        load_hourly_bins(Scan(engine, GRID), nowhere, by_source=True),
        load_recovered(Scan(engine, GRID), nowhere),
        load_cron_minutes(Scan(engine, GRID), nowhere, JOBS, hourly=hourly),
    ]
    assert [len(table.rows) for table in tables] == [0] * 5
    assert load_written_rows(Scan(engine, GRID), nowhere).first_started_at is None
    assert load_row_quality(Scan(engine, GRID), nowhere).written_rows == 0


def test_no_window_has_no_calls(parquet):
    found = load_latency_counts(Scan(parquet, GRID), [])
    assert isinstance(found, LatencyCounts)
    assert found.rows.empty


def test_excluded_hours_leave_every_table(parquet):
    hourly = load_hourly_counts(Scan(parquet, GRID), WIDE, LIMITS)
    kept = without_hours(hourly, frozenset({-25, 0}))
    assert set(kept.rows["hour"]) == set(hourly.rows["hour"]) - {-25, 0}


def test_limits_without_a_row_are_joined_too(parquet, calls):
    found = load_hourly_counts(Scan(parquet, GRID), WIDE, LIMITS.head(0))
    assert counted(found) == plain(calls).hourly({})


# ---- CSV as people export it ------------------------------------------------------------------
def csv_engine(folder, path="calls.csv"):
    return open_engine(settings_of(folder, f'engine = "duckdb"\npath = "{path}"'))


OFFSETS = {"+02:00": 120, "+05:30": 330, "-0800": -480, " +01": 60}
"""Zone as written -> minutes from UTC."""


@pytest.mark.parametrize("form", ["Z", " UTC", *OFFSETS, "T", "mixed", "none"])
def test_times_in_a_csv_with_and_without_zone(calls, tmp_path, form):
    def as_text(number, instant):
        zone = ["", "Z", "+02:00", "-0800"][number % 4] if form == "mixed" else form
        local = instant + timedelta(minutes=OFFSETS.get(zone, 0))
        text = local.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        if zone == "T":
            return text.replace(" ", "T")
        return text if zone == "none" else text + zone

    times = [as_text(number, instant) for number, instant in enumerate(calls["createdAt"])]
    # pandas writes whole numbers as 1.0 in a column with missing values
    rows = calls.assign(createdAt=times, latencyMs=calls["latencyMs"].astype("float64"))
    rows.to_csv(tmp_path / "calls.csv", index=False)
    assert "1.0," in (tmp_path / "calls.csv").read_text(encoding="utf-8")
    engine = csv_engine(tmp_path)
    assert counted(load_latency_counts(Scan(engine, GRID), [WIDE])) == plain(calls).latency_counts()
    assert (
        counted(load_hourly_bins(Scan(engine, GRID), WIDE, by_source=True)) == plain(calls).bins()
    )


@pytest.mark.parametrize(
    "options",
    [
        {"lineterminator": "\r\n"},
        {"quoting": 1},
        {"sep": ";"},
        {"sep": "\t"},
        {"encoding": "utf-8-sig"},
        {"na_rep": ""},
    ],
    ids=str,
)
def test_csv_dialects(calls, tmp_path, options):
    calls.to_csv(tmp_path / "calls.csv", index=False, **options)
    found = load_hourly_counts(Scan(csv_engine(tmp_path), GRID), WIDE, LIMITS)
    assert counted(found) == plain(calls).hourly(LIMIT_OF)


def test_several_files_and_columns_in_any_order(calls, tmp_path):
    half = len(calls) // 2
    calls.iloc[:half].to_csv(tmp_path / "calls-1.csv", index=False)
    other = calls.iloc[half:, ::-1].drop(columns="model").assign(more=1)
    other.to_csv(tmp_path / "calls-2.csv", index=False)
    found = load_latency_counts(Scan(csv_engine(tmp_path, "calls-*.csv"), GRID), [WIDE])
    assert counted(found) == plain(calls).latency_counts()


def test_a_packed_csv(calls, tmp_path):
    engine = open_engine(store("csv.gz", calls, tmp_path))
    assert counted(load_latency_counts(Scan(engine, GRID), [WIDE])) == plain(calls).latency_counts()
