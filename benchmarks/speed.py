"""How long a comparison takes beside what an analyst writes today, side by side in one run: medians of three, ratios, peak memory.

    python benchmarks/speed.py --millions 1 10

Each contender is a whole process, timed from outside. The rows are made by DuckDB, seeded: a week of baseline and a day after.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

CONFIG = """
[rollout]
name = "speed"
deployed_at = 2026-02-02T23:10:16Z
[source]
engine = "duckdb"
path = "calls.parquet"
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
CALLS = """
COPY (
    SELECT
        CAST(number AS VARCHAR) || '-' || CAST(hash(number) AS VARCHAR) AS id,
        'client-' || CAST(CAST(10 * r1 * r2 AS INTEGER) AS VARCHAR) AS "clientId",
        'lead-' || CAST(CAST(100000 * r3 AS INTEGER) AS VARCHAR) AS "leadId",
        CASE WHEN source > 0 THEN 'background-job/' || CAST(source AS VARCHAR) END AS source,
        'feature.' || CAST(feature AS VARCHAR) AS "featureId",
        CASE WHEN feature < 6 THEN 'gpt-5-mini' ELSE 'gpt-5-nano' END AS model,
        CASE WHEN failed AND feature < 2 THEN 20000 + CAST(200 * r2 AS INTEGER)
             ELSE LEAST(20000, CAST(exp(7.0 + 0.1 * feature + 0.6 * sqrt(-2 * ln(1 - r3)) * cos(6.28318 * r4)) AS INTEGER))
        END AS "latencyMs",
        CASE WHEN failed THEN 'error' ELSE 'success' END AS status,
        CASE WHEN NOT failed THEN NULL WHEN feature < 2 THEN 'Request timed out.' ELSE 'Connection error.' END AS "errorMessage",
        CASE WHEN NOT failed THEN CAST(100 + 300 * r1 AS INTEGER) END AS "outputTokens",
        CASE WHEN NOT failed THEN CAST(600 + 300 * r1 AS INTEGER) END AS "totalTokens",
        TIMESTAMP '2026-01-26 23:10:16'
            + CAST(floor((number + r4) / {rows} * 8 * 86400000) AS BIGINT) * INTERVAL '1 millisecond' AS "createdAt"
    FROM (
        SELECT number, CAST(floor(12 * random()) AS INTEGER) AS feature, CAST(floor(6 * random()) AS INTEGER) AS source,
               random() < 0.05 AS failed, random() AS r1, random() AS r2, random() AS r3, random() AS r4
        FROM range({rows}) AS counted(number)
    )
) TO '{path}' (FORMAT parquet)
"""
GROUP_BY = """
import duckdb
duckdb.sql("SELECT \\"featureId\\", COUNT(*) FROM read_parquet('calls.parquet') GROUP BY 1").fetchall()
"""
ANALYST = """
import duckdb, pandas as pd
from scipy.stats import mannwhitneyu
calls = duckdb.sql("SELECT \\"featureId\\", \\"latencyMs\\", \\"createdAt\\" FROM read_parquet('calls.parquet')").df()
calls["post"] = calls["createdAt"] - pd.to_timedelta(calls["latencyMs"], unit="ms") >= pd.Timestamp("2026-02-02 23:10:16")
for feature, group in calls.groupby("featureId"):
    print(feature, mannwhitneyu(group.loc[group.post, "latencyMs"], group.loc[~group.post, "latencyMs"]).pvalue)
"""
BOOTSTRAP = """
import numpy as np
rng = np.random.default_rng(1)
for feature, group in calls.groupby("featureId"):
    arms = [group.loc[mask, "latencyMs"].to_numpy() for mask in (group.post, ~group.post)]
    shifts = [np.subtract(*(np.percentile(rng.choice(arm, arm.size), 95) for arm in arms)) for _ in range(1000)]
    print(feature, np.percentile(shifts, [2.5, 97.5]))
"""


@dataclass(frozen=True)
class Timed:
    """Median wall time in seconds and largest peak memory in MB of a process."""

    wall_s: float
    peak_mb: float


def time_process(command: list[str], folder: Path, *, runs: int, fresh: bool) -> Timed:
    """Run a command so many times; `fresh` removes outputs/ before each, so that nothing is frozen."""
    walls, peaks = [], []
    for _ in range(runs):
        if fresh:
            subprocess.run(["rm", "-rf", str(folder / "outputs")], check=True)
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - started)
        peaks.append(usage.ru_maxrss / 1024)
        if os.waitstatus_to_exitcode(status) not in (0, 1, 3, 4):
            raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return Timed(statistics.median(walls), max(peaks))


def main() -> None:
    """Print one table a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1.0])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    for millions in arguments.millions:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "rollout.toml").write_text(CONFIG)
            connection = duckdb.connect()
            connection.execute("SELECT setseed(0.94)")
            connection.execute(CALLS.format(rows=int(millions * 1e6), path=folder / "calls.parquet"))
            connection.close()
            print_table(millions, folder, runs=arguments.runs)


def print_table(millions: float, folder: Path, *, runs: int) -> None:
    """Time every contender on the rows in `folder`."""
    compare = [sys.executable, "-m", "analysis", "compare", "--window", "24h"]
    contenders = {
        "rollout compare, nothing frozen": (compare, runs, True),
        "rollout compare, baseline frozen": (compare, runs, False),
        "bare GROUP BY feature": ([sys.executable, "-c", GROUP_BY], runs, False),
        "analyst: Mann-Whitney per feature": ([sys.executable, "-c", ANALYST], runs, False),
    }
    if millions <= 1:
        contenders["analyst who bootstraps p95"] = ([sys.executable, "-c", ANALYST + BOOTSTRAP], 1, False)
    ours = None
    print(f"\n{millions:g} million calls\n\n| contender | wall s | times ours | peak MB |\n|---|---|---|---|")
    for name, (command, n_runs, fresh) in contenders.items():
        found = time_process(command, folder, runs=n_runs, fresh=fresh)
        ours = ours or found
        print(f"| {name} | {found.wall_s:.2f} | {found.wall_s / ours.wall_s:.2f} | {found.peak_mb:.0f} |", flush=True)


if __name__ == "__main__":
    main()
