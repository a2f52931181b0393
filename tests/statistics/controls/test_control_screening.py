"""Control features that do not move with the others are dropped."""

import pytest

from analysis.statistics.controls.index import weight_control
from analysis.statistics.controls.screening import screen


@pytest.mark.parametrize(
    ("factors", "dropped"),
    [
        ([1, 1, 1.6, 1, 1], ["2"]),
        ([1, 5], []),
        ([1.25] * 5, []),
    ],
    ids=["the deploy touched one", "two always stay", "a slow provider moves all alike"],
)
def test_which_controls_are_dropped(noisy_arms, factors, dropped):
    kept, found = screen(controls_of(noisy_arms, factors))
    assert list(found) == dropped
    assert [one.name for one in kept] == [
        str(i) for i in range(len(factors)) if str(i) not in dropped
    ]


@pytest.mark.parametrize(("factors", "n_dropped"), [([1, 1, 1, 3, 4, 5, 6, 7], 2), ([1, 1, 5], 1)])
def test_at_most_two_go_and_two_stay(noisy_arms, factors, n_dropped):
    kept, dropped = screen(controls_of(noisy_arms, factors))
    assert (len(kept), len(dropped)) == (len(factors) - n_dropped, n_dropped)


def controls_of(noisy_arms, factors):
    """Features of one provider, each slower by its own factor after the deploy."""
    return [
        weight_control(
            str(number), *noisy_arms(7, 24, seed=4, post_factor=factor, calls=30 + number)
        )
        for number, factor in enumerate(factors)
    ]
