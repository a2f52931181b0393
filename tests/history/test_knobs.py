"""Turned knobs: recorded in their order, each from where its variable is, offered once."""

from datetime import timedelta

import pytest

from analysis.errors import WrongUse
from analysis.history.events import KnobEvent
from analysis.history.knobs import current_values, set_knob, with_history
from analysis.history.ledger import open_ledger
from analysis.history.timeline import ChangeMark, read_timeline
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR

DEPLOYED = "2026-02-02T23:10:16Z"
KNOBS = """
[[knob]]
when = "timeouts drop"
env = "VERIFIER_CAP"
from = 45000
to = 30000

[[knob]]
when = "timeouts drop"
env = "VERIFIER_SHARE"
from = 0.35
to = 0.25

[[knob]]
when = "timeouts drop"
env = "VERIFIER_CAP"
from = 30000
to = 25000

[[knob]]
when = "cron ends in time"
code = "put back the old batch size"
"""


@pytest.fixture
def settings(make_settings, clock_file):
    made = make_settings(KNOBS, deployed_at=DEPLOYED)
    clock_file.advance(10 * HOUR)
    return made


def test_a_turned_knob_begins_a_stage_at_the_next_whole_hour(settings):
    at = DEPLOYED_AT + 4 * HOUR + timedelta(minutes=3)
    turned = set_knob(settings, "VERIFIER_CAP", "30000", at=at)
    assert turned.event == KnobEvent(name="VERIFIER_CAP", old=45000, new=30000, effective_at=at)
    assert (turned.stage.number, turned.stage.start) == (2, DEPLOYED_AT + 5 * HOUR)
    assert turned.stage.cause == "VERIFIER_CAP 45000 -> 30000"
    timeline = read_timeline(settings)
    assert timeline.marks == (ChangeMark(at, "VERIFIER_CAP 45000 -> 30000"),)
    assert timeline.history.events(KnobEvent) == (turned.event,)


def test_without_a_time_it_is_turned_now(settings, clock_file):
    turned = set_knob(settings, "VERIFIER_SHARE", "0.25")
    assert turned.event.effective_at == clock_file.now()


def test_the_settings_with_the_history_have_only_the_knobs_that_are_left(settings):
    set_knob(settings, "VERIFIER_SHARE", "0.25", at=DEPLOYED_AT + 5 * HOUR)
    values = current_values(settings, open_ledger(settings).read())
    assert values == {"VERIFIER_CAP": 45000, "VERIFIER_SHARE": 0.25}
    left = [(knob.title, knob.old) for knob in with_history(settings).knobs]
    assert left == [("VERIFIER_CAP", 45000), ("put back the old batch size", None)]
    assert with_history(settings).rollout.deployed_at == DEPLOYED_AT
    assert len(settings.knobs) == 4


def test_the_next_knob_of_a_chain_is_offered_and_no_value_twice(settings):
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + 5 * HOUR)
    assert ("VERIFIER_CAP", 25000) in offered(settings)
    set_knob(settings, "VERIFIER_CAP", "45000", at=DEPLOYED_AT + 6 * HOUR)
    assert [knob for knob in offered(settings) if knob[0] == "VERIFIER_CAP"] == []


def offered(settings):
    return [(knob.title, knob.new) for knob in with_history(settings).knobs]


@pytest.mark.parametrize(
    ("name", "value", "at", "sentence"),
    [
        (
            "VERIFIER_CAPS",
            "1",
            None,
            r"'VERIFIER_CAPS' is not the env of a \[\[knob\]\]; did you mean 'VERIFIER_CAP'\?",
        ),
        ("VERIFIER_CAP", "many", None, "VERIFIER_CAP = 'many' is not a number"),
        ("VERIFIER_CAP", "inf", None, "is not a number"),
        ("VERIFIER_CAP", "45000.0", None, "VERIFIER_CAP is 45000.0 already; nothing was recorded"),
        (
            "VERIFIER_CAP",
            "30000",
            DEPLOYED_AT - HOUR,
            "give a time after the deploy at 2026-02-02T23:10:16Z and not in the future",
        ),
        ("VERIFIER_CAP", "30000", DEPLOYED_AT + 11 * HOUR, "not in the future"),
        ("VERIFIER_CAP", "Bearer planted-7Hq2LmX9", None, "is not a number"),
    ],
)
def test_what_cannot_be_turned(settings, name, value, at, sentence):
    with pytest.raises(WrongUse, match=sentence) as caught:
        set_knob(settings, name, value, at=at)
    assert "planted" not in str(caught.value)
    assert open_ledger(settings).read().entries == ()


def test_changes_are_recorded_in_their_order(settings):
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + 5 * HOUR)
    with pytest.raises(WrongUse, match=r"before stage 2 .VERIFIER_CAP 45000 -> 30000, 2026-02-03T"):
        set_knob(settings, "VERIFIER_SHARE", "0.25", at=DEPLOYED_AT + 3 * HOUR)


def test_a_knob_needs_a_deploy_and_a_file_with_knobs(make_settings, clock_file):
    with pytest.raises(WrongUse, match="no deploy is known"):
        set_knob(make_settings(KNOBS), "VERIFIER_CAP", "30000")
    with pytest.raises(WrongUse, match=r"rollout.toml has no \[\[knob\]\]"):
        set_knob(make_settings(), "VERIFIER_CAP", "30000")


def test_a_knob_of_words(make_settings, clock_file):
    knob = '[[knob]]\nwhen = "timeouts drop"\nenv = "MODEL"\nfrom = "large"\nto = "small"'
    settings = make_settings(knob, deployed_at=DEPLOYED)
    clock_file.advance(HOUR)
    assert set_knob(settings, "MODEL", "small").event.new == "small"
    with pytest.raises(WrongUse, match="looks like a secret or personal data") as caught:
        set_knob(settings, "MODEL", "postgresql://anna:planted-7Kq@db/app")
    assert "planted" not in str(caught.value)
