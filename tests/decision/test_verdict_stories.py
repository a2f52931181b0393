"""One whole rollout for each verdict that harm and silence lead to, from a Parquet file."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.text.headline import verdict_headline
from analysis.text.next_steps import next_steps
from tests.fixtures.comparators import spoken
from tests.fixtures.simulated_rollouts import (
    DEPLOY,
    failing,
    hours_of,
    rollouts_in,
    series,
    together,
)

FIX = """
[[expectation]]
name = "timeouts drop"
feature = "fixed"
metric = "timeout_rate"
claim = "falls"
by = 0.5
"""
GUARDRAIL = """
[[guardrail]]
name = "errors stay rare"
feature = "*"
metric = "error_rate"
claim = "no_worse"
margin = 0.5
"""
SERVER_ERROR = "500 An error occurred while processing your request."


@pytest.fixture
def open_rollout(tmp_path, monkeypatch):
    """A function from calls and claims to an open rollout."""
    return rollouts_in(tmp_path, monkeypatch)


def feature(name, seed, **keys):
    """Steady calls of one feature."""
    return series(name, seed=seed, calls_per_hour=40, noise="iid", **keys)


def with_errors(rows, share, *, seed=0):
    """The calls, of which a share fails after the deploy."""
    drawn = np.random.default_rng(seed).random(len(rows)) < share
    return failing(rows, drawn & (hours_of(rows) >= 0), SERVER_ERROR)


FIXED = {"timeout_rate_before": 0.5, "timeout_rate_after": 0.1}


def judge(open_rollout, claims, *rows, window="24h"):
    """The look, and its result."""
    look = open_rollout(together(*rows), claims).look(window)
    return look, look.result


def test_harm_next_to_a_fix_is_investigated_and_named_with_numbers(open_rollout):
    harmed = with_errors(feature("lead.score", 1, http_5xx_rate=0.004), 0.05)
    look, result = judge(
        open_rollout, FIX + GUARDRAIL, feature("fixed", 0, **FIXED), harmed, feature("quiet", 2)
    )
    assert (result.verdict, look.verdict.exit_code) == ("investigate", 7)
    for text in (result.reason, verdict_headline(result)):
        assert spoken(text).startswith("The fix works, but lead.score now fails in ")
        assert " of calls (was 0." in spoken(text)
    guardrail = result.guardrails[0]
    assert (guardrail.feature, guardrail.worst_feature) == ("*", "lead.score")
    assert guardrail.parts[0].finding in ("not_met", "worse")
    assert result.regressions[0].feature == "lead.score"
    assert "watch" not in " ".join(
        f"{step.words} {step.command}" for step in next_steps(result, look.settings)
    )


def test_a_quiet_deploy_with_guardrails_alone_ends_with_no_regression(open_rollout):
    quiet = [feature(name, seed, http_5xx_rate=0.02) for seed, name in enumerate("ab")]
    look, result = judge(open_rollout, GUARDRAIL, *quiet)
    assert (result.verdict, look.verdict.exit_code) == ("no_regression", 0)
    assert judge(open_rollout, GUARDRAIL, *quiet, window="4h")[1].verdict == "keep_watching"


def test_a_working_fix_and_nothing_else_is_green(open_rollout):
    rows = feature("fixed", 0, **FIXED), feature("a", 1, http_5xx_rate=0.02)
    assert judge(open_rollout, FIX + GUARDRAIL, *rows)[1].verdict in ("improved", "sustained")


def test_a_critical_guardrail_of_one_feature_rolls_back(open_rollout):
    harmed = with_errors(feature("a", 1, http_5xx_rate=0.004), 0.2)
    claims = FIX + GUARDRAIL + "critical = true\n"
    result = judge(open_rollout, claims, feature("fixed", 0, **FIXED), harmed)[1]
    assert result.verdict == "roll_back"
    assert spoken(result.reason).startswith("a now fails in ")


def test_accepted_errors_are_no_harm_up_to_their_value(open_rollout):
    harmed = with_errors(feature("a", 1, http_5xx_rate=0.004), 0.05)
    entry = '[[accepted]]\nfeature = "a"\nmetric = "{}"\nup_to = 0.1\nwhy = "known"\n'
    claims = FIX + GUARDRAIL + entry.format("error_rate")
    rows = feature("fixed", 0, **FIXED), harmed, feature("b", 2, http_5xx_rate=0.02)
    result = judge(open_rollout, claims + "[regressions]\nmetrics = ['error_rate']\n", *rows)[1]
    assert result.verdict in ("improved", "sustained")
    assert [one.why for one in result.accepted] == ["known"]


def test_stopped_traffic_is_not_trusted_and_says_since_when(open_rollout):
    rows = together(feature("fixed", 0, **FIXED), feature("a", 1))
    stopped = rows[rows["createdAt"] < DEPLOY + np.timedelta64(2, "h")]
    result = judge(open_rollout, FIX, stopped)[1]
    last = stopped["createdAt"].max()
    assert result.verdict == "untrusted"
    assert f"no calls since {last:%H:%M} UTC; " in spoken(result.reason)
    assert " expected" in result.reason


def test_a_vanished_feature_is_investigated_and_a_renamed_one_is_compared(open_rollout):
    fixed, other = feature("fixed", 0, **FIXED), feature("old.name", 1)
    is_post = hours_of(other) >= 0
    result = judge(open_rollout, FIX, fixed, other[~is_post])[1]
    assert result.verdict == "investigate"
    assert "old.name has no calls any more" in result.reason
    renamed = other.assign(featureId=other["featureId"].mask(is_post, "new.name"))
    result = judge(open_rollout, FIX, fixed, renamed)[1]
    assert [(one.old, one.new) for one in result.features.renamed] == [("old.name", "new.name")]
    assert (result.features.vanished, result.features.new) == ((), ())
    assert result.verdict in ("improved", "sustained")


def test_a_limit_on_a_new_feature_is_decided_on_its_own_calls(open_rollout):
    fresh = feature("fresh", 1, http_5xx_rate=0.01)
    claims = FIX + (
        '[[guardrail]]\nname = "fresh fails little"\nfeature = "fresh"\n'
        'metric = "error_rate"\nclaim = "below"\nlimit = 0.2\n'
    )
    fixed = feature("fixed", 0, **FIXED)
    result = judge(open_rollout, claims, fixed, fresh[hours_of(fresh) >= 0])[1]
    assert (result.guardrails[0].finding, result.guardrails[0].difference) == ("met", None)
    assert [one.feature for one in result.features.new] == ["fresh"]


def test_six_hours_of_baseline_are_never_green(open_rollout):
    rows = together(feature("fixed", 0, **FIXED), feature("a", 1))
    result = judge(open_rollout, FIX + GUARDRAIL, rows[hours_of(rows) >= -6])[1]
    assert result.verdict == "keep_watching"
    assert result.common_hours.share_of_calls < 0.8
    assert "80 % are required" in spoken(result.reason)
