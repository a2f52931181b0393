"""Harm among several guardrails."""

import numpy as np
import pytest

from analysis.statistics.harm.families import find_harm
from analysis.statistics.multiplicity import holm
from analysis.statistics.sequential import bounds

PLAN = (1 / 24, 4 / 24, 1.0)


@pytest.mark.parametrize(
    ("now", "before", "shown"),
    [
        ([0.02, 0.5], None, [False, False]),
        ([0.02, 0.5], [0.02, 0.5], [True, False]),
        ([0.02, 0.5], [0.5, 0.02], [False, False]),
        ([0.03, 0.5], [0.01, 0.5], [False, False]),
        ([1e-9, 0.5], None, [True, False]),
        ([], None, []),
    ],
    ids=["one look", "two looks", "not the same twice", "Holm: .03 > .05/2", "bound", "none"],
)
def test_at_the_bound_or_at_two_looks_running(now, before, shown):
    found = find_harm(now, times=PLAN, look=1, before=before)
    assert [one.is_shown for one in found] == shown


def test_the_bound_is_holm_with_spending_on_the_two_sided_p():
    p = [1e-6, 3e-4, 0.2]
    found = find_harm(p, times=PLAN, look=1)
    expected = holm([2 * one for one in p], times=PLAN, look=1)
    assert [one.bound for one in found] == pytest.approx([one.bound for one in expected])
    assert [one.bound for one in found] == pytest.approx(
        [bounds(PLAN, 0.05 / family)[1] for family in (3, 2, 1)]
    )
    assert [one.p_adjusted for one in found] == [one.p_adjusted for one in expected]


@pytest.mark.parametrize("members", [1, 10])
def test_a_family_keeps_its_alpha_whatever_its_size(members):
    """Monte Carlo: 4,000 quiet deploys at a last look; each alone would roll back .44 of ten."""
    p = np.random.default_rng(members).uniform(size=(4000, members))
    any_shown = [any(one.is_shown for one in find_harm(list(row))) for row in p]
    assert np.mean(any_shown) == pytest.approx(0.025, abs=0.0075)


def test_two_looks_running_add_little():
    """Independent looks: .05^2 of a family of ten at most."""
    rng = np.random.default_rng(3)
    now, before = rng.uniform(size=(2, 2000, 10))
    twice = [
        any(one.at_two_looks for one in find_harm(list(p), before=list(q)))
        for p, q in zip(now, before, strict=True)
    ]
    assert np.mean(twice) <= 0.005


def test_the_same_members_at_both_looks():
    with pytest.raises(ValueError, match="give the same members"):
        find_harm([0.1, 0.2], before=[0.1])
