"""The checks of the source: each has a state, and says what to do unless it is ok."""

from datetime import UTC, timedelta

import pandas as pd
import pytest
from sqlalchemy.engine import make_url

from analysis.clock import CLOCK_VARIABLE
from analysis.counting.baseline import load_baseline
from analysis.doctor.source_check import SourceCheck
from analysis.doctor.source_checks import check_source
from analysis.telemetry.engines import open_engine
from tests.fixtures.edge_case_calls import DEPLOYED_AT, typed
from tests.fixtures.single_calls import call
from tests.fixtures.stores import PARQUET_SOURCE, POSTGRES_SOURCE, settings_of, store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def set_clock(tmp_path, monkeypatch):
    """A function that sets the time; it is four hours after the deploy at first."""
    path = tmp_path / "clock"

    def set_clock(instant):
        path.write_text(instant.isoformat(), encoding="utf-8")

    set_clock(DEPLOY + timedelta(hours=4))
    monkeypatch.setenv(CLOCK_VARIABLE, str(path))
    return set_clock


def healthy(days=8, *, until_h=4, **columns) -> pd.DataFrame:
    """A call every half hour, up to `until_h` hours after the deploy; `columns` for all rows."""
    seconds = range(int(timedelta(days=days) / HALF_HOUR))
    rows = [
        call(until_h * 3600 - number * 1800, ms=900, outputTokens=1, totalTokens=2)
        for number in seconds
    ]
    return typed(rows).assign(**columns)


def with_changed_rows(rows, count, **columns) -> pd.DataFrame:
    """The frame with other values in its first rows."""
    return pd.concat([rows.iloc[:count].assign(**columns), rows.iloc[count:]], ignore_index=True)


def with_errors(messages) -> pd.DataFrame:
    """The healthy frame with these errors in its first rows."""
    rows = healthy()
    rows.loc[rows.index[: len(messages)], "status"] = "error"
    rows.loc[rows.index[: len(messages)], "errorMessage"] = messages
    return rows


def without_two_days(rows):
    return rows[~rows["createdAt"].between("2026-01-29", "2026-01-30 23:59:59")]


def checks_of(settings) -> dict[str, SourceCheck]:
    checks = check_source(settings)
    assert all(check.detail for check in checks)
    assert all(";" in check.detail for check in checks if check.state != "ok")  # what to do
    return {check.name: check for check in checks}


# ---- by hand ---------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["parquet", "csv", "duckdb", "postgres"])
def test_healthy_table(request, tmp_path, monkeypatch, kind):
    database = request.getfixturevalue("database") if kind == "postgres" else None
    checks = checks_of(store(kind, healthy(), tmp_path, database=database, monkeypatch=monkeypatch))
    names = ["connection", "mapping", "columns", "rows", "latencyMs", "source", "leadId", "status"]
    names += ["error classes"]
    names += ["unit of latencyMs", "newest row", "time zone", "names", "baseline", "read only"]
    states = dict.fromkeys(names, "ok")
    if kind == "postgres":
        states["read only"] = "warning"  # the role of the tests owns the table
    assert {name: check.state for name, check in checks.items()} == states
    assert checks["rows"].detail == "384 rows on 9 days, 48 to 48 on a whole day"
    engine = "postgres" if kind == "postgres" else "duckdb"
    assert checks["connection"].detail.startswith(f"{engine}, opened read-only")
    assert "createdAt TIMESTAMP" in checks["columns"].detail or kind == "csv"


@pytest.mark.parametrize(
    ("name", "state", "detail", "rows"),
    [
        (
            *("latencyMs", "warning", "0.26 % have none, 2 are negative; they count in rates only"),
            lambda: with_changed_rows(
                with_changed_rows(healthy(), 3, latencyMs=-5), 1, latencyMs=None
            ),
        ),
        (
            *("latencyMs", "error", "1.3 % have none, 0 are negative, more than 1.0 %"),
            lambda: with_changed_rows(healthy(), 5, latencyMs=None),
        ),
        (
            *("source", "warning", "52.1 % have none; patterns such as background-job/*"),
            lambda: with_changed_rows(healthy(), 200, source=None),
        ),
        (
            *("leadId", "warning", "100.0 % have none; recovered_rate then matches calls by"),
            lambda: healthy(leadId=None),
        ),
        (
            *("status", "error", "7 rows are neither success nor error: 'pending'; map status"),
            lambda: with_changed_rows(healthy(), 7, status="pending"),
        ),
        (
            *("error classes", "warning", "6 of 10 errors (60.0 %) have no known class, by their"),
            lambda: with_errors(["Header missing for Jane"] * 6 + ["Request timed out."] * 4),
        ),
        (
            *("error classes", "ok", "1 of 20 errors (5.0 %) have no known class, by their words"),
            lambda: with_errors(["Jane Exemplar"] + ["Request timed out."] * 19),
        ),
        (
            *("unit of latencyMs", "warning", "100.0 % are under 100, so they may be seconds"),
            lambda: healthy(latencyMs=12),
        ),
        (
            *("unit of latencyMs", "warning", "so they may be micro- or nanoseconds"),
            lambda: healthy(latencyMs=20_000_000),
        ),
        (
            *("unit of latencyMs", "warning", "no row has a latency"),
            lambda: healthy(latencyMs=None),
        ),
        (
            *("newest row", "warning", "of 2026-02-02T22:10:16Z, 5 h before the last call"),
            lambda: healthy(until_h=-1),
        ),
        (
            *("time zone", "error", "the newest row is 6h in the future, but createdAt must"),
            lambda: healthy(until_h=10),
        ),
        (
            *("baseline", "warning", "later than the baseline's start 2026-01-26T23:10:16.789Z"),
            lambda: healthy(5),
        ),
        (
            *("baseline", "error", "after the deploy: there is nothing to compare with"),
            lambda: healthy(0.1),
        ),
        (
            *("rows", "warning", "none on 2 of them (2026-01-29 is the first); find out why"),
            lambda: without_two_days(healthy()),
        ),
    ],
)
def test_what_is_wrong_is_reported_with_advice(tmp_path, name, state, detail, rows):
    check = checks_of(store("parquet", rows(), tmp_path))[name]
    assert check.state == state
    assert detail.replace(" %", "\N{NARROW NO-BREAK SPACE}%") in check.detail


