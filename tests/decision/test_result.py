"""result.json: its schema is strict and open to growth, and its numbers are those of a plain count of the rows."""

from __future__ import annotations

import copy
import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import analysis
from analysis.clock import CLOCK_VARIABLE, iso
from analysis.results.build import build_finding
from analysis.results.schema import result_schema
from analysis.sample.series import simulate_series
from analysis.text import RESULT_WORDS
from tests.fixtures.comparators import DEPLOYED_AT, arm, calls, claim, comparator, expectation, plan
from tests.fixtures.counted_rows import calls_of, inside, plain_numbers

SCHEMA = Draft202012Validator(result_schema())
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
metric = "slower_than_p90"
claim = "no_worse"
margin = 0.5
"""


@pytest.fixture(scope="module", name="rows")
def rows_fixture():
    """Two features and two sources; one call in five takes four minutes, so that it is written hours' ends and settles later."""
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
            f'rollout = {{name = "r", deployed_at = {iso(DEPLOYED_AT)}, warm_up = "{warm_up}"}}\nmonitoring = {{settle = "{settle}"}}\n'
            'source = {engine = "duckdb", path = "calls.parquet"}\n'
        )
        (tmp_path / "rollout.toml").write_text(head + CLAIMS)
        return analysis.open(tmp_path / "rollout.toml").look(label)

    return look


# ---- numbers ---------------------------------------------------------------------------------------------------------
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


# ---- the schema ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module", name="result")
def result_fixture():
    """The object of a finding, without a database."""
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, timeout=20)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=np.arange(24) % 3)),
    )
    found = expectation(both, claim("falls", by=0.5), at=plan(2))
    return build_finding(found, RESULT_WORDS).as_json()


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(result_schema())
    assert result_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.fixture(name="errors_of")
def errors_of_fixture():
    finding = Draft202012Validator(
        {"$ref": "#/$defs/FindingRecord", "$defs": result_schema()["$defs"]}
    )
    return lambda found: [error.message for error in finding.iter_errors(found)]


def test_a_finding_keeps_it(result, errors_of):
    assert errors_of(result) == []
    assert errors_of(result | {"something_new": 1}) == []  # open to growth


def test_every_field_of_the_design_is_required(result, errors_of):
    required = (
        "name feature source metric claim finding baseline post difference ratio interval level p_value p_adjusted crude_difference method df "
        "smallest_visible_change sentence"
    )
    for field in required.split():
        missing = {key: value for key, value in result.items() if key != field}
        assert errors_of(missing), field
    for arm_name in ("baseline", "post"):
        for field in ("calls", "events", "value"):
            found = copy.deepcopy(result)
            del found[arm_name][field]
            assert errors_of(found), (arm_name, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("finding", "maybe"),
        ("claim", "sinks"),
        ("p_value", 1.5),
        ("p_value", "0.1"),
        ("interval", [0.1]),
        ("interval", [None, 0.1]),
        ("level", None),
        ("sentence", ""),
        ("difference", "much"),
        ("baseline", {"calls": 1.5, "events": None, "value": None}),
        ("metric", None),
        ("event_hour", -1),
        ("p_value", None),
    ],
)
def test_wrong_values_are_refused(result, errors_of, field, value):
    assert errors_of(result | {field: value})


def test_the_whole_object_is_strict_too(look_at):
    result = look_at("1h").result.as_json()
    assert list(SCHEMA.iter_errors(result)) == []
    top = "schema rollout verdict reason deployed_at look baseline post expectations guardrails exploratory cliffs advice checks calibration provenance"
    for field in top.split():
        assert not SCHEMA.is_valid({key: value for key, value in result.items() if key != field}), (
            field
        )
    for field, value in (
        ("schema", 2),
        ("verdict", "fine"),
        ("deployed_at", "2026-02-02T23:10:16"),
        ("reason", ""),
    ):
        assert not SCHEMA.is_valid(result | {field: value}), field
    assert json.loads(json.dumps(result, allow_nan=False)) == result
