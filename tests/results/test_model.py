"""The model of results: what it writes, what it reads, and its JSON Schema."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from analysis.results.build_finding import build_finding
from analysis.results.finding_record import EstimateRecord, FindingRecord
from analysis.results.schema import SCHEMA_FILE, generate_schema
from analysis.results.storage import read_result
from analysis.text import RESULT_WORDS
from tests.fixtures.comparators import arm, calls, claim, comparator, expectation, plan
from tests.fixtures.example_results import finding, result

JSON_SCHEMA = generate_schema()
SCHEMA = Draft202012Validator(JSON_SCHEMA)
FINDING_SCHEMA = Draft202012Validator(
    {"$ref": "#/$defs/FindingRecord", "$defs": JSON_SCHEMA["$defs"]}
)
TOP_LEVEL = [
    "schema",
    "rollout",
    "verdict",
    "reason",
    "deployed_at",
    "look",
    "baseline",
    "post",
    "expectations",
    "guardrails",
    "exploratory",
    "cliffs",
    "advice",
    "checks",
    "calibration",
    "provenance",
]
OF_A_FINDING = [
    "name",
    "feature",
    "source",
    "metric",
    "claim",
    "finding",
    "baseline",
    "post",
    "difference",
    "ratio",
    "interval",
    "level",
    "p_value",
    "p_adjusted",
    "crude_difference",
    "method",
    "df",
    "smallest_visible_change",
    "sentence",
]


@pytest.fixture(name="found", scope="module")
def found_fixture():
    """A finding as JSON, from counts."""
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, timeout=20)),
        arm(0, 24, calls(0, 24, per_hour=50, timeout=np.arange(24) % 3)),
    )
    judged = expectation(both, claim("falls", by=0.5), at=plan(2))
    return build_finding(judged, RESULT_WORDS).as_json()


# ---- the schema ------------------------------------------------------------------------------
def test_the_schema_file_is_generated_from_the_model():
    """After a change of the model run `python -m analysis.results.schema`."""
    Draft202012Validator.check_schema(JSON_SCHEMA)
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == JSON_SCHEMA


def test_what_is_written_keeps_the_schema_which_is_open_to_growth(found):
    assert list(FINDING_SCHEMA.iter_errors(found)) == []
    assert FINDING_SCHEMA.is_valid(found | {"something_new": 1})
    assert list(SCHEMA.iter_errors(result(expectations=[found]).as_json())) == []


@pytest.mark.parametrize("field", OF_A_FINDING)
def test_a_finding_has_every_field_of_the_design(found, field):
    assert not FINDING_SCHEMA.is_valid({key: found[key] for key in found if key != field})


@pytest.mark.parametrize("field", TOP_LEVEL)
def test_a_result_has_every_field_of_the_design(field):
    content = result().as_json()
    assert not SCHEMA.is_valid({key: content[key] for key in content if key != field})


@pytest.mark.parametrize("field", ["calls", "events", "value"])
@pytest.mark.parametrize("arm_name", ["baseline", "post"])
def test_an_arm_has_every_field_of_the_design(found, arm_name, field):
    changed = copy.deepcopy(found)
    del changed[arm_name][field]
    assert not FINDING_SCHEMA.is_valid(changed)


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
def test_wrong_values_of_a_finding_break_the_schema(found, field, value):
    assert not FINDING_SCHEMA.is_valid(found | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 3),
        ("verdict", "fine"),
        ("deployed_at", "2026-02-02T23:10:16"),
        ("reason", ""),
        ("checks", []),
    ],
)
def test_wrong_values_of_a_result_break_the_schema(field, value):
    assert not SCHEMA.is_valid(result().as_json() | {field: value})


# ---- numbers ---------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float64("-inf"), None])
def test_a_number_that_does_not_exist_is_null(number):
    found = EstimateRecord(difference=number, interval=(0.1, number), p_value=0.5)
    assert found.as_json() == {"difference": None, "interval": None, "p_value": 0.5}


def test_numbers_of_numpy_are_numbers():
    found = finding(difference=np.float64(2.5), event_hour=np.int64(3))
    text = json.dumps(found.as_json(), allow_nan=False)
    assert json.loads(text)["difference"] == 2.5
    assert json.loads(text)["event_hour"] == 3


def test_the_parts_of_any_of_have_the_names_of_both():
    either = finding(name="either", parts=[finding(), finding(metric="http_5xx_rate")])
    names = ("either: timeouts", "either: server errors (5xx)")
    assert tuple(single.name for single in either.single_claims) == names
    assert finding().single_claims == (finding(),)


# ---- reading ---------------------------------------------------------------------------------
def test_what_is_written_is_read_back(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(result().as_json()))
    assert read_result(tmp_path / "result.json") == result()


def test_fields_of_another_version(tmp_path):
    """Fields that are missing have a default, unknown ones are kept."""
    content = result().as_json()
    del content["exploratory"], content["expectations"][0]["critical"]
    (tmp_path / "result.json").write_text(json.dumps(content | {"added_later": [1]}))
    read = read_result(tmp_path / "result.json")
    assert (read.exploratory, read.expectations[0].critical) == ((), False)
    assert read.as_json()["added_later"] == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"look": {}},
        {"deployed_at": "2026-02-02T23:10:16"},
        {"deployed_at": None},
        {"verdict": "fine"},
        {"expectations": [{"finding": "met"}]},
        {"expectations": [{"name": "a", "finding": "met", "difference": "0.1"}]},
        {"expectations": [{"name": "a", "finding": "met", "metric": "nothing"}]},
        {"guardrails": [{"name": "a", "finding": "met", "critical": "yes"}]},
    ],
)
def test_a_file_of_the_wrong_shape_is_none(tmp_path, change):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result().as_json() | change))
    assert read_result(path) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"null", b"[" * 100_000])
def test_a_file_that_is_no_result_is_none(tmp_path, content):
    (tmp_path / "result.json").write_bytes(content)
    assert read_result(tmp_path / "result.json") is None
    assert read_result(tmp_path / "missing.json") is None


def test_a_user_class_is_a_metric():
    assert FindingRecord(name="a", finding="met", metric="quota_gone_rate").metric is not None
