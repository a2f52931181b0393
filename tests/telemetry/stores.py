"""The same calls in every place that an engine reads: Parquet, CSV, a DuckDB file, PostgreSQL."""

import gzip
from pathlib import Path

import duckdb
import pandas as pd

from analysis.config import Settings, load_settings
from tests.postgres_server import Database

FILES = ("parquet", "csv", "duckdb")
STORES = (*FILES, "postgres")
_CONFIG = """
[rollout]
name = "test"
deployed_at = {deployed_at}
[source]
{source}
[monitoring]
windows = ["1h", "4h"]
[[expectation]]
name = "fewer timeouts"
feature = "draft.verify"
metric = "timeout_rate"
claim = "falls"
{more}
"""


def settings_of(
    folder: Path, source: str, *, more: str = "", deployed_at: str = "2026-02-02T23:10:16.789Z"
) -> Settings:
    """Write a rollout.toml with that [source] and load it."""
    path = folder / "rollout.toml"
    path.write_text(
        _CONFIG.format(source=source, more=more, deployed_at=deployed_at), encoding="utf-8"
    )
    return load_settings(path)


def store(
    kind: str,
    rows: pd.DataFrame,
    folder: Path,
    *,
    database: Database | None = None,
    monkeypatch=None,
    more: str = "",
) -> Settings:
    """Put the rows into a store of that kind and say where they are."""
    if kind == "postgres":
        database.load_interactions(rows)
        monkeypatch.setenv("TEST_URL", database.url)
        return settings_of(folder, 'engine = "postgres"\nurl_env = "TEST_URL"', more=more)
    if kind == "parquet":
        rows.to_parquet(folder / "calls.parquet", index=False)
    elif kind == "csv":
        rows.to_csv(folder / "calls.csv", index=False)
    elif kind == "csv.gz":
        with gzip.open(folder / "calls.csv.gz", "wt", encoding="utf-8", newline="") as file:
            rows.to_csv(file, index=False)
    else:
        with duckdb.connect(str(folder / "calls.duckdb")) as connection:
            connection.register("rows", rows)
            connection.execute('CREATE TABLE "AIInteraction" AS SELECT * FROM rows')
    return settings_of(folder, f'engine = "duckdb"\npath = "calls.{kind}"', more=more)
