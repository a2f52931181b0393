"""Timeout caps that the data show, and the limits that a feature's calls are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import pandas as pd

from analysis.counts import LatencyCounts
from analysis.metrics import SLOWER_THAN_PERCENTILES
from analysis.outcomes import ABORTED, OTHER, OUTCOME_CODES, TIMEOUT
from analysis.statistics.latency.cliff import Cliff, find_cliff
from analysis.statistics.latency.distribution import latency_sample, quantiles
from analysis.telemetry.statements import Relation

CLIFF_OUTCOMES = tuple(OUTCOME_CODES[name] for name in (TIMEOUT, OTHER, ABORTED))
"""Errors that may be a call cut off at a cap: timeouts, aborted calls, and those of
no known class."""
LIMIT_COLUMNS = {
    "feature": "TEXT",
    "tau_ms": "BIGINT",
    **{f"p{percentile}_ms": "BIGINT" for percentile in SLOWER_THAN_PERCENTILES},
}
"""The columns of `Arm.limits`, with their SQL types."""


@lru_cache(maxsize=8)
def find_cliffs(latency: LatencyCounts) -> Mapping[str, Cliff]:
    """The timeout cliff of each feature that has one."""
    found = {}
    for feature, counted in latency.rows.groupby("feature", sort=True):
        outcome, calls = counted["outcome"].to_numpy(), counted["calls"].to_numpy()
        is_cut_off, succeeded = np.isin(outcome, CLIFF_OUTCOMES), outcome == 0
        cliff = find_cliff(
            counted["latency_ms"].to_numpy(),
            calls * is_cut_off,
            calls * succeeded,
            calls * ~(is_cut_off | succeeded),
        )
        if cliff is not None:
            found[str(feature)] = cliff
    return MappingProxyType(found)


def find_limits(baseline: LatencyCounts, *, declared_tau_ms: Mapping[str, int]) -> pd.DataFrame:
    """Per feature tau and the p50, p90, p95 and p99 of all its calls, in whole ms.

    Tau of the restricted mean is the declared one, else the baseline's cliff, else its p99. The
    quantiles are ``percentile_cont`` rounded down: a latency in whole ms is above one exactly
    when it is above the other.
    """
    rows, cliffs = [], find_cliffs(baseline)
    shares = [percentile / 100 for percentile in SLOWER_THAN_PERCENTILES]
    for feature, counted in baseline.rows.groupby("feature", sort=True):
        sample = latency_sample(counted["latency_ms"].to_numpy(), counted["calls"].to_numpy())
        limits = [int(value) for value in quantiles(sample, shares)]
        name = str(feature)
        seen_tau_ms = cliffs[name].at_ms if name in cliffs else limits[-1]
        tau_ms = int(declared_tau_ms.get(name) or seen_tau_ms)
        rows.append([name, max(tau_ms, 1), *limits])
    return pd.DataFrame(rows, columns=list(LIMIT_COLUMNS))


def limits_relation(limits: pd.DataFrame) -> Relation:
    """The limits as a relation that a query joins."""
    values = limits[list(LIMIT_COLUMNS)].astype(object)
    values = values.where(values.notna(), None)
    return Relation(LIMIT_COLUMNS, list(values.itertuples(index=False, name=None)))
