"""Guardrails: each feature by itself, families for harm, bursts, and what the team accepts."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.config.settings import Accepted
from analysis.decision.claims.guardrails import find_guardrails
from tests.fixtures.comparators import arm, calls, claim, comparator, plan

LAST = plan(2)
ERRORS = claim("no_worse", "error_rate", feature="*", margin=0.5, name="errors stay rare")
SLOW = claim("no_worse", "latency_mean", feature="*", margin=0.5, name="not slower")
FIX = claim("falls", "timeout_rate", feature="fixed")
QUIET = (1, 1)


def both_arms(*, hours=24, seed=0, slower=None, **errors):
    """Features with errors an hour before and after; 100 calls an hour, seven days."""
    rng = np.random.default_rng(seed)
    before, after = [], []
    for feature, (old, new) in errors.items():
        factor = 2 if feature == slower else 1
        before.append(calls(-168, 0, per_hour=100, feature=feature, http_5xx=rng.poisson(old, 168)))
        new_errors = np.broadcast_to(new, (hours,))
        after.append(
            calls(
                0,
                hours,
                per_hour=100,
                feature=feature,
                latency_ms=1000 * factor,
                http_5xx=np.minimum(rng.poisson(new_errors), 100),
            )
        )
    return comparator(arm(-168, 0, *before), arm(0, hours, *after))


def guard(both, *claims, at=LAST, **keys):
    return find_guardrails(claims, both, at, smallest_useful=0.1, **keys)


def test_harm_in_one_feature_is_not_hidden_by_the_gain_of_another():
    both = both_arms(fixed=(50, 5), harmed=(1, 8), quiet=QUIET)
    (each,) = guard(both, ERRORS)
    assert each.is_broken
    assert each.is_per_feature
    assert next(part.claim.feature for part in each.parts) == "harmed"
    assert each.evaluation.claim.feature == "harmed"
    assert each.claim.feature == "*"
    (total,) = guard(both, ERRORS.model_copy(update={"per": "total"}))
    assert (total.state, total.parts) == ("met", ())


def test_a_feature_that_is_excepted_is_in_no_part_and_not_in_the_total():
    both = both_arms(harmed=(1, 8), quiet=(20, 20))
    (found,) = guard(both, ERRORS.model_copy(update={"exceptions": ("harm*",)}))
    assert [part.claim.feature for part in found.parts] == ["quiet"]
    assert found.state == "met"
    assert found.calls[1] == 2400


def test_met_when_no_part_is_broken_and_the_total_of_the_other_features_holds():
    """The fixed feature's own fall would make the total met; it is not in it."""
    both = both_arms(fixed=(50, 5), a=(20, 20), b=(20, 20))
    (found,) = guard(both, ERRORS, expectations=[FIX])
    assert found.state == "met"
    assert found.calls[1] == 4800
    (rare,) = guard(both_arms(fixed=(50, 5), a=(0.02, 0.02)), ERRORS, expectations=[FIX])
    assert rare.state in ("undecided", "no_data")
    assert not rare.is_broken


def test_time_of_a_feature_with_an_expectation_is_the_teams_choice():
    both = both_arms(fixed=QUIET, quiet=QUIET, slower="fixed")
    (found,) = guard(both, SLOW, expectations=[FIX])
    assert [part.claim.feature for part in found.parts] == ["quiet"]
    assert found.state == "met"
    named = SLOW.model_copy(update={"feature": "fixed"})
    assert guard(both, named, expectations=[FIX])[0].is_broken


def test_one_burst_is_shown_and_not_acted_on():
    new = np.full(24, 1.0)
    new[3:5] = 90
    (found,) = guard(both_arms(a=(1, new)), ERRORS)
    assert found.parts[0].burst_hours[:1]
    assert not found.is_broken
    assert {3, 4} <= set(found.parts[0].burst_hours)


@pytest.mark.parametrize(("up_to", "is_broken"), [(0.2, False), (0.04, True)])
def test_an_accepted_change_is_no_harm_up_to_its_value(up_to, is_broken):
    both = both_arms(a=(1, 8), b=(20, 20))
    entry = Accepted(feature="a", metric="error_rate", up_to=up_to, why="known")
    (found,) = guard(both, ERRORS, accepted=[entry])
    assert found.is_broken is is_broken
    states = {part.claim.feature: (part.state, part.accepted) for part in found.parts}
    assert (states["a"] == ("met", entry)) is not is_broken


def test_ten_quiet_guardrails_share_their_alpha():
    """At one-sided 5 % each, ten of them would break in .4 of quiet deploys."""
    rules = [
        claim("no_worse", "error_rate", feature=f"f{n}", margin=0.1, critical=True)
        for n in range(10)
    ]
    broken = 0
    for seed in range(12):
        both = both_arms(seed=seed, **{f"f{n}": (5, 5) for n in range(10)})
        broken += any(found.is_broken for found in guard(both, *rules))
    assert broken <= 1
