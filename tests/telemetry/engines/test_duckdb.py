"""DuckDB over files: bad values and bad files are reported, odd names and types are read."""

from datetime import timedelta

import duckdb
import pandas as pd
import pytest

from analysis.counting.scans.count_tables import load_latency_counts
from analysis.counting.scans.scan import Scan
from analysis.errors import DataNotTrusted, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.opened_engines import ALL_CALLS, GRID, UncheckedStatement, one_value
from tests.fixtures.stores import settings_of, store

CSV_SOURCE = 'engine = "duckdb"\npath = "calls.csv"'
HEADER = ",".join(CANONICAL_COLUMNS) + "\n"
NULLS = ("", "NULL", "null", r"\N", "NaN", "nan", "None", "<NA>", "(null)", "[NULL]")
ROW = "1,t,,s,f,m,{ms},success,,1,2,{at}\n"


def write_csv(folder, *rows) -> None:
    """calls.csv with a row for each (latency, time)."""
    lines = [ROW.format(ms=ms, at=at) for ms, at in rows]
    (folder / "calls.csv").write_text(HEADER + "".join(lines), encoding="utf-8")


# ---- values ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ms", "at", "column"),
    [
        ("fast", "2026-02-03", "latencyMs"),
        ("1200.5", "2026-02-03", "latencyMs"),
        ("0x10", "2026-02-03", "latencyMs"),
        ("1e3", "2026-02-03", "latencyMs"),
        ("1_000", "2026-02-03", "latencyMs"),
        ("99999999999999999999", "2026-02-03", "latencyMs"),
        ("12", "yesterday", "createdAt"),
        ("12", "", "createdAt"),
        ("12", "2026-13-01 00:00:00", "createdAt"),
        ("12", "2026-02-03 00:00:00 CEST", "createdAt"),
    ],
)
def test_a_bad_value_is_reported_with_its_row(tmp_path, ms, at, column):
    write_csv(tmp_path, ("5", "2026-02-03"), (ms, at))
    with pytest.raises(DataNotTrusted, match=rf"{column} of row 2 \(without the header\)"):
        open_engine(settings_of(tmp_path, CSV_SOURCE))


@pytest.mark.parametrize("ms", ["5", " 5 ", "5.0", "5.000", "+5", *NULLS])
def test_a_latency_as_tools_write_it(tmp_path, ms):
    write_csv(tmp_path, (ms, "2026-02-03T00:00:00Z"))
    engine = open_engine(settings_of(tmp_path, CSV_SOURCE))
    counts = load_latency_counts(Scan(engine, GRID), [ALL_CALLS])
    assert list(counts.rows["latency_ms"]) == ([] if ms in NULLS else [5])


@pytest.mark.parametrize("added", [0.5, 1e30, float("inf")])
def test_a_number_that_is_no_whole_one_is_reported(tmp_path, added):
    calls = edge_case_calls()
    calls["latencyMs"] = calls["latencyMs"].astype("float64") + added
    with pytest.raises(DataNotTrusted, match=r"latencyMs of row 1 .*is not a whole number"):
        open_engine(store("parquet", calls, tmp_path))


def test_floats_and_times_with_zone_give_the_same_counts(tmp_path):
    calls, tables = edge_case_calls(), []
    created = calls["createdAt"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    floats = calls.assign(latencyMs=calls["latencyMs"].astype("float64"), createdAt=created)
    for rows in (calls, floats):
        engine = open_engine(store("parquet", rows, tmp_path))
        tables.append(load_latency_counts(Scan(engine, GRID), [ALL_CALLS]).rows)
    pd.testing.assert_frame_equal(*tables)


def test_a_column_of_another_type_is_reported(tmp_path):
    calls = edge_case_calls()
    with pytest.raises(WrongUse, match="createdAt has type BIGINT, which is not read as a time"):
        open_engine(store("parquet", calls.assign(createdAt=range(len(calls))), tmp_path))


# ---- files -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("calls.csv", b"", "calls.csv is empty; it needs a header row"),
        ("calls.csv", HEADER.replace("leadId", "lead").encode(), "has no column 'leadId'"),
        ("calls.csv", HEADER.replace("leadId", "clientId").encode(), "the name of another"),
        (
            *("calls.csv", (HEADER + "1,2,3\n").encode()),
            "cannot be read as CSV: line 2 has too few or too many columns",
        ),
        (
            *("calls.csv", (HEADER + '1,t,,s,f,m,5,error,"open,1,2,2026-02-03\n').encode()),
            "cannot be read as CSV: line 2",
        ),
        (
            *("calls.csv", (HEADER + "1,t,,\xe9,f,m,5,success,,1,2,2026\n").encode("latin-1")),
            "cannot be read as CSV",
        ),
        ("calls.csv.gz", b"not packed", "cannot be read as CSV"),
        ("calls.parquet", b"PAR1 but not really", "cannot be read as Parquet"),
        ("calls.duckdb", b"no database", "cannot be read as a DuckDB file"),
        ("calls.xlsx", b"PK", "ends neither in .parquet"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUse, match=sentence) as raised:
        open_engine(settings_of(tmp_path, f'engine = "duckdb"\npath = "{name}"'))
    assert str(tmp_path) not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_path_without_a_file(tmp_path):
    with pytest.raises(WrongUse, match=r"\[source\].path 'calls-\*.csv' matches no file"):
        open_engine(settings_of(tmp_path, CSV_SOURCE.replace("calls", "calls-*")))


def test_a_duckdb_file_without_the_table(tmp_path):
    duckdb.connect(str(tmp_path / "calls.duckdb")).execute("CREATE TABLE other (a INT)").close()
    with pytest.raises(WrongUse, match="has no table 'AIInteraction'"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.duckdb"'))


def test_brackets_stars_and_quotes_are_part_of_a_name(tmp_path):
    folder = tmp_path / "it's [odd] ?"
    folder.mkdir()
    store("parquet", edge_case_calls(), folder)
    (folder / "calls.parquet").rename(folder / "ca'lls [1].parquet")
    path = "it's [odd] ?/ca'lls [1].parquet"
    engine = open_engine(settings_of(tmp_path, f'engine = "duckdb"\npath = "{path}"'))
    assert len(load_latency_counts(Scan(engine, GRID), [ALL_CALLS]).rows)


# ---- time ------------------------------------------------------------------------------------
def test_a_query_ends_at_the_time_limit(tmp_path):
    engine = open_engine(store("parquet", edge_case_calls(), tmp_path))
    engine._timeout = timedelta(seconds=0.5)
    slow = "SELECT SUM(a.range * b.range % 7) FROM range(10000000) AS a, range(100000) AS b"
    with pytest.raises(WrongUse, match=r"took longer than \[source\].timeout = 500ms"):
        engine.fetch(UncheckedStatement(slow))
    assert one_value(engine, "SELECT 1") == 1
    engine.close()
