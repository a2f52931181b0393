"""Metrics are data: each record is checked over single calls and over their sums."""

import subprocess
import sys
from datetime import UTC, timedelta
from math import log

import numpy as np
import pandas as pd
import pytest

from analysis.counting.grid import Grid
from analysis.counting.scans.count_tables import load_hourly_counts
from analysis.counting.scans.scan import Scan
from analysis.counts import EventCounts, HourlyCounts
from analysis.errors import WrongUse
from analysis.metrics import METRICS, Metric, class_rates, known_metrics, metric_named
from analysis.outcomes import OUTCOME_CODES, outcome_codes
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.plain_counts import Calls, plain_rows
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
TAU, P50, P90, P95, P99 = 20_000, 100, 19_999, 20_128, 99_999
HOURLY = [metric for metric in METRICS if metric.table == "hourly"]


def of_one_call(metric_name: str, call: dict) -> tuple[float, float] | None:
    """y and n of one call, in words of the domain and not of the table."""
    failed, ms = call["outcome"] != 0, call["latency"]
    if metric_name == "error_rate":
        return float(failed), 1.0
    if metric_name.endswith("_rate"):
        return float(call["outcome"] == OUTCOME_CODES[metric_name.removesuffix("_rate")]), 1.0
    if metric_name in ("output_tokens_mean", "total_tokens_mean"):
        tokens = call["output" if metric_name.startswith("output") else "total"]
        return None if tokens is None else (float(tokens), 1.0)
    if ms is None:
        return None
    if metric_name.startswith("slower_than_p"):
        limit = {"50": P50, "90": P90, "95": P95, "99": P99}[metric_name[-2:]]
        return float(failed or ms > limit), 1.0
    return {
        "typical_latency": (log(max(ms, 1)), 1.0),
        "latency_mean": (float(ms), 1.0),
        "rmst": (float(TAU if failed else min(ms, TAU)), 1.0),
        "time_per_success": (float(ms), float(not failed)),
    }[metric_name]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The nasty calls as a table of counts, and one by one."""
    calls, window = (
        edge_case_calls(),
        Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26)),
    )
    features = sorted(calls["featureId"].unique())
    limits = pd.DataFrame(
        {
            "feature": features,
            "tau_ms": TAU,
            "p50_ms": P50,
            "p90_ms": P90,
            "p95_ms": P95,
            "p99_ms": P99,
        }
    )
    engine = open_engine(store("parquet", calls, tmp_path_factory.mktemp("calls")))
    table = load_hourly_counts(Scan(engine, Grid(DEPLOY, timedelta(seconds=90))), window, limits)
    naive = {
        "start": window.start.replace(tzinfo=None),
        "end": window.end.replace(tzinfo=None),
        "ingestion_delay": timedelta(seconds=90),
        "deployed_at": DEPLOYED_AT,
    }
    return table, Calls(plain_rows(calls), **naive).calls


def sums(metric: Metric, table: HourlyCounts) -> dict[str, float]:
    """y, n, yy and yn of the whole table."""
    rows = table.rows.assign(
        succeeded=table.rows["outcome"] == 0, failed=table.rows["outcome"] != 0
    )
    of_rows = metric.sums(lambda name: rows[name].to_numpy(dtype=float))
    return {key: float(values.sum()) for key, values in of_rows.items()}


def columns_of(metric: Metric) -> set[str]:
    """The columns that a metric reads."""
    asked = set()

    def column(name):
        asked.add(name)
        return np.ones(3)

    metric.sums(column)
    return asked


# ---- expansion: sums over the table are sums over single calls ----
@pytest.mark.parametrize("metric", HOURLY, ids=lambda metric: metric.name)
def test_sums_of_the_table_are_sums_over_calls(both, metric):
    table, calls = both
    of_calls = [pair for call in calls if (pair := of_one_call(metric.name, call)) is not None]
    expected = {
        "y": sum(y for y, _ in of_calls),
        "n": sum(n for _, n in of_calls),
        "yy": sum(y * y for y, _ in of_calls),
        "yn": sum(y * n for y, n in of_calls),
    }
    # logarithms are rounded to a millionth per call
    rel = 1e-6 if metric.log_scale else 1e-12
    assert sums(metric, table) == pytest.approx(expected, rel=rel)
    assert all(
        n * n == n for _, n in of_calls
    )  # n is 0 or 1 for one call, so that its square need not be summed
    assert metric.indicator == all(y in (0.0, 1.0) for y, _ in of_calls)


# ---- laws ----
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_reads_columns_of_its_table(metric):
    known = {
        "hourly": {*HourlyCounts.KEYS, *HourlyCounts.SUMS, "succeeded", "failed"},
        "events": {*EventCounts.SUMS},
        "hours": {"calls"},
    }[metric.table]
    assert columns_of(metric) <= known
    assert (metric.unit == "share") == metric.indicator
    assert (metric.table == "events") == (metric.event is not None)


def test_a_metric_with_a_threshold_names_a_column_of_the_limits():
    columns = {metric.name: metric.limit_column for metric in METRICS if metric.limit_column}
    thresholds = {f"slower_than_p{p}": f"p{p}_ms" for p in (50, 90, 95, 99)}
    assert columns == thresholds | {"rmst": "tau_ms"}


def test_class_rates_are_found_by_their_outcome():
    rates = class_rates(("mine",))
    assert {code: metric.name for code, metric in rates.items()} == {
        code: f"{name}_rate" for name, code in outcome_codes(("mine",)).items() if code
    }


def test_the_user_s_classes_follow():
    assert outcome_codes(("mine", "yours")) == OUTCOME_CODES | {"mine": 100, "yours": 101}
    mine = known_metrics(("mine",))["mine_rate"]
    columns = {"calls": np.array([5, 7]), "outcome": np.array([1, 100])}
    assert mine.y(columns.__getitem__).tolist() == [0, 7]
    assert len(known_metrics()) == len(METRICS)


# ---- edges ----
def test_an_unknown_metric_is_refused_with_the_nearest():
    assert metric_named("rmst").name == "rmst"
    with pytest.raises(
        WrongUse, match=r"metric 'time_out_rate' is not known; did you mean 'timeout_rate'\?"
    ):
        metric_named("time_out_rate")


def test_a_configuration_loads_without_pandas():
    """A command that only reads rollout.toml is quick: no library of tables is loaded."""
    libraries = ("pandas", "numpy", "duckdb", "sqlalchemy", "scipy")
    code = (
        "import sys, analysis.config, analysis.metrics; "
        f"print([name for name in {libraries} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
