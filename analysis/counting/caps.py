"""What each feature is measured against, from the baseline's counts: its quantiles, and tau of the restricted mean."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.counts import LatencyCounts
from analysis.metrics import SLOWER_THAN_PERCENTILES
from analysis.statistics.cliff import Cliff
from analysis.statistics.distribution import latency_sample, quantiles


def find_limits(
    baseline: LatencyCounts, *, declared_tau_ms: Mapping[str, int], cliffs: Mapping[str, Cliff]
) -> pd.DataFrame:
    """Per feature: tau (declared, else the baseline's cliff, else its p99), and p50, p90, p95, p99 of all its calls, whole ms.

    The quantiles are `percentile_cont` of whole milliseconds, rounded down: a whole latency is slower than the one exactly when it
    is slower than the other.
    """
    rows = []
    for feature, counted in baseline.rows.groupby("feature", sort=True):
        sample = latency_sample(counted["latency_ms"].to_numpy(), counted["calls"].to_numpy())
        values = quantiles(sample, [percentile / 100 for percentile in SLOWER_THAN_PERCENTILES])
        percentiles = {
            f"p{percentile}_ms": int(value)
            for percentile, value in zip(SLOWER_THAN_PERCENTILES, values, strict=True)
        }
        cliff = cliffs.get(feature)
        tau_ms = declared_tau_ms.get(feature) or (cliff.at_ms if cliff else percentiles["p99_ms"])
        rows.append({"feature": feature, "tau_ms": max(int(tau_ms), 1), **percentiles})
    return pd.DataFrame(
        rows,
        columns=[
            "feature",
            "tau_ms",
            *(f"p{percentile}_ms" for percentile in SLOWER_THAN_PERCENTILES),
        ],
    )
