"""The list of what a shared query may use: every trap of FACTS is found, what the queries are built of is not."""

import pytest
import sqlglot

from tests.sql_rules import shared_sql_faults


def faults(select: str) -> str:
    return "; ".join(
        shared_sql_faults(sqlglot.parse_one(f"SELECT {select} FROM calls", read="postgres"))
    )


@pytest.mark.parametrize(
    ("select", "fault"),
    [
        ("latency_ms / 2", "divides by '/'"),
        ("CAST(SUM(latency_ms) / COUNT(*) AS BIGINT)", "divides by '/'"),
        ("SUM(latency_ms)", "SUM(latency_ms) is not in a CAST(... AS BIGINT)"),
        ("COALESCE(SUM(latency_ms), 0)", "is not in a CAST"),
        ("CAST(SUM(latency_ms) AS DOUBLE PRECISION)", "is not in a CAST(... AS BIGINT)"),
        ("CAST(latency_ms AS NUMERIC(10, 2))", "casts to"),
        ("CAST(started_at AS TIMESTAMPTZ)", "casts to TIMESTAMPTZ"),
        ("AVG(latency_ms)", "uses AVG"),
        ("STDDEV_SAMP(latency_ms)", "uses STDDEV"),
        ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY latency_ms)", "uses PERCENTILE_CONT"),
        ("PERCENTILE_APPROX(latency_ms, 0.5)", "uses PERCENTILE_APPROX"),
        ("QUANTILE_CONT(latency_ms, 0.5)", "uses "),
        ("MEDIAN(latency_ms)", "uses MEDIAN"),
        ("EXTRACT(EPOCH FROM started_at)", "uses EXTRACT"),
        ("EXTRACT(HOUR FROM started_at)", "uses EXTRACT"),
        ("DATE_BIN('1 hour', started_at, started_at)", "uses DATE_BIN"),
        ("DATE_TRUNC('week', started_at)", "DATE_TRUNC to WEEK"),
        ("started_at AT TIME ZONE 'UTC'", "AtTimeZone"),
        ("started_at - INTERVAL '1 month'", "no length that is the same"),
        ("NOW()", "uses CURRENT_TIMESTAMP"),
        ("message ~* 'x'", "uses REGEXP_I_LIKE"),
        ("message SIMILAR TO 'x'", "uses SimilarTo"),
        ("message LIKE 'max\\_output%'", "LIKE with a backslash"),
        ("message ILIKE 'x'", "uses ILike"),
        ("message ~ 'a.b'", "the pattern 'a.b'"),
        ("message ~ '\\d+'", "the pattern"),
        ("message ~ '(?i)x'", "the pattern"),
        ("message ~ '[[:digit:]]'", "the pattern"),
        ("message ~ 'x{3}'", "the pattern"),
        ("REGEXP_REPLACE(message, 'a', 'b')", "uses REGEXP_REPLACE"),
        ("STRING_AGG(feature, ',')", "uses "),
        ("ARRAY_AGG(feature)", "uses ARRAY_AGG"),
        ("ROW_NUMBER() OVER (ORDER BY id)", "uses ROW_NUMBER"),
        ("LEAST(latency_ms, 3)", ""),
        ("HASHTEXT(tenant)", "uses HASHTEXT"),
        ("RANDOM()", "uses RAND"),
    ],
)
def test_what_the_engines_do_not_share_is_found(select, fault):
    assert fault in faults(select)
    assert faults(select) or not fault


@pytest.mark.parametrize(
    "select",
    [
        "COUNT(*) FILTER (WHERE latency_ms > 3)",
        "CAST(COALESCE(SUM(CAST(latency_ms AS BIGINT) * latency_ms), 0) AS BIGINT)",
        "DATE_TRUNC('hour', started_at - :grid_ms * INTERVAL '1 millisecond')",
        "GREATEST(started_at, written_at), COALESCE(source, feature), MD5(tenant), MOD(latency_ms, 10)",
        "LOWER(SPLIT_PART(message, ' meta={', 1)) LIKE '%request timed out%'",
        "message ~ '^(post-process error: )?5[0-9][0-9]( |$)'",
        "message ~ ('(^|[^a-z])' || word || '([^a-z]|$)')",
        "CASE WHEN status = 'success' THEN 0 ELSE 1 END",
        "10 * INTERVAL '1 minute'",
    ],
)
def test_what_the_queries_are_built_of_is_not_a_fault(select):
    assert faults(select) == ""


def test_joins_are_inner_or_left():
    query = sqlglot.parse_one("SELECT a.x FROM a FULL OUTER JOIN b ON a.x = b.x", read="postgres")
    assert "a join of the kind FULL" in "; ".join(shared_sql_faults(query))
