"""Which features are controls, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.config import load_settings
from analysis.decision.claims import evaluate_claim
from analysis.decision.comparison import Comparator
from analysis.decision.controls.selection import (
    ControlCandidates,
    ControlSelection,
    find_busy_features,
    find_controls,
    provider_of,
)
from analysis.errors import WrongUse
from analysis.metrics import METRICS
from analysis.results.serializer import finding_object
from analysis.text.controls import controls_object, controls_sentence, shared_words
from tests.fixtures.comparators import ONLY, arm, calls, claim, expectation, plan, spoken
from tests.fixtures.provider_days import DAYS, HOURS, shared_day, with_errors

# ---- which ------------------------------------------------------------------------------------------------------------
TOML = """
[rollout]
name = "test"
deployed_at = 2026-02-02T23:10:16Z
[source]
engine = "duckdb"
path = "calls.parquet"
[monitoring]
windows = ["24h"]
[controls]
{controls}
{claims}
"""
EXPECTATION = '[[expectation]]\nname = "e"\nmetric = "timeout_rate"\nclaim = "falls"\n'
GUARDRAIL = (
    '[[guardrail]]\nname = "g"\nmetric = "slower_than_p95"\nclaim = "no_worse"\nmargin = 0.5\n'
)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path):
    def load(claims: str = EXPECTATION + 'feature = "f"\n', controls: str = ""):
        (tmp_path / "rollout.toml").write_text(
            TOML.format(controls=controls, claims=claims), encoding="utf-8"
        )
        return load_settings(tmp_path / "rollout.toml")

    return load


@pytest.fixture(name="baseline", scope="module")
def baseline_fixture():
    return shared_day().arms.baseline


@pytest.mark.parametrize(
    ("claims", "controls", "features"),
    [
        (EXPECTATION + 'feature = "f"\n', "", ("a", "b", "c")),
        (EXPECTATION + 'feature = "f"\n', 'never = ["b"]', ("a", "c")),
        (EXPECTATION + 'feature = "f"\n', 'use = ["c", "f"]', ("c", "f")),
        (EXPECTATION + 'feature = "f"\n', 'use = "off"', ()),
        (EXPECTATION + 'feature = "f"\n' + GUARDRAIL + 'feature = "a"\n', "", ("b", "c")),
        (EXPECTATION + 'feature = "f"\n' + GUARDRAIL + 'feature = "*"\n', "", ("a", "b", "c")),
        (EXPECTATION + 'feature = "f"\n' + GUARDRAIL + 'source = "s"\n', "", ("a", "b", "c")),
        (EXPECTATION + 'feature = "*"\n', "", ()),
        (EXPECTATION + 'source = "other"\n', "", ("a", "b", "c", "f")),
    ],
)
def test_named_features_are_no_controls_and_patterns_of_guardrails_name_none(
    settings, baseline, claims, controls, features
):
    assert find_controls(settings(claims, controls), baseline).features == features


def test_parts_of_any_of_name_their_feature(settings, baseline):
    claims = '[[expectation]]\nname = "e"\nfeature = "a"\nany_of = [{metric = "timeout_rate", claim = "falls"}, {metric = "rmst", claim = "falls"}]\n'
    assert find_controls(settings(claims), baseline).features == ("b", "c", "f")


def test_an_unknown_control_is_refused_with_the_nearest(settings, baseline):
    with pytest.raises(
        WrongUse,
        match=r"\[controls\].use names 'aa', which the baseline does not hold; did you mean 'a'",
    ):
        find_controls(settings(controls='use = ["aa"]'), baseline)


def test_quiet_features_are_no_controls():
    """Fewer than 5 calls an hour, or calls in fewer than 80 % of the hours."""
    hours = np.arange(-DAYS * 24, 0)
    rows = [
        calls(-DAYS * 24, 0, per_hour=5, feature="five"),
        calls(-DAYS * 24, 0, per_hour=4, feature="four"),
        calls(-DAYS * 24, 0, per_hour=np.where(hours % 6 < 5, 20, 0), feature="most hours"),
        calls(-DAYS * 24, 0, per_hour=np.where(hours % 6 < 4, 20, 0), feature="some hours"),
    ]
    assert find_busy_features(arm(-DAYS * 24, 0, *rows)) == ("five", "most hours")


def test_excluded_hours_do_not_count_against_a_feature():
    rows = calls(-DAYS * 24, 0, per_hour=5, feature="five")
    assert find_busy_features(arm(-DAYS * 24, 0, rows, excluded=range(-100, -20))) == ("five",)


MODELS = {
    "f": "gpt-5-mini",
    "a": "gpt-5-mini",
    "b": "gpt-5-mini",
    "c": "gpt-5-nano",
    "d": "claude-haiku",
    "g": "gpt-5-nano",
    "h": "claude-haiku",
}


@pytest.mark.parametrize(
    ("target", "selection"),
    [
        ({"f": 10.0}, ControlSelection(("a", "b"), "model")),
        ({"a": 10.0}, ControlSelection(("b", "c"), "provider")),
        ({"g": 10.0}, ControlSelection(("a", "b", "c"), "provider")),
        ({"f": 10.0, "h": 99.0}, ControlSelection(lack="too_few_of_the_provider")),
        ({"f": 10.0, "h": 9.0}, ControlSelection(("a", "b"), "model")),
        ({"unknown": 10.0}, ControlSelection(lack="unknown_model")),
    ],
)
def test_controls_share_the_model_else_the_provider_never_a_mixture(target, selection):
    assert ControlCandidates(("a", "b", "c", "d"), MODELS).select(target) == selection


def test_declared_controls_need_no_common_model():
    two, one = (ControlCandidates(names, MODELS, are_declared=True) for names in ("ad", "a"))
    assert two.select({"f": 1.0}) == ControlSelection(("a", "d"), "declared")
    assert one.select({"f": 1.0}) == ControlSelection(lack="too_few_declared")


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4.1", "gpt"),
        ("azure/o3", "gpt"),
        ("chatgpt-4o", "gpt"),
        ("claude-3-5-haiku", "claude"),
        ("Mistral_small", "mistral"),
    ],
)
def test_the_provider_is_the_family_of_the_name(model, provider):
    assert provider_of(model) == provider


# ---- which metrics ----------------------------------------------------------------------------------------------------
def test_every_metric_knows_what_the_provider_does_to_it():
    paced = {metric.name for metric in METRICS if metric.provider_effect}
    assert paced == {
        "latency_mean",
        "rmst",
        "time_per_success",
        "timeout_rate",
        "error_rate",
        *(f"slower_than_p{p}" for p in (50, 90, 95, 99)),
    }
    untold = {metric.name for metric in METRICS if not metric.depends_on_provider}
    assert untold == {
        "output_tokens_mean",
        "total_tokens_mean",
        "calls_per_hour",
        "recovered_rate",
        "cron_over_budget_rate",
    }


# ---- words ------------------------------------------------------------------------------------------------------------
def told(both: Comparator, metric: str, kind: str = "falls", **keys) -> tuple:
    evaluation = evaluate_claim(claim(kind, metric, **keys), both, (0, HOURS))
    selection = both.controls.groups.selection_of(evaluation.scope)
    sentence = controls_sentence(evaluation, selection, 0.95)
    return tuple(text and spoken(text) for text in (sentence, shared_words(evaluation, 0.95)))


def test_adjusted_says_both_numbers():
    sentence, shared = told(shared_day(effect=1.05), "latency_mean")
    assert sentence.startswith(
        "Adjusted for provider slowdowns seen in 3 untouched features (slope 1.0; they were 0.88 % slower than at baseline). Plain +"
    )
    assert "adjusted +" in sentence
    assert ", interval +" in sentence
    assert shared is None


def test_moved_says_what_each_would_say():
    sentence, shared = told(shared_day(provider=1.4, own=0.05), "latency_mean")
    assert sentence.startswith(
        "The 3 untouched features were 40.5 % slower after the deploy: the provider, or something the deploy did to all. Plain +"
    )
    assert ", worse; adjusted " in sentence
    assert sentence.endswith("not shown. Undecided.")
    assert (
        shared
        == "the 3 untouched features were 40.5 % slower too, so it may be the provider, or something the deploy did to all"
    )


def test_one_feature_that_gets_much_slower_on_a_slow_day_is_still_told():
    sentence, shared = told(shared_day(provider=1.4, effect=2.0), "latency_mean")
    assert sentence.endswith("They agree.")
    assert shared is None


def test_error_classes_say_what_the_same_errors_did_elsewhere():
    sentence, shared = told(with_errors((1, 3), (1, 3)), "http_5xx_rate")
    assert "in the 3 untouched features after the deploy: the provider" in sentence
    assert sentence.startswith("The same errors rose by ")
    assert shared.startswith("the same errors rose by ")
    assert told(with_errors((1, 3), (1, 1)), "http_5xx_rate")[0].startswith(
        "3 untouched features show no such movement, so the plain change of +"
    )


def test_without_controls_it_is_said_and_why():
    off = replace(shared_day(), candidates=ControlCandidates(lack="switched_off"))
    assert told(off, "latency_mean") == (
        'Not adjusted for the provider\'s day: [controls].use is "off".',
        None,
    )
    assert told(off, "total_tokens_mean") == (None, None)


def test_numbers_of_result_json():
    both = shared_day(effect=1.05)
    finding = expectation(both, claim("falls", "latency_mean"), at=plan(**ONLY))
    found, shown = finding.evaluation.comparison, finding_object(finding)
    assert shown["decided_by"] == "adjusted"
    assert shown["plain"] == {
        "difference": found.plain.difference,
        "interval": list(found.plain.interval(finding.level)),
        "p_value": found.plain.p_value(),
    }
    assert {key: shown["adjusted"][key] for key in ("difference", "slope", "slope_se")} == {
        "difference": found.difference,
        "slope": found.adjusted.slope.value,
        "slope_se": found.adjusted.slope.se,
    }
    assert shown["adjusted"]["p_value"] == shown["p_value"]
    assert shown["proportional"] is None
    assert {key: value for key, value in shown["controls"].items() if key != "sentence"} == {
        "features": ["a", "b", "c"],
        "dropped": [],
        "moved": False,
        "movement": found.controls.index.movement,
        "class_movement": None,
        "share": "the same model",
        "why_none": None,
    }


def test_p_values_of_the_three_are_of_the_claims_own_null():
    both = shared_day(provider=1.4)
    evaluation = evaluate_claim(claim("no_worse", "latency_mean", margin=0.2), both, (0, HOURS))
    shown = controls_object(evaluation, ControlSelection(), 0.95)
    found = evaluation.comparison
    assert shown["plain"]["p_value"] == found.plain.p_value(scale=1.2)
    assert shown["proportional"]["p_value"] == found.proportional.p_value(scale=1.2)
    largest = max(shown[name]["p_value"] for name in ("plain", "adjusted", "proportional"))
    assert evaluation.p_value() == 1.0 > largest  # with the margin their signs differ
    assert (
        evaluation.p_value("less") == found.plain.p_value(scale=1.2, alternative="less") > largest
    )
