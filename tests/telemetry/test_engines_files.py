"""Files as they come: values and files that cannot be read are named, odd names and other types are read."""

import duckdb
import pandas as pd
import pytest

from analysis.counting.scanning.count_tables import load_latency_counts
from analysis.errors import DataNotTrusted, WrongUse
from analysis.telemetry.engines import open_engine
from tests.fixtures.edge_case_calls import edge_case_calls
from tests.fixtures.opened_engines import GRID, WIDE
from tests.fixtures.stores import settings_of, store

# ---- files -----------------------------------------------------------------------------------------------------------
HEADER = "id,clientId,leadId,source,featureId,model,latencyMs,status,errorMessage,outputTokens,totalTokens,createdAt\n"
ROW = "1,t,,s,f,m,{ms},success,,1,2,{at}\n"


@pytest.mark.parametrize(
    ("ms", "at", "error"),
    [
        ("fast", "2026-02-03", "latencyMs of row 2"),
        ("1200.5", "2026-02-03", "latencyMs of row 2"),
        ("0x10", "2026-02-03", "latencyMs of row 2"),
        ("1e3", "2026-02-03", "latencyMs of row 2"),
        ("1_000", "2026-02-03", "latencyMs of row 2"),
        ("99999999999999999999", "2026-02-03", "latencyMs of row 2"),
        ("NaN", "2026-02-03", "latencyMs of row 2"),
        ("12", "yesterday", "createdAt of row 2"),
        ("12", "", "createdAt of row 2"),
        ("12", "2026-13-01 00:00:00", "createdAt of row 2"),
        ("12", "2026-02-03 00:00:00 CEST", "createdAt of row 2"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_row(tmp_path, ms, at, error):
    (tmp_path / "calls.csv").write_text(
        HEADER + ROW.format(ms="5", at="2026-02-03") + ROW.format(ms=ms, at=at), encoding="utf-8"
    )
    with pytest.raises(DataNotTrusted, match=error + r" \(without the header\)"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))


@pytest.mark.parametrize("ms", ["5", " 5 ", "5.0", "5.000", "+5", ""])
def test_a_latency_as_tools_write_it(tmp_path, ms):
    (tmp_path / "calls.csv").write_text(
        HEADER + ROW.format(ms=ms, at="2026-02-03T00:00:00Z"), encoding="utf-8"
    )
    engine = open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"'))
    assert list(load_latency_counts(engine, GRID, [WIDE]).rows["latency_ms"]) == ([5] if ms else [])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("calls.csv", b"", "calls.csv is empty; it needs a header row"),
        ("calls.csv", HEADER.replace("leadId", "lead").encode(), "has no column 'leadId'"),
        ("calls.csv", HEADER.replace("leadId", "clientId").encode(), "the name of another"),
        (
            "calls.csv",
            (HEADER + "1,2,3\n").encode(),
            "cannot be read as CSV: line 2 has too few or too many columns",
        ),
        (
            "calls.csv",
            (HEADER + '1,t,,s,f,m,5,error,"open quote,1,2,2026-02-03\n').encode(),
            "cannot be read as CSV: line 2",
        ),
        (
            "calls.csv",
            (HEADER + "1,t,,s,\xe9,m,5,success,,1,2,2026-02-03\n").encode("latin-1"),
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


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WrongUse, match=r"\[source\].path 'calls-\*.csv' matches no file"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls-*.csv"'))


def test_a_duckdb_file_without_the_table(tmp_path):
    duckdb.connect(str(tmp_path / "calls.duckdb")).execute("CREATE TABLE other (a INT)").close()
    with pytest.raises(WrongUse, match="has no table 'AIInteraction'"):
        open_engine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.duckdb"'))


def test_names_with_brackets_stars_and_quotes_are_only_names(tmp_path):
    folder = tmp_path / "it's [odd] ?"
    folder.mkdir()
    store("parquet", edge_case_calls(), folder)
    (folder / "calls.parquet").rename(folder / "ca'lls [1].parquet")
    engine = open_engine(
        settings_of(tmp_path, 'engine = "duckdb"\npath = "it\'s [odd] ?/ca\'lls [1].parquet"')
    )
    assert len(load_latency_counts(engine, GRID, [WIDE]).rows)


def test_parquet_with_other_types(tmp_path):
    calls = edge_case_calls()
    as_floats = calls.assign(
        latencyMs=calls["latencyMs"].astype("float64"),
        createdAt=calls["createdAt"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
    )
    found = []
    for number, rows in enumerate((calls, as_floats)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(
            load_latency_counts(open_engine(store("parquet", rows, folder)), GRID, [WIDE]).rows
        )
    pd.testing.assert_frame_equal(*found)
    halves = calls.assign(latencyMs=calls["latencyMs"].astype("float64") + 0.5)
    with pytest.raises(DataNotTrusted, match="latencyMs of row 1 is not a whole number"):
        open_engine(store("parquet", halves, tmp_path))
    with pytest.raises(WrongUse, match="createdAt has type BIGINT, which is not read as a time"):
        open_engine(store("parquet", calls.assign(createdAt=range(len(calls))), tmp_path))
