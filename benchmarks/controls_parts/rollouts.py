"""Whole rollouts from rows to a verdict: a slower provider, a real regression, and no change."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

import analysis
from analysis.files import write_text
from analysis.sample.series import simulate_series

CONTROLS = {"control.a": 60.0, "control.b": 40.0, "control.c": 30.0, "control.d": 20.0}
SCENARIOS = {
    "provider 20 % slower from the deploy on": (1.2, 1.2),
    "the target alone 20 % slower": (1.2, 1.0),
    "nothing happens": (1.0, 1.0),
}
"""Factor on the times of the target and of the controls, from the deploy on."""
CONFIG = """
[rollout]
name = "controls"
deployed_at = 2026-02-02T23:10:16Z
[source]
engine = "duckdb"
path = "calls.parquet"
[monitoring]
windows = ["4h", "24h"]
[controls]
use = "{use}"
[[expectation]]
name = "answers come sooner"
feature = "target"
metric = "latency_mean"
claim = "falls"
[[guardrail]]
name = "no slow answers"
feature = "target"
metric = "slower_than_p95"
claim = "no_worse"
margin = 0.5
critical = true
"""


def judge_rollouts(seeds: Iterable[int]) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Scenario, use of controls, and the number of each verdict after 24 hours."""
    seeds = list(seeds)
    for name, (target, others) in SCENARIOS.items():
        verdicts_by_use = {"off": Counter(), "auto": Counter()}
        for seed in seeds:
            for use, (verdict, _) in judge_rollout(seed, target=target, others=others).items():
                verdicts_by_use[use][verdict] += 1
        for use, verdicts in verdicts_by_use.items():
            yield name, use, dict(sorted(verdicts.items()))


def judge_rollout(seed: int, *, target: float, others: float) -> dict[str, tuple[str, str]]:
    """Verdict and reason after 24 hours without and with controls, for the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        rows = draw_rows(seed, target=target, others=others)
        rows.to_parquet(Path(folder) / "calls.parquet", index=False, coerce_timestamps="ms")
        return {use: _verdict(Path(folder), use) for use in ("off", "auto")}


def draw_rows(seed: int, *, target: float, others: float) -> pd.DataFrame:
    """Calls of the target and of four controls, which share the provider's slowdowns."""
    shape = {"days_before": 7, "hours_after": 25, "shared_noise_seed": seed, "noise": "heavy"}
    parts = [
        simulate_series(
            calls_per_hour=50,
            seed=1000 * seed,
            feature_id="target",
            latency_factor_after=target,
            **shape,
        )
    ]
    for number, (feature, rate) in enumerate(CONTROLS.items(), start=1):
        other = {
            "calls_per_hour": rate,
            "seed": 1000 * seed + number,
            "feature_id": feature,
            "latency_factor_after": others,
        }
        parts.append(simulate_series(**other, **shape))
    rows = pd.concat(
        [part.astype({"featureId": "str", "source": "str"}) for part in parts], ignore_index=True
    )
    return rows.assign(id=[f"call-{number}" for number in range(len(rows))]).sort_values(
        "createdAt", ignore_index=True
    )


def _verdict(folder: Path, use: str) -> tuple[str, str]:
    write_text(folder / "rollout.toml", CONFIG.format(use=use))
    with analysis.open(folder / "rollout.toml") as rollout:
        result = rollout.look("24h").result
    return result.verdict, result.reason
