"""The calls that every contender reads, made by DuckDB with a seed, in the store of each engine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2

SEED = 0.94
CALLS = """
COPY (
    SELECT
        CAST(number AS VARCHAR) || '-' || CAST(hash(number) AS VARCHAR) AS id,
        'client-' || CAST(CAST(10 * r1 * r2 AS INTEGER) AS VARCHAR) AS "clientId",
        'lead-' || CAST(CAST(100000 * r3 AS INTEGER) AS VARCHAR) AS "leadId",
        CASE WHEN source > 0
             THEN 'background-job/' || CAST(source AS VARCHAR) END AS source,
        'feature.' || CAST(feature AS VARCHAR) AS "featureId",
        CASE WHEN feature < 6 THEN 'gpt-5-mini' ELSE 'gpt-5-nano' END AS model,
        'responses' AS "apiType",
        CASE WHEN failed AND feature < 2 THEN 20000 + CAST(200 * r2 AS INTEGER)
             ELSE LEAST(20000, CAST(exp(
                 7.0 + 0.1 * feature + 0.6 * sqrt(-2 * ln(1 - r3)) * cos(6.28318 * r4)
             ) AS INTEGER))
        END AS "latencyMs",
        CASE WHEN failed THEN 'error' ELSE 'success' END AS status,
        CASE WHEN NOT failed THEN NULL
             WHEN feature < 2 THEN 'Request timed out.'
             ELSE 'Connection error.' END AS "errorMessage",
        CASE WHEN NOT failed THEN CAST(100 + 300 * r1 AS INTEGER) END AS "outputTokens",
        CASE WHEN NOT failed THEN CAST(600 + 300 * r1 AS INTEGER) END AS "totalTokens",
        TIMESTAMP '2026-01-26 23:10:16'
            + CAST(floor((number + r4) / {rows} * 8 * 86400000) AS BIGINT)
            * INTERVAL '1 millisecond' AS "createdAt"
    FROM (
        SELECT number,
               CAST(floor(12 * random()) AS INTEGER) AS feature,
               CAST(floor(6 * random()) AS INTEGER) AS source,
               random() < 0.05 AS failed,
               random() AS r1, random() AS r2, random() AS r3, random() AS r4
        FROM range({rows}) AS counted(number)
    )
) TO '{path}' (FORMAT parquet)
"""
COLUMNS = (
    "id",
    "clientId",
    "leadId",
    "source",
    "featureId",
    "model",
    "apiType",
    "latencyMs",
    "status",
    "errorMessage",
    "outputTokens",
    "totalTokens",
    "createdAt",
)


def make_parquet(path: Path, rows: int) -> None:
    """Seven days of baseline and one day after the deploy, in the order of an export."""
    with duckdb.connect(config={"threads": 1}) as connection:  # more threads, other rows
        connection.execute(f"SELECT setseed({SEED})")
        connection.execute(CALLS.format(rows=rows, path=path))


def make_duckdb(path: Path, parquet: Path) -> None:
    """The same rows as a table of a DuckDB file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""CREATE TABLE "AIInteraction" AS SELECT * FROM read_parquet('{parquet}')"""
        )


def make_postgres(url: str, parquet: Path) -> None:
    """The same rows in the application's table, with its indexes."""
    csv = parquet.with_suffix(".csv")
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    select = f"SELECT {columns} FROM read_parquet('{parquet}')"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{csv}' (FORMAT csv, HEADER false)")
    try:
        with (
            closing(psycopg2.connect(url)) as connection,
            connection,
            connection.cursor() as cursor,
            csv.open() as lines,
        ):
            cursor.copy_expert(f'COPY "AIInteraction" ({columns}) FROM STDIN (FORMAT csv)', lines)
    finally:
        csv.unlink()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute('VACUUM ANALYZE "AIInteraction"')
