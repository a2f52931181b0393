"""Decision thresholds: each is the value that the judge compares with."""

from __future__ import annotations

import pytest

from analysis.results.build_finding import build_finding
from analysis.text import RESULT_WORDS
from analysis.text.thresholds import DecisionThreshold, decision_threshold, threshold_lines
from tests.fixtures.comparators import arm, calls, claim, comparator, expectation, guardrail, plan
from tests.fixtures.example_results import finding, plain, result


@pytest.mark.parametrize(
    ("change", "threshold"),
    [
        ({"claim": "falls", "by": None}, "must stay below 80.0 %"),
        ({"claim": "falls", "by": 0.5}, "must stay below 40.0 %"),
        ({"claim": "rises", "by": 0.1}, "must stay above 88.0 %"),
        ({"claim": "stays_zero"}, "must stay at 0.0 %"),
        ({"claim": "no_worse", "margin": 0.1}, "must stay below 88.0 %"),
        ({"claim": "below", "limit": 0.95}, "must stay below 95.0 %"),
    ],
)
def test_the_threshold_of_each_kind_of_claim(change, threshold):
    (line,) = threshold_lines(result(expectations=[finding(**change)], guardrails=[]))
    assert plain(line) == f"timeouts drop: 20.0 % now, 80.0 % before; {threshold}"


def test_no_worse_of_a_metric_where_less_is_worse():
    """100 calls per hour before, margin 0.2: the judge uses 80."""
    found = finding(
        metric="calls_per_hour",
        unit="calls/h",
        claim="no_worse",
        margin=0.2,
        baseline={"calls": 100, "value": 100.0},
        post={"calls": 90, "value": 90.0},
    )
    assert decision_threshold(found) == DecisionThreshold(80.0, "above")


@pytest.mark.parametrize(
    "asked",
    [
        claim("falls", by=0.3),
        claim("rises", by=0.3),
        claim("no_worse", margin=0.2),
        claim("no_worse", "calls_per_hour", margin=0.2),
        claim("below", limit=0.15),
    ],
    ids=lambda asked: f"{asked.claim} {asked.metric}",
)
def test_a_threshold_is_where_the_judge_has_no_distance(asked):
    """Post value minus threshold is the distance that the judge tests, on the same side."""
    both = comparator(
        arm(-168, 0, calls(-168, 0, per_hour=50, timeout=10)),
        arm(0, 24, calls(0, 24, per_hour=40, timeout=6)),
    )
    judge = guardrail if asked.kind.rule == "one_sided" else expectation
    found = judge(both, asked, at=plan(2))
    record = build_finding(found, RESULT_WORDS)
    threshold = decision_threshold(record)
    assert record.post.value - threshold.value == pytest.approx(found.evaluation.distance)
    stay = {"less": "below", "greater": "above"}[found.evaluation.good_side]
    assert threshold.stay == stay


def test_an_any_of_has_a_threshold_for_each_part():
    parts = [finding(), finding(metric="recovered_rate", claim="rises", by=None)]
    either = finding(name="either", metric=None, claim=None, parts=parts)
    lines = list(threshold_lines(result(expectations=[either], guardrails=[])))
    assert lines[0].startswith("either: timeouts: ")
    assert len(lines) == 2


def test_a_threshold_that_is_not_known_is_left_out():
    unknown = finding(baseline={"calls": 0, "value": None})
    assert list(threshold_lines(result(expectations=[unknown], guardrails=[]))) == []
    assert decision_threshold(finding(claim=None)) is None