def test_an_empty_table_is_an_error(tmp_path):
    checks = checks_of(store("parquet", healthy().head(0), tmp_path))
    assert checks["rows"].state == "error"
    assert "the table is empty" in checks["rows"].detail
    assert "status" not in checks


def test_a_source_that_does_not_open_is_one_check(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_URL", "postgresql://u:s3cret-Pass@127.0.0.1:1/d")
    (check,) = check_source(settings_of(tmp_path, POSTGRES_SOURCE))
    assert (check.name, check.state) == ("connection", "error")
    assert "s3cret-Pass" not in check.detail
    assert "nothing listens" in check.detail


def test_seconds_in_place_of_milliseconds_name_the_key_that_fixes_it(tmp_path):
    check = checks_of(store("parquet", healthy(latencyMs=1), tmp_path))["unit of latencyMs"]
    assert check.state == "warning"
    assert "may be seconds; if so, write a mapping with latency_unit" in check.detail


# ---- the baseline is lost after thirty days --------------------------------------------------
@pytest.mark.parametrize(
    ("days_after", "state", "words"),
    [
        (0, "ok", "run 'rollout baseline' to freeze it"),
        (19, "ok", "run 'rollout baseline' to freeze it"),
        (21, "warning", "the application deletes rows from 2026-02-25T23:10:16Z on; run"),
        (40, "warning", "the application deletes rows after 30 days; run 'rollout baseline' now"),
    ],
)
def test_rows_that_will_be_deleted(tmp_path, set_clock, days_after, state, words):
    set_clock(DEPLOY + timedelta(days=days_after, hours=4))
    check = checks_of(store("parquet", healthy(9), tmp_path))["baseline"]
    assert check.state == state
    assert words in check.detail


def test_frozen_and_damaged_baseline(tmp_path, set_clock):
    settings = store("parquet", healthy(), tmp_path)
    load_baseline(settings, DEPLOY, lambda: open_engine(settings))
    set_clock(DEPLOY + timedelta(days=60))
    check = checks_of(settings)["baseline"]
    assert check.state == "ok"
    start, end = "2026-01-26T23:10:16.789Z", "2026-02-02T23:10:16.789Z"
    assert check.detail.startswith(f"frozen from {start} to {end}; the oldest row is of 2026-01-26")
    settings.paths.baseline_counts.write_bytes(b"PAR1")
    check = checks_of(settings)["baseline"]
    assert check.state == "error"
    assert "is damaged; delete it" in check.detail


# ---- PostgreSQL ------------------------------------------------------------------------------
def test_the_printed_grant_makes_a_reader(database, tmp_path, monkeypatch):
    settings = store("postgres", healthy(), tmp_path, database=database, monkeypatch=monkeypatch)
    check = checks_of(settings)["read only"]
    assert check.state == "warning"
    grant = check.detail.split("create a reader: ")[1]
    assert grant == (
        "CREATE ROLE rollout_reader LOGIN PASSWORD '...'; "
        'GRANT USAGE ON SCHEMA "public" TO rollout_reader; '
        'GRANT SELECT ON "public"."AIInteraction" TO rollout_reader;'
    )
    name = f"reader_{tmp_path.name[-20:]}"
    database.execute(grant.replace("rollout_reader", name))
    try:
        url = make_url(database.url).set(username=name, password="...")
        monkeypatch.setenv("TEST_URL", url.render_as_string(hide_password=False))
        check = checks_of(settings)["read only"]
        assert check == SourceCheck("read only", "this role may not write to the table", state="ok")
    finally:
        database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_column_with_time_zone_is_reported(database, tmp_path, monkeypatch):
    settings = store("postgres", healthy(), tmp_path, database=database, monkeypatch=monkeypatch)
    database.execute(
        'ALTER TABLE "AIInteraction" ALTER "createdAt" TYPE TIMESTAMPTZ '
        """USING "createdAt" AT TIME ZONE 'UTC'"""
    )
    checks = check_source(settings)
    columns = [check.detail for check in checks if check.name == "columns"]
    assert "createdAt has a time zone; it is read as UTC" in columns
    assert [check.state for check in checks if check.name == "newest row"] == ["ok"]


def test_the_mapping_and_its_notes_are_shown(tmp_path):
    unmapped = ("status", "apiType")
    columns = [f"{name} = '\"{name}\"'" for name in healthy(1) if name not in unmapped]
    lines = ['notes = ["ours"]', "[columns]", *columns, "status = \"'success'\""]
    (tmp_path / "own.toml").write_text("\n".join(lines), encoding="utf-8")
    healthy(status="ok").to_parquet(tmp_path / "calls.parquet")
    checks = check_source(settings_of(tmp_path, f'{PARQUET_SOURCE}\nmapping = "own.toml"'))
    mapping, *notes = [check.detail for check in checks if check.name == "mapping"]
    assert "by mapping own: " in mapping
    assert "status = 'success'" in mapping
    assert notes == ["ours"]
