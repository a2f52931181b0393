"""The counting queries: the calls of a window in, tables of counts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import pandas as pd

from analysis.counting.caps import limits_relation
from analysis.counting.scans.name_codes import UnknownName
from analysis.counting.scans.scan import Scan
from analysis.counts import CountTable, HourlyBins, HourlyCounts, LatencyCounts
from analysis.window import Window

Table = TypeVar("Table", bound=CountTable)


def load_latency_counts(scan: Scan, windows: Sequence[Window]) -> LatencyCounts:
    """Calls per millisecond; there are several windows where incidents cut the baseline."""
    table = LatencyCounts.empty()
    all_parameters = [scan.parameters(window) for window in windows]
    for parameters in all_parameters:
        parameters["written_before"] = max(one["written_before"] for one in all_parameters)
        table += _count(scan, LatencyCounts, "latency_counts", parameters)
    return table


def load_hourly_counts(scan: Scan, window: Window, limits: pd.DataFrame) -> HourlyCounts:
    """The sums per hour that the tests run on; `limits` are those of `Arm`."""
    relation = limits_relation(limits)
    taus = {feature: tau for feature, tau, *_ in relation.rows if tau is not None}

    def finish(rows: pd.DataFrame) -> pd.DataFrame:
        tau = rows["feature"].map(taus).fillna(0).to_numpy(dtype="int64")
        timed = rows["timed_calls"].to_numpy(dtype="int64")
        return scan.grid.with_hours(rows.assign(tau_ms=timed * tau, tau_ms_2=timed * tau**2))

    parameters = scan.parameters(window)
    results = scan.run("hourly_counts", parameters, relations={"limits": relation})
    return HourlyCounts.of_pieces([finish(rows) for rows in results])


def load_hourly_bins(scan: Scan, window: Window, *, by_source: bool) -> HourlyBins:
    """Calls per hour and latency bin; without `by_source` the sources are counted together."""

    def finish(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(hour=scan.grid.hours(rows["hour_at"]))

    parameters = scan.parameters(window) | {"by_source": int(by_source)}
    return _count(scan, HourlyBins, "hourly_bins", parameters, finish)


def _count(
    scan: Scan,
    kind: type[Table],
    query: str,
    parameters: dict[str, Any],
    finish: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
) -> Table:
    """The table of a query: with codes where these save time and every name has one."""
    names = scan.names
    if scan.engine.prefers_name_codes and names.save_time:
        by_source = bool(parameters["by_source"])
        coded = scan.run(query, parameters | names.parameters)
        with suppress(UnknownName):
            return kind.of_pieces(
                [finish(names.decode(rows, by_source=by_source)) for rows in coded]
            )
    return kind.of_pieces([finish(rows) for rows in scan.run(query, parameters)])
