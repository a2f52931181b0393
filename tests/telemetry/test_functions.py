"""The functions of the list: those of our own queries and mappings are on it, in every engine."""

import pytest
from sqlglot import parse_one

from analysis.telemetry.expressions import ENGINE_DIALECTS, expression_problem
from analysis.telemetry.functions import refused_function
from analysis.telemetry.sql_files import SQL_FOLDER, parsed_query


@pytest.mark.parametrize("name", sorted(path.stem for path in SQL_FOLDER.glob("*.sql")))
def test_our_own_queries_call_only_functions_of_the_list(name):
    query = parsed_query(name)
    assert refused_function(query) is None
    for dialect in ENGINE_DIALECTS:
        assert refused_function(parse_one(query.sql(dialect=dialect), read=dialect)) is None


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "CASE WHEN a::text LIKE 'x%' THEN COALESCE(b, 0) END"),
        ("postgres", "EXTRACT(EPOCH FROM a - b) * 1000"),
        ("postgres", "(a AT TIME ZONE 'UTC') + b * INTERVAL '1 millisecond'"),
        ("postgres", "LPAD(TRIM(a), 3, '0') || SPLIT_PART(b, '/', 1)"),
        ("postgres", "a #>> '{x,y}'"),
        ("duckdb", "EPOCH_MS(a)"),
        ("duckdb", "json_extract_string(a, '$.x')"),
        ("duckdb", "DATE_DIFF('ms', a, b)"),
        ("spark", "GET_JSON_OBJECT(a, '$.x')"),
        ("spark", "TIMESTAMP_MILLIS(a)"),
        ("mysql", "TIMESTAMPADD(MICROSECOND, a, b)"),
    ],
)
def test_a_mapping_may_call_what_its_page_lists(dialect, sql):
    assert expression_problem(sql, dialect) is None
