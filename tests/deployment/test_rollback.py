"""Steps back: knobs first, the smallest step first, then the old build; commands, never run."""

import json
import shlex
from datetime import timedelta

import pytest

from analysis.deployment.rollback import LIST_COMMAND, find_steps_back
from analysis.history.events import DeployEvent
from analysis.history.knobs import set_knob
from analysis.history.ledger import open_ledger
from analysis.history.timeline import read_timeline
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.quick_looks import DEPLOYED, result_of

KNOBS = """
[[knob]]
when = "timeouts drop"
env = "VERIFIER_CAP"
from = 45000
to = 30000
cap_ms = 30000

[[knob]]
when = "timeouts drop"
env = "VERIFIER_SHARE"
from = 0.35
to = 0.25
slice = {cap_ms = 45000, min_ms = 8000, share = 0.25, total_ms = 120000}

[[knob]]
when = "timeouts drop"
env = "VERIFIER_CAP"
from = 30000
to = 25000
cap_ms = 25000

[[knob]]
when = "cron ends in time"
env = "VERIFIER_CAP"
from = 45000
to = 30000
cap_ms = 30000

[[knob]]
when = "cron ends in time"
code = "put back the old batch size"
note = "no variable changes it"
"""
CAP, SHARE = "turn VERIFIER_CAP from 45000 to 30000", "turn VERIFIER_SHARE from 0.35 to 0.25"
RECORD = "rollout deploy --at TIME --stage --config rollout.toml"


@pytest.fixture
def settings(make_settings, clock_file):
    made = make_settings(KNOBS, deployed_at=DEPLOYED)
    clock_file.advance(10 * HOUR)
    return made


def advice_on(settings, names):
    """Advice as the judge gives it: environment before code, the smallest relative step first."""
    advice = [
        {
            "knob": knob.title,
            "kind": "environment" if knob.env else "code",
            "from": knob.old,
            "to": knob.new,
            "because": f"{knob.when.name}: not met.",
            "claim": knob.when.name,
            "predicted": {"sentence": f"A cap of {knob.new_cap_ms} ms cuts 31 %."}
            if knob.new_cap_ms
            else None,
        }
        for knob in settings.knobs
        if knob.when.name in names
    ]

    def step(entry):
        return abs(entry["to"] - entry["from"]) / entry["from"] if entry["to"] else 1

    return sorted(advice, key=lambda entry: (entry["kind"] == "code", step(entry)))


def steps_back(settings, *failing, verdict="keep_watching"):
    """The steps back when the named claims are not met."""
    timeline = read_timeline(settings)
    claims = [
        {
            "name": name,
            "finding": "not_met" if name in failing else "met",
            "feature": "draft.verify",
            "metric": "timeout_rate",
            "sentence": f"{name} is not met.",
        }
        for name in ("timeouts drop", "cron ends in time")
    ]
    result = result_of(
        timeline.looks[0],
        verdict,
        expectations=claims[:1],
        guardrails=claims[1:],
        advice=advice_on(settings, failing),
    )
    return find_steps_back(settings, result, timeline.history)


def whats(steps):
    return [step.what for step in steps]


# ---- knobs -----------------------------------------------------------------------------------
def test_when_nothing_fails_nothing_is_offered(settings):
    assert steps_back(settings, verdict="improved") == ()


def test_the_smallest_step_first_and_the_old_build_not_yet(settings):
    steps = steps_back(settings, "timeouts drop")
    assert whats(steps) == [SHARE, CAP]  # and not from 30000 to 25000: the cap is at 45000
    assert {step.kind for step in steps} == {"environment"}


def test_a_step_has_its_commands_its_undo_and_its_prediction(settings):
    first = steps_back(settings, "timeouts drop")[0]
    assert first.because == "timeouts drop: not met."
    assert first.predicted == "A cap of 30000 ms cuts 31 %."
    assert first.commands == (
        "printf %s 0.25 | vercel env add VERIFIER_SHARE production --force",
        "vercel redeploy DEPLOYMENT --target production",
        "rollout knob set VERIFIER_SHARE 0.25 --at TIME --config rollout.toml",
    )
    assert [command.replace("0.25", "0.35") for command in first.commands] == list(first.undo)


def test_one_knob_for_two_claims_is_offered_once(settings):
    steps = steps_back(settings, "timeouts drop", "cron ends in time")
    assert whats(steps).count(CAP) == 1
    assert steps[whats(steps).index(CAP)].because.count("not met.") == 2
    (code,) = (step for step in steps if step.kind == "code")
    assert (code.what, code.note) == ("put back the old batch size", "no variable changes it")


def test_a_turned_knob_is_not_offered_again_and_the_next_of_its_chain_is(settings):
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + 5 * HOUR)
    next_cap = "turn VERIFIER_CAP from 30000 to 25000"
    assert whats(steps_back(settings, "timeouts drop")) == [next_cap, SHARE]
    set_knob(settings, "VERIFIER_CAP", "45000", at=DEPLOYED_AT + 6 * HOUR)
    assert CAP not in whats(steps_back(settings, "timeouts drop"))


