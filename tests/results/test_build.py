"""The numbers of result.json are those of a plain count of the rows."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.clock import CLOCK_VARIABLE, iso
from analysis.sample.series import simulate_series
from tests.fixtures.comparators import DEPLOYED_AT
from tests.fixtures.plain_calls import calls_of, inside, plain_numbers

CLAIMS = """
[[expectation]]
name = "timeouts"
feature = "f"
metric = "timeout_rate"
claim = "falls"
by = 0.3

[[guardrail]]
name = "mean"
source = "s*"
metric = "latency_mean"
claim = "below"
limit = 30000

[[guardrail]]
name = "slow"
feature = "*"
per = "total"
metric = "slower_than_p90"
claim = "no_worse"
margin = 0.5
"""


@pytest.fixture(scope="module", name="rows")
def rows_fixture():
    """Two features, two sources; one call in five takes four minutes and may end an hour later."""
    series = [
        simulate_series(
            calls_per_hour=60,
            seed=seed,
            feature_id=feature,
            source=source,
            timeout_rate_before=0.4,
            timeout_rate_after=0.1,
            cap_ms=20_000,
        )
        for seed, (feature, source) in enumerate((("f", "s1"), ("f", "s2"), ("g", None)))
    ]
    rows = pd.concat(
        [
            frame.astype(
                dict.fromkeys(
                    ("clientId", "source", "featureId", "status", "errorMessage", "leadId"),
                    "object",
                )
            )
            for frame in series
        ]
    )
    rows = rows.assign(
        createdAt=rows["createdAt"].astype("datetime64[ms]"),
        id=[f"row-{number}" for number in range(len(rows))],
    )
    long = np.random.default_rng(0).random(len(rows)) < 0.2
    rows.loc[long, "createdAt"] += pd.to_timedelta(240_000 - rows.loc[long, "latencyMs"], unit="ms")
    rows.loc[long, "latencyMs"] = 240_000
    return rows.sort_values("createdAt", ignore_index=True)


@pytest.fixture(name="look_at")
def look_at_fixture(rows, tmp_path, monkeypatch):
    (tmp_path / "clock").write_text(iso(DEPLOYED_AT + timedelta(days=2)))
    monkeypatch.setenv(CLOCK_VARIABLE, str(tmp_path / "clock"))
    rows.to_parquet(tmp_path / "calls.parquet")

    def look(label, *, warm_up="0m", settle="90s"):
        head = (
            f'rollout = {{name = "r", deployed_at = {iso(DEPLOYED_AT)}, warm_up = "{warm_up}"}}\n'
            f'monitoring = {{settle = "{settle}"}}\n'
            'source = {engine = "duckdb", path = "calls.parquet"}\n'
        )
        (tmp_path / "rollout.toml").write_text(head + CLAIMS)
        return analysis.open(tmp_path / "rollout.toml").look(label)

    return look


@pytest.mark.parametrize(
    ("label", "hours", "warm_up", "settle"),
    [
        ("1h", 1, 0, 90),
        ("4h", 4, 0, 90),
        ("24h", 24, 0, 90),
        ("4h", 4, 20, 90),
        ("1h", 1, 7, 300),
        ("4h", 4, 0, 0),
    ],
)
def test_calls_events_and_values_are_those_of_a_plain_count(
    look_at, rows, label, hours, warm_up, settle
):
    result = look_at(label, warm_up=f"{warm_up}m", settle=f"{settle}s").result.as_json()
    calls_there = calls_of(
        rows, DEPLOYED_AT, settle=timedelta(seconds=settle), warm_up=timedelta(minutes=warm_up)
    )
    if hours == 24:  # a whole day is compared with the whole baseline
        calls_there.loc[calls_there["hour"] < -1, "lag_hours"] = 0
    wanted = plain_numbers(calls_there, hours, days=7, feature="f", kind="timeout")
    found = result["expectations"][0]
    for name in ("baseline", "post"):
        assert found[name] == {
            "calls": wanted[name][0],
            "events": wanted[name][1],
            "value": pytest.approx(wanted[name][2], rel=1e-12),
        }
    mean = result["guardrails"][0]
    from_s = calls_there[calls_there["source"].notna()]
    assert mean["post"]["calls"] == len(inside(from_s, 0, hours))
    assert mean["post"]["value"] == pytest.approx(
        inside(from_s, 0, hours)["latency_ms"].mean(), rel=1e-12
    )
    assert mean["post"]["events"] is None
    everything = result["guardrails"][1]
    assert (
        everything["post"]["calls"] == result["post"]["calls"] == len(inside(calls_there, 0, hours))
    )
    assert result["deployed_at"] == result["look"]["start"] == iso(DEPLOYED_AT)
    assert found["crude_difference"] == pytest.approx(wanted["post"][2] - wanted["baseline"][2])


def test_late_calls_make_a_difference_that_the_count_above_sees(rows):
    calls_there = calls_of(rows, DEPLOYED_AT)
    assert (calls_there["hour"] + calls_there["lag_hours"] >= 1)[calls_there["hour"] == 0].sum() > 0


def test_a_repeated_look_gives_the_same_result(look_at):
    first, second = look_at("4h").result, look_at("4h").result
    assert first == second
