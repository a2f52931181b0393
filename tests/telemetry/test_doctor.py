"""The doctor: one line per question, and each that is not ok says what to do."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy.engine import make_url

from analysis.clock import CLOCK_VARIABLE
from analysis.counting.baseline import load_baseline
from analysis.doctor.source import Line, examine
from analysis.telemetry.engines import open_engine
from tests.fixtures.edge_case_calls import typed
from tests.fixtures.stores import settings_of, store

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, 789_000, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(tmp_path, monkeypatch):
    """A function that sets what time it is: four hours after the deploy, until it is told another."""
    path = tmp_path / "clock"

    def set_clock(instant):
        path.write_text(instant.isoformat(), encoding="utf-8")

    set_clock(DEPLOY + timedelta(hours=4))
    monkeypatch.setenv(CLOCK_VARIABLE, str(path))
    return set_clock


def healthy(
    days=8, *, until=DEPLOY + timedelta(hours=4), every=timedelta(minutes=30), **columns
) -> pd.DataFrame:
    """Calls every half an hour, up to `until`."""
    count = int(timedelta(days=days) / every)
    row = {
        "clientId": "t",
        "leadId": "l",
        "source": "s",
        "featureId": "f",
        "model": "m",
        "apiType": "r",
        "outputTokens": 1,
        "totalTokens": 2,
        "latencyMs": 900,
        "status": "success",
        "errorMessage": None,
    }
    frame = typed(
        [
            row | {"id": str(n), "createdAt": until.replace(tzinfo=None) - n * every}
            for n in range(count)
        ]
    )
    return frame.assign(**columns)


def examined(tmp_path, rows, kind="parquet", **more) -> dict[str, Line]:
    lines = examine(store(kind, rows, tmp_path, **more))
    assert all(line.detail and line.state in ("ok", "warning", "error") for line in lines)
    assert all(
        ";" in line.detail for line in lines if line.state != "ok"
    )  # the mend follows what was found
    return {line.name: line for line in lines}


def part(rows, count, **columns) -> pd.DataFrame:
    """The frame with other values in its first rows."""
    return pd.concat([rows.iloc[:count].assign(**columns), rows.iloc[count:]], ignore_index=True)


# ---- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["parquet", "csv", "duckdb", "postgres"])
def test_a_healthy_table(request, tmp_path, monkeypatch, kind):
    database = request.getfixturevalue("database") if kind == "postgres" else None
    lines = examined(tmp_path, healthy(), kind, database=database, monkeypatch=monkeypatch)
    states = {name: line.state for name, line in lines.items()}
    may_write = "warning" if kind == "postgres" else "ok"  # the test's role owns the table
    names = (
        "connection",
        "mapping",
        "columns",
        "rows",
        "latencyMs",
        "source",
        "leadId",
        "status",
        "unit of latencyMs",
        "newest row",
        "time zone",
        "baseline",
    )
    assert states == dict.fromkeys(names, "ok") | {"read only": may_write}
    assert lines["rows"].detail == "384 rows on 9 days, 48 to 48 on a whole day"
    assert (
        lines["connection"].detail
        == f"{'postgres' if kind == 'postgres' else 'duckdb'}, opened read-only; a query may take 2m"
    )
    assert "createdAt TIMESTAMP" in lines["columns"].detail or kind == "csv"


@pytest.mark.parametrize(
    ("name", "state", "detail", "rows"),
    [
        (
            "latencyMs",
            "warning",
            "0.3 % have none, 2 are negative; these count in rates only",
            lambda: part(part(healthy(), 3, latencyMs=-5), 1, latencyMs=None),
        ),
        (
            "latencyMs",
            "error",
            "1.3 % have none, 0 are negative: over one in a hundred",
            lambda: part(healthy(), 5, latencyMs=None),
        ),
        (
            "source",
            "warning",
            "52.1 % have none; patterns such as background-job/*",
            lambda: part(healthy(), 200, source=None),
        ),
        (
            "leadId",
            "warning",
            "100.0 % have none; recovered_rate then goes by the tenant",
            lambda: healthy(leadId=None),
        ),
        (
            "status",
            "error",
            "7 rows are neither success nor error; map status",
            lambda: part(healthy(), 7, status="Success"),
        ),
        (
            "unit of latencyMs",
            "warning",
            "100.0 % are under 100, as if they were seconds",
            lambda: healthy(latencyMs=12),
        ),
        (
            "unit of latencyMs",
            "warning",
            "an hour or more, as if they were micro- or nanoseconds",
            lambda: healthy(latencyMs=20_000_000),
        ),
        (
            "unit of latencyMs",
            "warning",
            "no row has a latency to guess by",
            lambda: healthy(latencyMs=None),
        ),
        (
            "newest row",
            "warning",
            "of 2026-02-02T22:10:16Z, 5 h before the last call that is needed; see whether",
            lambda: healthy(until=DEPLOY - timedelta(hours=1)),
        ),
        (
            "time zone",
            "error",
            "the newest row lies 6h in the future; createdAt must be UTC; map createdAt to",
            lambda: healthy(until=DEPLOY + timedelta(hours=10)),
        ),
        (
            "baseline",
            "warning",
            "later than the baseline's start 2026-01-26T23:10:16.789Z; what is there is used",
            lambda: healthy(5),
        ),
        (
            "baseline",
            "error",
            "after the deploy: there is nothing to compare with",
            lambda: healthy(0.1),
        ),
        (
            "rows",
            "warning",
            "none on 2 of them (2026-01-29 first); find out why",
            lambda: (rows := healthy())[
                ~rows["createdAt"].between("2026-01-29", "2026-01-30 23:59:59")
            ],
        ),
    ],
)
def test_what_is_not_ok_is_said_with_its_mend(tmp_path, name, state, detail, rows):
    line = examined(tmp_path, rows())[name]
    assert line.state == state
    assert detail.replace(" %", "\N{NARROW NO-BREAK SPACE}%") in line.detail


def test_an_empty_table_is_an_error(tmp_path):
    lines = examined(tmp_path, healthy().head(0))
    assert (lines["rows"].state, lines["rows"].detail[:25]) == (
        "error",
        "the table holds no row; c",
    )
    assert "status" not in lines


def test_a_table_out_of_reach_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_URL", "postgresql://u:s3cret-Pass@127.0.0.1:1/d")
    found = examine(settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"'))
    assert [(line.name, line.state) for line in found] == [("connection", "error")]
    assert "s3cret-Pass" not in found[0].detail
    assert "nothing listens" in found[0].detail


# ---- the baseline is lost after thirty days --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("days_after", "state", "words"),
    [
        (0, "ok", "run 'rollout baseline' to freeze it"),
        (19, "ok", "run 'rollout baseline' to freeze it"),
        (
            21,
            "warning",
            "the application deletes them from 2026-02-25T23:10:16Z on; run 'rollout baseline' now",
        ),
        (40, "warning", "the application deletes rows after 30 days; run 'rollout baseline' now"),
    ],
)
def test_rows_that_will_be_deleted(tmp_path, clock, days_after, state, words):
    clock(DEPLOY + timedelta(days=days_after, hours=4))
    line = examined(tmp_path, healthy(9))["baseline"]
    assert line.state == state
    assert words in line.detail


def test_a_frozen_baseline_is_said_and_a_damaged_one_too(tmp_path, clock):
    settings = store("parquet", healthy(), tmp_path)
    load_baseline(settings, DEPLOY, lambda: open_engine(settings))
    clock(DEPLOY + timedelta(days=60))
    line = {line.name: line for line in examine(settings)}["baseline"]
    assert line.state == "ok"
    assert line.detail.startswith(
        "frozen from 2026-01-26T23:10:16.789Z to 2026-02-02T23:10:16.789Z; the oldest row is of 2026-01-26"
    )
    settings.paths.baseline_counts.write_bytes(b"PAR1")
    line = {line.name: line for line in examine(settings)}["baseline"]
    assert line.state == "error"
    assert "is damaged; delete it" in line.detail


# ---- PostgreSQL ------------------------------------------------------------------------------------------------------
def test_a_role_that_may_write_gets_the_grant_of_a_reader(database, tmp_path, monkeypatch):
    lines = examined(tmp_path, healthy(), "postgres", database=database, monkeypatch=monkeypatch)
    assert lines["read only"].state == "warning"
    grant = lines["read only"].detail.split("use a reader: ")[1]
    assert grant == (
        "CREATE ROLE rollout_reader LOGIN PASSWORD '...'; GRANT USAGE ON SCHEMA \"public\" TO rollout_reader; "
        'GRANT SELECT ON "public"."AIInteraction" TO rollout_reader;'
    )
    name = f"reader_{tmp_path.name[-20:]}"
    database.execute(grant.replace("rollout_reader", name))  # what it prints really works
    try:
        monkeypatch.setenv(
            "TEST_URL",
            make_url(database.url)
            .set(username=name, password="...")
            .render_as_string(hide_password=False),
        )
        found = {
            line.name: line
            for line in examine(settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"'))
        }
        assert found["read only"] == Line("read only", "ok", "this role may not write to the table")
    finally:
        database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_column_with_a_time_zone_is_said(database, tmp_path, monkeypatch):
    database.load_interactions(healthy())
    database.execute(
        """ALTER TABLE "AIInteraction" ALTER "createdAt" TYPE TIMESTAMPTZ USING "createdAt" AT TIME ZONE 'UTC'"""
    )
    monkeypatch.setenv("TEST_URL", database.url)
    found = examine(settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"'))
    assert "createdAt has a time zone; it is read as UTC" in [
        line.detail for line in found if line.name == "columns"
    ]
    assert {line.name: line for line in found}["newest row"].state == "ok"


def test_what_was_mapped_is_said(tmp_path):
    columns = "\n".join(
        f"{name} = '\"{name}\"'" for name in healthy().columns if name not in ("status", "apiType")
    )
    (tmp_path / "own.toml").write_text(
        f'notes = ["ours"]\n[columns]\n{columns}\nstatus = "\'success\'"\n', encoding="utf-8"
    )
    healthy(status="ok").to_parquet(tmp_path / "calls.parquet")
    found = examine(
        settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"\nmapping = "own.toml"')
    )
    mapped = [line.detail for line in found if line.name == "mapping"]
    assert "status = 'success'" in mapped[0]
    assert mapped[1:] == ["ours"]
