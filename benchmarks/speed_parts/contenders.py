"""The programs that are timed: rollout, and what analysts write today. Each is a whole process."""

from __future__ import annotations

DEPLOYED_AT = "2026-02-02 23:10:16"
CONFIG = """
[rollout]
name = "speed"
deployed_at = 2026-02-02T23:10:16Z
[source]
{source}
timeout = "30m"
[monitoring]
windows = ["1h", "12h", "24h"]
[[expectation]]
name = "timeouts drop"
feature = "feature.0"
metric = "timeout_rate"
claim = "falls"
[[guardrail]]
name = "nothing gets slower"
feature = "*"
metric = "slower_than_p95"
claim = "no_worse"
margin = 0.5
"""
SOURCES = {
    "parquet": 'engine = "duckdb"\npath = "calls.parquet"',
    "duckdb": 'engine = "duckdb"\npath = "calls.duckdb"',
    "postgres": 'engine = "postgres"\nurl_env = "SPEED_DATABASE_URL"',
    "spark": 'engine = "spark"\nmaster = "local[2]"\npath = "calls.parquet"',
}

# `read` returns the answer of a query as a DataFrame; `table` is what the query reads.
READERS = {
    "parquet": """
import duckdb
table = "read_parquet('calls.parquet')"
def read(query):
    return duckdb.sql(query).df()
""",
    "duckdb": """
import duckdb
table, connection = '"AIInteraction"', duckdb.connect("calls.duckdb", read_only=True)
def read(query):
    return connection.sql(query).df()
""",
    "postgres": """
import os, pandas, sqlalchemy
url = os.environ["SPEED_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://")
table, engine = '"AIInteraction"', sqlalchemy.create_engine(url)
def read(query):
    return pandas.read_sql(sqlalchemy.text(query), engine)
""",
}
GROUP_BY = """
read(f'SELECT "featureId", COUNT(*) FROM {table} GROUP BY 1')
"""
PERCENTILES = """
of = ", ".join(
    f'percentile_cont({q}) WITHIN GROUP (ORDER BY "latencyMs")' for q in (0.5, 0.9, 0.95, 0.99)
)
read(f'SELECT "featureId", "source", "status", {of} FROM {table} GROUP BY 1, 2, 3')
"""
START = """
import analysis.rollout
"""
LATENCY_COUNTS = """
from pathlib import Path
from analysis.config import load_settings
from analysis.counting.baseline import asked_window
from analysis.counting.grid import Grid
from analysis.telemetry.engines import open_engine
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.count_tables import load_latency_counts
settings = load_settings(Path("rollout.toml"))
deployed_at = settings.rollout.deployed_at
window = asked_window(settings, deployed_at)
load_latency_counts(Scan(open_engine(settings), Grid.of(settings, deployed_at)), [window])
"""
CALLS = f"""
import pandas as pd
calls = read(f'SELECT "featureId", "latencyMs", "createdAt" FROM {{table}}')
started_at = calls["createdAt"] - pd.to_timedelta(calls["latencyMs"], unit="ms")
calls["post"] = started_at >= pd.Timestamp("{DEPLOYED_AT}")
"""
ANALYST = f"""{CALLS}
from scipy.stats import mannwhitneyu
for feature, group in calls.groupby("featureId"):
    arms = [group.loc[mask, "latencyMs"].to_numpy() for mask in (group.post, ~group.post)]
    print(feature, mannwhitneyu(*arms).pvalue)
"""
BOOTSTRAP = f"""{ANALYST}
import numpy as np
rng = np.random.default_rng(1)
for feature, group in calls.groupby("featureId"):
    arms = [group.loc[mask, "latencyMs"].to_numpy() for mask in (group.post, ~group.post)]
    shifts = [
        np.subtract(*(np.percentile(rng.choice(arm, arm.size), 95) for arm in arms))
        for _ in range(1000)
    ]
    print(feature, np.percentile(shifts, [2.5, 97.5]))
"""
# tea-tasting takes a DataFrame, so it reads single calls; it has no hours, strata or looks.
TEA_TASTING = f"""
import tea_tasting as tt
calls = read(f'''SELECT "featureId", "latencyMs",
    CASE WHEN "status" = 'error' THEN 1 ELSE 0 END AS failed,
    CASE WHEN "createdAt" - "latencyMs" * INTERVAL '1 millisecond' >= TIMESTAMP '{DEPLOYED_AT}'
         THEN 1 ELSE 0 END AS variant
    FROM {{table}}''')
experiment = tt.Experiment(latency=tt.Mean("latencyMs"), failed=tt.Proportion("failed"))
for feature, group in calls.groupby("featureId"):
    print(feature, experiment.analyze(group))
"""
