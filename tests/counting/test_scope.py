"""Which calls a claim is about, and how baseline hours are matched with post hours."""

import pytest

from analysis.counting.scope import Cycle, Scope


@pytest.mark.parametrize(
    ("scope", "feature", "source", "belongs"),
    [
        (Scope("a.b"), "a.b", None, True),
        (Scope("a.b"), "a.bc", None, False),
        (Scope("a.*"), "a.b", "x", True),
        (Scope("a.*"), "b.a.", "x", False),
        (Scope(), "anything", None, True),
        (Scope("*"), "anything", None, True),
        (Scope(None, "job/*"), "f", "job/x", True),
        (
            Scope(None, "job/*"),
            "f",
            None,
            False,
        ),  # unattributed calls belong only where no source is asked for
        (Scope(None, "*"), "f", None, False),
        (Scope("f[1]*"), "f[1]x", None, True),  # brackets mean themselves
        (Scope("f?"), "fx", None, False),
    ],
)
def test_patterns(scope, feature, source, belongs):
    assert scope.matches(feature, source) is belongs


@pytest.mark.parametrize(
    ("hours", "cycle"),
    [
        (24, Cycle(24, 1)),
        (25, Cycle(24, 2)),
        (168, Cycle(24, 7)),
        (13 * 24, Cycle(24, 13)),
        (14 * 24, Cycle(168, 2)),
        (21 * 24, Cycle(168, 3)),
    ],
)
def test_two_weeks_or_more_match_the_hour_of_the_week(hours, cycle):
    assert Cycle.of(-hours) == cycle


@pytest.mark.parametrize(
    ("first", "last", "cycle"),
    [
        (-336, -168, Cycle(24, 14)),
        (-504, -168, Cycle(168, 3)),
        (-400, -24, Cycle(24, 17)),
        (-20, -8, Cycle(24, 1)),
    ],
)
def test_a_week_that_is_not_there_is_not_matched(first, last, cycle):
    """A baseline that ends before the deploy: only whole weeks that lie in it count."""
    assert Cycle.of(first, last) == cycle
