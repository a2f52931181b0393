"""Columns of other types, other words for success, and CSV files as tools export them."""

import pandas as pd
import pytest

from analysis.counting.scans.count_tables import load_latency_counts
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality
from analysis.errors import DataNotTrusted
from analysis.outcomes import OUTCOME_CODES
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.spark.source import _TYPES as spark_types
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.opened_engines import ALL_CALLS, GRID, open_url
from tests.fixtures.stores import FILES, settings_of, store

CSV_SOURCE = 'engine = "duckdb"\npath = "calls.csv"'
HEADER = ",".join(CANONICAL_COLUMNS)
TABLE = '"AIInteraction"'


def counts(engine) -> pd.DataFrame:
    return load_latency_counts(Scan(engine, GRID), [ALL_CALLS]).rows


def outcomes(engine) -> dict[int, int]:
    """Code of the outcome -> calls."""
    return counts(engine).groupby("outcome")["calls"].sum().to_dict()


@pytest.fixture
def read_csv(tmp_path):
    """A function from the bytes of calls.csv to the engine over it."""

    def read(content: bytes):
        (tmp_path / "calls.csv").write_bytes(content)
        return open_engine(settings_of(tmp_path, CSV_SOURCE))

    return read


# ---- types of PostgreSQL ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("UUID", "CAST(MD5({column}) AS UUID)"),
        ("INTEGER", "HASHTEXT({column})"),
        ("BIGINT", "HASHTEXTEXTENDED({column}, 0)"),
    ],
)
def test_ids_of_other_types_give_the_same_counts(database, tmp_path, monkeypatch, kind, value):
    database.load_interactions(edge_case_calls().drop_duplicates("id"))
    expected = counts(open_url(monkeypatch, tmp_path, database.url))
    for column in ('"id"', '"clientId"', '"leadId"'):
        using = value.format(column=column)
        database.execute(f"ALTER TABLE {TABLE} ALTER {column} DROP DEFAULT")
        database.execute(f"ALTER TABLE {TABLE} ALTER {column} TYPE {kind} USING {using}")
    engine = open_url(monkeypatch, tmp_path, database.url)
    pd.testing.assert_frame_equal(counts(engine), expected)
    assert load_row_quality(Scan(engine, GRID), ALL_CALLS).written_rows > 0
    engine.close()


def test_an_enum_as_status(database, tmp_path, monkeypatch):
    database.load_interactions(edge_case_calls())
    expected = counts(open_url(monkeypatch, tmp_path, database.url))
    database.execute("CREATE TYPE call_status AS ENUM ('SUCCESS', 'FAILED')")
    database.execute(
        f'ALTER TABLE {TABLE} ALTER "status" DROP DEFAULT, ALTER "status" TYPE call_status USING '
        """CAST(CASE "status" WHEN 'success' THEN 'SUCCESS' WHEN 'error' THEN 'FAILED' END """
        "AS call_status)"
    )
    engine = open_url(monkeypatch, tmp_path, database.url)
    assert counts(engine)["calls"].sum() == expected["calls"].sum()
    engine.close()


# ---- words of status --------------------------------------------------------------------------
WORDS = {
    "success": ["success", "SUCCESS", "Succeeded", " ok ", "COMPLETED"],
    "timeout": ["TIMEOUT", "timed-out", "Timed Out"],
    "rate_limit": ["RATE_LIMITED", "throttled"],
    "connection": ["connection_error"],
    "other": ["Failed", "FAILURE"],
}


@pytest.mark.parametrize("kind", [*FILES, "postgres"])
def test_statuses_whose_meaning_is_plain(request, tmp_path, monkeypatch, kind):
    database = request.getfixturevalue("database") if kind == "postgres" else None
    statuses = [status for words in WORDS.values() for status in words]
    one = edge_case_calls().iloc[:1].assign(errorMessage=None, latencyMs=5, createdAt=DEPLOYED_AT)
    rows = pd.concat([one] * len(statuses), ignore_index=True)
    rows = rows.assign(status=statuses, id=[str(n) for n in range(len(rows))])
    engine = open_engine(store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch))
    assert outcomes(engine) == {OUTCOME_CODES[name]: len(words) for name, words in WORDS.items()}
    engine.close()


def test_spark_reads_the_column_and_no_text():
    text = spark_types.cast("status", "string")
    assert "CAST(`status` AS STRING)" in text
    assert "'status'" not in text
    assert '"' not in text


# ---- CSV --------------------------------------------------------------------------------------
ROW = "1,t,,s,f,m,{ms},success,,{tokens},2,{at}"


def csv_text(*, ms="5", at="2026-02-03 00:00:00", tokens="1") -> str:
    return f"{HEADER}\n{ROW.format(ms=ms, at=at, tokens=tokens)}\n"


@pytest.mark.parametrize(
    "content",
    [
        csv_text().encode("utf-8-sig"),
        csv_text().replace("\n", "\r\n").encode(),
        csv_text().replace(",", ";").encode(),
        csv_text().replace(",", "\t").encode(),
        csv_text().replace(",", "|").encode(),
        csv_text().replace(HEADER, HEADER.upper()).encode(),
        csv_text().replace(HEADER, HEADER.lower()).encode(),
        csv_text(ms="5.0", tokens="1.0").encode(),
    ],
    ids=["bom", "crlf", "semicolon", "tab", "bar", "upper", "lower", "floats"],
)
def test_a_csv_file_as_tools_write_it(read_csv, content):
    rows = counts(read_csv(content))
    assert list(rows["latency_ms"]) == [5]


@pytest.mark.parametrize(
    "at",
    [
        "2026-02-03 01:02:03.5",
        "2026-02-03T01:02:03.500Z",
        "2026-02-03 01:02:03.5 UTC",
        "2026-02-03 03:02:03.5+02",
        "2026-02-03 03:02:03.500 +0200",
        "1770080523.5",
        "1770080523500",
    ],
)
def test_a_time_as_tools_write_it(read_csv, at):
    engine = read_csv(csv_text(at=at).encode())
    span = engine.fetch(engine.queries.statement("doctor_span", {})).iloc[0]
    assert pd.Timestamp(span["last_written_at"]) == pd.Timestamp("2026-02-03 01:02:03.5")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ms": '"1,234"'}, "latencyMs of row 1 (without the header) is '1,234', which is not a "
         "whole number of milliseconds; correct the row and run again"),
        ({"ms": "1.234"}, "latencyMs of row 1 (without the header) is '1.234', which is not a "
         "whole number of milliseconds; correct the row and run again"),
        ({"tokens": '"1,234"'}, "outputTokens of row 1 (without the header) is '1,234', which is "
         "not a whole number; correct the row and run again"),
        ({"at": "03.02.2026 01:02"}, "createdAt of row 1 (without the header) is "
         "'03.02.2026 01:02', which is not a time such as 2026-02-02 23:10:16.123; correct the "
         "row and run again"),
        ({"at": "2/3/2026 1:02"}, "createdAt of row 1 (without the header) is '2/3/2026 1:02', "
         "which is not a time such as 2026-02-02 23:10:16.123; correct the row and run again"),
        ({"at": "12345"}, "createdAt of row 1 (without the header) is '12345', which is not a "
         "time such as 2026-02-02 23:10:16.123; correct the row and run again"),
    ],
)  # fmt: skip
def test_a_csv_value_that_is_refused(read_csv, values, sentence):
    with pytest.raises(DataNotTrusted) as raised:
        read_csv(csv_text(**values).encode())
    assert str(raised.value) == f"[source].path 'calls.csv': {sentence}"
