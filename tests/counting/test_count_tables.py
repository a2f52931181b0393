"""Counts against rows: every table of counts equals a plain count of the same rows, from every store, to the row."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from analysis.counting.load import (
    CronBudget,
    Grid,
    load_event_counts,
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
    without_hours,
)
from analysis.counting.name_codes import MOST

from analysis.counting.baseline_tables import coverage, errors_by_source
from analysis.counting.scanning.written_rows import load_trust, load_written_rows
from analysis.counts import LatencyCounts
from analysis.metrics import OUTCOME_CODES
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, FEATURES, edge_case_calls, typed
from tests.fixtures.plain_counts import Calls, counted, outcome_of, plain_rows, trust_numbers
from tests.fixtures.stores import STORES, settings_of, store

NAMES = {code: name for name, code in OUTCOME_CODES.items()}
SETTLE = timedelta(seconds=90)
DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, SETTLE)
WIDE = Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26))
LIMITS = pd.DataFrame(
    {
        "feature": FEATURES[:2],  # the third has none: it is new
        "tau_ms": [20_000, 4_502],
        "p50_ms": [100, 99],
        "p90_ms": [19_999, 101],
        "p95_ms": [20_128, 4_502],
        "p99_ms": [99_999, None],
    }
)
LIMIT_OF = {
    FEATURES[0]: (20_000, 100, 19_999, 20_128, 99_999),
    FEATURES[1]: (4_502, 99, 101, 4_502, float("inf")),
}


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    return edge_case_calls()


@pytest.fixture(params=STORES)
def engine(request, calls, tmp_path, monkeypatch):
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    with_engine = open_engine(
        store(request.param, calls, tmp_path, database=database, monkeypatch=monkeypatch)
    )
    yield with_engine
    with_engine.close()


@pytest.fixture
def parquet(calls, tmp_path):
    opened = open_engine(store("parquet", calls, tmp_path))
    yield opened
    opened.close()


def plain(rows, window=WIDE, *, grid=GRID, **more) -> Calls:
    start, end, deploy = (
        instant.replace(tzinfo=None) for instant in (window.start, window.end, grid.deployed_at)
    )
    return Calls(
        plain_rows(rows),
        start=start,
        end=end,
        ingestion_delay=grid.ingestion_delay,
        deployed_at=deploy,
        warm_up=grid.warm_up,
        **more,
    )


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_a_call_belongs_to_the_hour_it_started_in_and_lags_when_it_is_written_late(tmp_path):
    def call(number, written_after_s, latency_ms):
        created = DEPLOYED_AT + timedelta(seconds=written_after_s)
        return {
            "id": str(number),
            "clientId": "t",
            "leadId": None,
            "source": "s",
            "featureId": "f",
            "model": "m",
            "outputTokens": None,
            "totalTokens": None,
            "latencyMs": latency_ms,
            "status": "success",
            "errorMessage": None,
            "createdAt": created,
        }

    rows = typed(
        [
            call(1, 10, 10_001),  # started 1 ms before the deploy: the old code's
            call(2, 10, 10_000),  # started with the deploy
            call(
                3, 3600 + 89, 100_000
            ),  # of hour 0, written within settle: it counts at the look of 1 h
            call(4, 3600 + 90, 100_000),  # of hour 0, written later: of the next look
        ]
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    hourly = load_hourly_counts(
        engine, GRID, Window(DEPLOY - timedelta(hours=1), DEPLOY + timedelta(hours=2)), LIMITS
    )
    assert {key[3:5]: sums[0] for key, sums in counted(hourly).items()} == {
        (-1, 0): 1,
        (0, 0): 2,
        (0, 1): 1,
    }
    first_look = load_hourly_counts(
        engine, GRID, Window(DEPLOY, DEPLOY + timedelta(hours=1)), LIMITS
    )
    assert first_look.rows["calls"].sum() == 2


# ---- against a plain count of the rows, from every store -------------------------------------------------------------
def test_latency_counts(engine, calls):
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == plain(calls).latency_counts()


def test_hourly_counts(engine, calls):
    assert counted(load_hourly_counts(engine, GRID, WIDE, LIMITS)) == plain(calls).hourly(LIMIT_OF)


@pytest.mark.parametrize("by_source", [True, False])
def test_hourly_bins(engine, calls, by_source):
    assert counted(load_hourly_bins(engine, GRID, WIDE, by_source=by_source)) == plain(calls).bins(
        by_source
    )


@pytest.mark.parametrize("left_out", [(), ("features",), ("sources",)])
def test_counting_by_number_is_counting_by_text(engine, calls, left_out):
    """A name that came meanwhile has no number: then all is counted by text."""
    engine.prefers_name_codes = True
    names = load_written_rows(engine, GRID, WIDE).names
    assert names.features == tuple(sorted({row["featureId"] for row in plain_rows(calls)}))
    assert set(names.sources) == {row["source"] for row in plain_rows(calls)} - {None}
    names = replace(names, **{which: getattr(names, which)[1:] for which in left_out})
    assert (
        counted(load_latency_counts(engine, GRID, [WIDE], names=names))
        == plain(calls).latency_counts()
    )
    assert (
        counted(load_hourly_bins(engine, GRID, WIDE, by_source=True, names=names))
        == plain(calls).bins()
    )
    assert counted(load_hourly_bins(engine, GRID, WIDE, by_source=False, names=names)) == plain(
        calls
    ).bins(False)


@pytest.mark.parametrize(
    ("features", "sources"),
    [
        (["f"], [None, "", "a"]),
        (["f"], [None]),
        (["", 'it\'s "f"; --', "\u00fc\U0001f600"], ["[a]", "%", None]),
        ([f"f{n:03}" for n in range(MOST + 1)], ["a", "b"]),
    ],
)
def test_a_number_stands_for_any_name(tmp_path, features, sources):
    """An empty one is not a missing one; so many that no number is worth it are counted by text."""
    count = 3 * len(features) * len(sources)
    rows = typed(
        [
            {
                **edge_case_calls().iloc[0],
                "id": str(n),
                "featureId": features[n % len(features)],
                "source": sources[n // len(features) % len(sources)],
                "latencyMs": 7,
                "createdAt": DEPLOYED_AT + timedelta(minutes=1),
            }
            for n in range(count)
        ]
    )
    engine = open_engine(store("parquet", rows, tmp_path))
    names = load_written_rows(engine, GRID, WIDE).names
    assert names.are_worth_it() == (len(features) <= MOST)
    assert (
        counted(load_latency_counts(engine, GRID, [WIDE], names=names))
        == counted(load_latency_counts(engine, GRID, [WIDE]))
        == plain(rows).latency_counts()
    )
    engine.close()


def test_event_counts(engine, calls):
    def of_jobs(feature, source):
        return (source or "").startswith("background-job/")

    crons = [
        CronBudget("cron_over:70000:background-job/*:*", 70_000, of_jobs),
        CronBudget("all", 1_000, lambda feature, source: True),
    ]
    hourly = load_hourly_counts(engine, GRID, WIDE, LIMITS)
    events = load_event_counts(engine, GRID, WIDE, hourly=hourly, recovered=True, crons=crons)
    of_rows = plain(calls)
    expected = {(*key, "recovered"): sums for key, sums in of_rows.recovered().items()}
    for cron in crons:
        sums = of_rows.cron(cron.choose, cron.budget_ms)
        expected |= {(None, None, None, *key, cron.kind): value for key, value in sums.items()}
    assert counted(events) == expected


def test_what_is_written(engine, calls):
    window = Window(DEPLOY - timedelta(hours=3), DEPLOY)
    start, end = (instant.replace(tzinfo=None) for instant in (window.start, window.end))
    found = load_trust(engine, GRID, window)
    naive = {
        key: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for key, value in found.items()
    }
    assert naive == trust_numbers(plain_rows(calls), start=start, end=end, ingestion_delay=SETTLE)
    starts = [call["started"].replace(tzinfo=UTC) for call in plain(calls, window).calls]
    written = load_written_rows(engine, GRID, window)
    assert written.first_started_at == min(starts)
    assert load_trust(engine, GRID, window, written) == found


def test_the_tables_of_phase_94a(engine, calls):
    starts, day = plain(calls).calls, Window(DEPLOY - timedelta(hours=24), DEPLOY)
    found = coverage(engine, GRID, WIDE)
    assert sum(row["calls"] for row in found) == len(starts)
    for row in found:
        mine = [
            call
            for call in starts
            if (call["started"] - DEPLOYED_AT) // timedelta(hours=1) == row["hour"]
        ]
        counts = [
            len(mine),
            sum(call["outcome"] != 0 for call in mine),
            sum(call["latency"] is None for call in mine),
        ]
        assert [row["calls"], row["failed"], row["bad_latencies"]] == counts
    written = [
        row
        for row in plain_rows(calls)
        if day.start.replace(tzinfo=None) <= row["createdAt"] < DEPLOYED_AT
    ]
    by_source = defaultdict(list)
    for row in written:
        if row["status"] == "error":
            latency = (
                row["latencyMs"] if row["latencyMs"] is not None and row["latencyMs"] >= 0 else None
            )
            by_source[row["featureId"], row["source"], NAMES[outcome_of(row)]].append(latency)
    expected = {key: (len(times), *_mean_and_max(times)) for key, times in by_source.items()}
    errors = {
        (row["feature"], row["source"], row["error_class"]): (
            row["errors"],
            row["avg_ms"],
            row["max_ms"],
        )
        for row in errors_by_source(engine, GRID, day)
    }
    assert errors == expected


def _mean_and_max(times):
    known = [time for time in times if time is not None]
    return (sum(known) / len(known), max(known)) if known else (None, None)


def test_the_sample_gives_the_same_counts_from_every_store(tmp_path, database, monkeypatch):
    deploy = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
    grid, window = (
        Grid(deploy, SETTLE),
        Window(deploy - timedelta(days=1), deploy + timedelta(hours=8)),
    )
    sample = simulate_phase_94()
    sample = sample[sample["createdAt"].between("2026-02-01 12:00", "2026-02-03 12:00")]
    limits = pd.DataFrame(
        {
            "feature": sorted(sample["featureId"].unique()),
            "tau_ms": 20_000,
            "p50_ms": 900,
            "p90_ms": 4_000,
            "p95_ms": 9_000,
            "p99_ms": 20_100,
        }
    )
    of_all = []
    for kind in STORES:
        folder = tmp_path / kind
        folder.mkdir()
        opened = open_engine(
            store(kind, sample, folder, database=database, monkeypatch=monkeypatch)
        )
        hourly = load_hourly_counts(opened, grid, window, limits)
        cron = CronBudget(
            "cron", 240_000, lambda feature, source: (source or "").startswith("background-job/")
        )
        events = load_event_counts(
            opened, grid, window, hourly=hourly, recovered=True, crons=[cron]
        )
        of_all.append(
            [
                hourly,
                load_latency_counts(opened, grid, [window]),
                load_hourly_bins(opened, grid, window, by_source=True),
                events,
            ]
        )
        opened.close()
    for kind, tables in zip(STORES[1:], of_all[1:], strict=True):
        for first, other in zip(of_all[0], tables, strict=True):
            pd.testing.assert_frame_equal(
                other.rows, first.rows, obj=f"{type(first).__name__} from {kind}"
            )
    of_rows = plain(sample, window, grid=grid)
    assert counted(of_all[0][1]) == of_rows.latency_counts()
    assert counted(of_all[0][2]) == of_rows.bins()


# ---- laws ------------------------------------------------------------------------------------------------------------
def test_counts_of_two_stretches_are_those_of_the_whole(parquet):
    cut = DEPLOY + timedelta(minutes=17, milliseconds=3)
    first, second = Window(WIDE.start, cut), Window(cut, WIDE.end)

    def additive(window):
        return (
            load_hourly_counts(parquet, late, window, LIMITS),
            load_hourly_bins(parquet, late, window, by_source=True),
            load_latency_counts(parquet, late, [window]),
        )

    late = Grid(DEPLOY, timedelta(days=10))  # every call of the first stretch is written by then
    for whole, one, other in zip(additive(WIDE), additive(first), additive(second), strict=True):
        pd.testing.assert_frame_equal((one + other).rows, whole.rows)
        pd.testing.assert_frame_equal((other + one).rows, whole.rows)
    both = load_latency_counts(parquet, late, [first, second])
    pd.testing.assert_frame_equal(both.rows, load_latency_counts(parquet, late, [WIDE]).rows)


def test_a_look_repeated_later_gives_the_same_counts(calls, tmp_path):
    look = Window(DEPLOY, DEPLOY + timedelta(hours=1))
    found = []
    for until in (look.end + SETTLE, look.end + timedelta(days=2)):
        folder = tmp_path / f"{until:%d%H}"
        folder.mkdir()
        engine = open_engine(
            store("parquet", calls[calls["createdAt"] < until.replace(tzinfo=None)], folder)
        )
        hourly = load_hourly_counts(engine, GRID, look, LIMITS)
        found.append(
            (hourly, load_event_counts(engine, GRID, look, hourly=hourly, recovered=True, crons=[]))
        )
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one.rows, other.rows)


@pytest.mark.parametrize(
    "warm_up", [timedelta(0), timedelta(minutes=5), timedelta(seconds=90), timedelta(hours=2)]
)
def test_the_warm_up_is_left_out_on_every_day(parquet, calls, warm_up):
    grid = Grid(DEPLOY, SETTLE, warm_up)
    assert counted(load_hourly_counts(parquet, grid, WIDE, LIMITS)) == plain(
        calls, grid=grid
    ).hourly(LIMIT_OF)
    assert (
        counted(load_latency_counts(parquet, grid, [WIDE]))
        == plain(calls, grid=grid).latency_counts()
    )


@pytest.mark.parametrize(
    "deploy",
    [
        "2026-02-02T00:00:00",
        "2026-02-02T23:59:59.999",
        "2026-02-02T12:00:00.001",
        "2026-02-02T23:10:16.789123",
    ],
)
def test_hours_count_from_any_deploy(parquet, calls, deploy):
    grid = Grid(datetime.fromisoformat(deploy).replace(tzinfo=UTC), SETTLE)
    rows = plain(
        calls,
        grid=Grid(
            grid.deployed_at.replace(microsecond=grid.deployed_at.microsecond // 1000 * 1000),
            SETTLE,
        ),
    )
    assert counted(load_hourly_counts(parquet, grid, WIDE, LIMITS)) == rows.hourly(LIMIT_OF)


# ---- edges -----------------------------------------------------------------------------------------------------------
def test_a_stretch_without_calls_gives_empty_tables(engine):
    nowhere = Window(DEPLOY + timedelta(days=300), DEPLOY + timedelta(days=301))
    hourly = load_hourly_counts(engine, GRID, nowhere, LIMITS)
    cron = CronBudget("cron", 1, lambda feature, source: True)
    tables = [
        hourly,
        load_latency_counts(engine, GRID, [nowhere]),
        load_hourly_bins(engine, GRID, nowhere, by_source=True),
        load_event_counts(engine, GRID, nowhere, hourly=hourly, recovered=True, crons=[cron]),
    ]
    assert [len(table.rows) for table in tables] == [0, 0, 0, 0]
    assert load_written_rows(engine, GRID, nowhere).first_started_at is None
    assert load_trust(engine, GRID, nowhere)["written_rows"] == 0


def test_no_stretch_at_all_has_no_calls(parquet):
    assert load_latency_counts(parquet, GRID, []).rows.empty
    assert isinstance(load_latency_counts(parquet, GRID, []), LatencyCounts)


def test_excluded_hours_leave_every_table(parquet):
    hourly = load_hourly_counts(parquet, GRID, WIDE, LIMITS)
    kept = without_hours(hourly, frozenset({-25, 0}))
    assert set(kept.rows["hour"]) == set(hourly.rows["hour"]) - {-25, 0}


def test_limits_without_a_row_are_joined_too(parquet, calls):
    assert counted(load_hourly_counts(parquet, GRID, WIDE, LIMITS.head(0))) == plain(calls).hourly(
        {}
    )


# ---- CSV as people export it -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "form", ["Z", " UTC", "+02:00", "+05:30", "-0800", " +01", "T", "seconds", "mixed"]
)
def test_times_in_a_csv_with_and_without_zone(calls, tmp_path, form):
    written = calls["createdAt"].dt.tz_localize("UTC")

    def as_text(number, instant):
        forms = ["", "Z", "+02:00", "-0800"]
        chosen = forms[number % 4] if form == "mixed" else form
        if chosen in ("", "Z", " UTC", "T", "seconds"):
            text = instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            return (
                text.replace(" ", "T")
                if chosen == "T"
                else text + (chosen if chosen in ("Z", " UTC") else "")
            )
        minutes = {"+02:00": 120, "+05:30": 330, "-0800": -480, " +01": 60}[chosen]
        return (instant + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + chosen

    texts = [as_text(number, instant) for number, instant in enumerate(written)]
    calls.assign(createdAt=texts, latencyMs=calls["latencyMs"].astype("float64")).to_csv(
        tmp_path / "calls.csv", index=False
    )
    assert "1.0," in (tmp_path / "calls.csv").read_text(
        encoding="utf-8"
    )  # pandas' way to write whole numbers beside nothing
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == plain(calls).latency_counts()
    assert counted(load_hourly_bins(engine, GRID, WIDE, by_source=True)) == plain(calls).bins()


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
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))
    assert counted(load_hourly_counts(engine, GRID, WIDE, LIMITS)) == plain(calls).hourly(LIMIT_OF)


def test_several_files_and_columns_in_any_order(calls, tmp_path):
    half = len(calls) // 2
    calls.iloc[:half].to_csv(tmp_path / "calls-1.csv", index=False)
    calls.iloc[half:, ::-1].drop(columns="model").assign(more=1).to_csv(
        tmp_path / "calls-2.csv", index=False
    )
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls-*.csv"'))
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == plain(calls).latency_counts()


def test_a_packed_csv(calls, tmp_path):
    engine = open_engine(store("csv.gz", calls, tmp_path))
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == plain(calls).latency_counts()
