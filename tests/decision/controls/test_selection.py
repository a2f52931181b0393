"""Which features are controls, and which metrics they say something about."""

from pathlib import Path

import numpy as np
import pytest

from analysis.config import load_settings
from analysis.decision.controls.selection import (
    ControlCandidates,
    ControlSelection,
    find_busy_features,
    find_controls,
    provider_of,
)
from analysis.errors import WrongUse
from analysis.metrics import METRICS
from tests.fixtures.comparators import arm, calls
from tests.fixtures.provider_days import DAYS, shared_day

# ---- which ----
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
    parts = '{metric = "timeout_rate", claim = "falls"}, {metric = "rmst", claim = "falls"}'
    claims = f'[[expectation]]\nname = "e"\nfeature = "a"\nany_of = [{parts}]\n'
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


# ---- which metrics ----
def test_every_metric_knows_what_the_provider_does_to_it():
    paced = {metric.name for metric in METRICS if metric.provider_effect}
    assert paced == {
        "typical_latency",
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
