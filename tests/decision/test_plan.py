"""The planned looks and their bounds, and exploratory looks."""

from datetime import timedelta

import pytest

from analysis.config import load_settings
from analysis.decision.plan import plan_exploratory, plan_look
from analysis.errors import WrongUse
from analysis.statistics.sequential import bounds
from analysis.window import HOUR, Window
from tests.fixtures.comparators import DEPLOYED_AT


@pytest.fixture(name="settings")
def settings_fixture(tmp_path):
    def load(windows=("1h", "4h", "24h")):
        text = f"""
            rollout.name = "r"
            source = {{engine = "duckdb", path = "c.csv"}}
            monitoring.windows = {list(windows)}
            expectation = [{{name = "t", feature = "f", metric = "timeout_rate", claim = "falls"}}]
        """
        (tmp_path / "rollout.toml").write_text(text, encoding="utf-8")
        return load_settings(tmp_path / "rollout.toml")

    return load


def test_planned_looks_have_the_bounds_of_the_plan_whatever_was_looked_at(settings):
    looks = [plan_look(settings(), label) for label in ("1h", "4h", "24h")]
    assert [look.bound for look in looks] == list(bounds((1 / 24, 4 / 24, 1.0), 0.05))
    assert [round(look.bound, 2) for look in looks[:2]] == [3.92, 3.21]
    assert [(look.hours, look.previous_last, look.is_last) for look in looks] == [
        ((0, 1), None, False),
        ((0, 4), 1, False),
        ((0, 24), 4, True),
    ]
    assert looks[0].later_looks == ((1, 4), (2, 24))
    assert looks[2].later_looks == ()
    assert plan_look(settings(), "60m").hours == (0, 1)


def test_the_looks_of_a_later_stage_are_the_same_plan_hours_further_on(settings):
    look = plan_look(settings(), "4h", first_hour=30)
    assert (look.hours, look.previous_last, look.later_looks) == ((30, 34), 31, ((2, 24),))
    assert look.bound == plan_look(settings(), "4h").bound


def test_an_exploratory_look_is_one_look_widened_to_whole_hours(settings):
    look = plan_exploratory(
        settings(), DEPLOYED_AT, DEPLOYED_AT + 2.5 * HOUR, DEPLOYED_AT + 5.2 * HOUR
    )
    assert (look.hours, look.is_planned, look.is_last, look.later_looks) == (
        (2, 6),
        False,
        False,
        (),
    )
    assert look.window(DEPLOYED_AT) == Window(DEPLOYED_AT + 2 * HOUR, DEPLOYED_AT + 6 * HOUR)
    assert look.bound == pytest.approx(1.959964)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(3, 3, "is not before --to"), (5, 3, "is not before --to"), (-1, 3, "lies before the deploy")],
)
def test_an_exploratory_look_outside_the_post_hours_is_refused(settings, start, end, words):
    with pytest.raises(WrongUse, match=words):
        plan_exploratory(
            settings(),
            DEPLOYED_AT,
            DEPLOYED_AT + timedelta(hours=start),
            DEPLOYED_AT + timedelta(hours=end),
        )