def test_when_the_knobs_of_a_claim_are_used_up_the_old_build_is_next(settings):
    turns = [("VERIFIER_CAP", "30000"), ("VERIFIER_CAP", "25000"), ("VERIFIER_SHARE", "0.25")]
    for number, (name, value) in enumerate(turns):
        set_knob(settings, name, value, at=DEPLOYED_AT + timedelta(minutes=100 + 60 * number))
    (step,) = steps_back(settings, "timeouts drop")
    assert (step.kind, step.because) == ("rollback", "timeouts drop is not met.")
    assert step.note == (
        "turned before, without effect: VERIFIER_CAP 45000 -> 30000, "
        "VERIFIER_CAP 30000 -> 25000, VERIFIER_SHARE 0.35 -> 0.25; "
        "the old build has its OLD environment variables, without any later change"
    )


# ---- the old build ---------------------------------------------------------------------------
def record_build(settings, number, at, *, role, stage=False) -> None:
    deploy = DeployEvent(
        effective_at=at,
        environment="production",
        role=role,
        stage=stage,
        deployment_id=f"dpl_{number}",
        previous_id=f"dpl_{number - 1}",
    )
    open_ledger(settings).append(deploy)


def test_a_roll_back_names_knobs_first_and_then_the_exact_commands(settings):
    record_build(settings, 7, DEPLOYED_AT, role="first")
    steps = steps_back(settings, "cron ends in time", verdict="roll_back")
    assert [step.kind for step in steps] == ["environment", "code", "rollback"]
    assert steps[0].commands[1] == "vercel redeploy dpl_7 --target production"
    assert steps[-1].commands == ("vercel rollback dpl_6", RECORD)
    assert steps[-1].undo == ("vercel promote dpl_7", RECORD)
    assert steps[-1].note.startswith("only when the steps above do not help; the old build has")


def test_the_old_build_is_the_one_before_the_deploy_not_before_the_last(settings):
    record_build(settings, 7, DEPLOYED_AT, role="first")
    record_build(settings, 9, DEPLOYED_AT + 2 * HOUR, role="later", stage=True)
    last = steps_back(settings, verdict="roll_back")[-1]
    assert last.commands[0] == "vercel rollback dpl_6"
    assert last.undo[0] == "vercel promote dpl_9"
    assert last.because == "1h says roll_back"


@pytest.mark.parametrize("is_recorded", [False, True], ids=["nothing recorded", "a later knob"])
def test_a_build_that_is_not_known_is_to_be_looked_up(settings, is_recorded):
    if is_recorded:
        record_build(settings, 7, DEPLOYED_AT, role="first")
        set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + HOUR)
    last = steps_back(settings, verdict="roll_back")[-1]
    before = "dpl_6" if is_recorded else "DEPLOYMENT-BEFORE"
    assert last.commands[:2] == (LIST_COMMAND, f"vercel rollback {before}")
    assert last.undo[:2] == (LIST_COMMAND, "vercel promote DEPLOYMENT-NOW")


# ---- an edited ledger ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "facts",
    [
        {"deployment_id": "--prod"},
        {"deployment_id": "-x"},
        {"deployment_id": "dpl_7; touch stolen"},
        {"deployment_id": "$(touch stolen)"},
        {"deployment_id": "dpl_7\n"},
        {"deployment_id": "dpl_7\u202e"},
        {"deployment_id": "x" * 81},
        {"deployment_id": 7},
        {"previous_id": "--yes"},
        {"previous_id": "`touch stolen`"},
        {"commit": "--output=stolen"},
        {"commit": "main"},
        {"url": "https://app.vercel.app/; touch stolen"},
    ],
)
def test_an_edited_build_is_in_no_command(settings, facts):
    """The line is reported by its number, and its build is in no command that we print."""
    record_build(settings, 7, DEPLOYED_AT, role="first")
    ledger = open_ledger(settings)
    good = ledger.path.read_text(encoding="utf-8")
    edited = json.loads(good) | {"deployment_id": "dpl_8"} | facts
    ledger.path.write_text(good + json.dumps(edited) + "\n", encoding="utf-8")
    assert ledger.read().unreadable_lines == (2,)
    steps = steps_back(settings, "timeouts drop", verdict="roll_back")
    commands = [command for step in steps for command in (*step.commands, *step.undo)]
    assert "vercel rollback dpl_6" in commands
    assert not any("stolen" in command or "dpl_8" in command for command in commands)


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "X; touch stolen"},
        {"name": "--help"},
        {"to": "1\ntouch stolen"},
        {"to": "\x1b]0;stolen\x07"},
        {"to": ["stolen"]},
        {"to": "x" * 2001},
    ],
)
def test_an_edited_turn_of_a_knob_is_not_used(settings, facts):
    record_build(settings, 7, DEPLOYED_AT, role="first")
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + HOUR)
    ledger = open_ledger(settings)
    lines = ledger.path.read_text(encoding="utf-8").splitlines()
    lines.append(json.dumps(json.loads(lines[-1]) | facts))
    ledger.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert ledger.read().unreadable_lines == (3,)


def test_the_value_of_a_knob_is_one_word_of_the_shell(settings):
    """A recorded value is quoted where it is printed; the shell sees one word."""
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOYED_AT + HOUR)
    ledger = open_ledger(settings)
    text = ledger.path.read_text(encoding="utf-8").replace("30000", '"$(touch stolen); -x"')
    ledger.path.write_text(text, encoding="utf-8")
    assert ledger.read().unreadable_lines == ()
    for step in steps_back(settings, "timeouts drop"):
        for command in (*step.commands, *step.undo):
            assert not {"touch", "$(touch"} & set(shlex.split(command))
