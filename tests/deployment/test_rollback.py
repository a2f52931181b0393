"""The way back: knobs first and the smallest step first, each offered once, then the old build; commands, never executed."""

from datetime import timedelta

import pytest

from analysis.clock import parse_instant
from analysis.deployment.deployment import record_deploy
from analysis.deployment.listing import Deployment
from analysis.deployment.rollback import LIST_COMMAND, find_steps_back, slice_timeout_ms
from analysis.errors import WrongUse
from analysis.history import stages
from analysis.history.knobs import as_recorded, set_knob, values_now
from analysis.history.ledger import open_ledger

DEPLOY = parse_instant("2026-02-02T23:10:16Z")
DEPLOYED = "2026-02-02T23:10:16Z"
HOUR = timedelta(hours=1)
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


def claim(name: str, finding: str) -> dict:
    return {
        "name": name,
        "finding": finding,
        "feature": "draft.verify",
        "source": None,
        "metric": "timeout_rate",
        "parts": [],
        "sentence": f"{name}: {finding}.",
    }


def advice(settings, names: list[str]) -> list[dict]:
    """As the judge gives it: environment before code, the smallest relative step first."""
    entries = [
        {
            "knob": knob.title,
            "kind": "environment" if knob.env else "code",
            "from": knob.old,
            "to": knob.new,
            "because": f"{knob.when.name}: not met.",
            "claim": knob.when.name,
            "predicted": {
                "cut_off_share": 0.31,
                "interval": [0.25, 0.37],
                "sentence": f"A cap of {knob.new_cap_ms} ms cuts 31 %.",
            }
            if knob.new_cap_ms
            else None,
        }
        for knob in settings.knobs
        if knob.when.name in names
    ]
    return sorted(
        entries,
        key=lambda entry: (
            entry["kind"] == "code",
            abs(entry["to"] - entry["from"]) / entry["from"] if entry["to"] else 1,
        ),
    )


def failing(settings, *names: str, verdict: str = "keep_watching") -> dict:
    claims = [
        claim(name, "not_met" if name in names else "met")
        for name in ("timeouts drop", "cron ends in time")
    ]
    return {
        "verdict": verdict,
        "reason": "because",
        "expectations": claims[:1],
        "guardrails": claims[1:],
        "advice": advice(settings, list(names)),
    }


def steps(settings, result) -> list[tuple]:
    return [
        (step.kind, step.what)
        for step in find_steps_back(settings, result, open_ledger(settings).read())
    ]


@pytest.fixture
def settings(make_settings, clock_file):
    made = make_settings(KNOBS, deployed_at=DEPLOYED)
    clock_file.advance(10 * HOUR)
    return made


# ---- knobs -----------------------------------------------------------------------------------------------------------
def test_when_nothing_fails_nothing_is_offered(settings):
    assert steps(settings, failing(settings, verdict="improved")) == []


def test_the_smallest_step_first_and_the_old_build_not_yet(settings):
    result = failing(settings, "timeouts drop")
    assert steps(settings, result) == [
        ("environment", "turn VERIFIER_SHARE from 0.35 to 0.25"),
        ("environment", "turn VERIFIER_CAP from 45000 to 30000"),
    ]  # and not from 30000 to 25000, because it stands at 45000


def test_a_step_has_its_commands_its_undo_and_its_prediction(settings):
    record_deploy(settings, at=DEPLOY)
    first = find_steps_back(
        settings, failing(settings, "timeouts drop"), open_ledger(settings).read()
    )[0]
    assert first.because == "timeouts drop: not met."
    assert first.predicted == "A cap of 30000 ms cuts 31 %."
    assert first.commands == (
        "printf %s 0.25 | vercel env add VERIFIER_SHARE production --force",
        "vercel redeploy DEPLOYMENT --target production",
        "rollout knob set VERIFIER_SHARE 0.25 --at TIME --config rollout.toml",
    )
    assert [command.replace("0.25", "0.35") for command in first.commands] == list(first.undo)


def test_one_knob_for_two_claims_is_offered_once(settings):
    result = failing(settings, "timeouts drop", "cron ends in time")
    found = find_steps_back(settings, result, open_ledger(settings).read())
    assert [step.what for step in found].count("turn VERIFIER_CAP from 45000 to 30000") == 1
    both = next(step for step in found if step.what == "turn VERIFIER_CAP from 45000 to 30000")
    assert both.because.count("not met.") == 2
    assert ("code", "put back the old batch size") in [(step.kind, step.what) for step in found]
    assert [step.note for step in found if step.kind == "code"] == ["no variable changes it"]


def test_a_turned_knob_is_not_offered_again_and_the_next_of_its_chain_is(settings):
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOY + 5 * HOUR)
    assert values_now(settings, open_ledger(settings).read()) == {
        "VERIFIER_CAP": 30000,
        "VERIFIER_SHARE": 0.35,
    }
    assert steps(settings, failing(settings, "timeouts drop")) == [
        ("environment", "turn VERIFIER_CAP from 30000 to 25000"),
        ("environment", "turn VERIFIER_SHARE from 0.35 to 0.25"),
    ]
    set_knob(settings, "VERIFIER_CAP", "45000", at=DEPLOY + 6 * HOUR)
    assert ("environment", "turn VERIFIER_CAP from 45000 to 30000") not in steps(
        settings, failing(settings, "timeouts drop")
    )


def test_settings_as_recorded_hold_only_what_can_still_be_turned(make_settings, settings):
    set_knob(settings, "VERIFIER_SHARE", "0.25", at=DEPLOY + 5 * HOUR)
    assert [knob.title for knob in as_recorded(settings).knobs] == ["VERIFIER_CAP"] * 2 + [
        "put back the old batch size"
    ]
    assert as_recorded(settings).rollout.deployed_at == DEPLOY
    assert len(settings.knobs) == 5


def test_when_the_knobs_of_a_claim_are_used_up_the_old_build_is_next(settings):
    for minutes, (name, value) in enumerate(
        [("VERIFIER_CAP", "30000"), ("VERIFIER_CAP", "25000"), ("VERIFIER_SHARE", "0.25")]
    ):
        set_knob(settings, name, value, at=DEPLOY + timedelta(minutes=100 + 60 * minutes))
    found = find_steps_back(
        settings, failing(settings, "timeouts drop"), open_ledger(settings).read()
    )
    assert [step.kind for step in found] == ["rollback"]
    assert found[0].note == (
        "turned before, without effect: VERIFIER_CAP 45000 -> 30000, VERIFIER_CAP 30000 -> 25000, VERIFIER_SHARE 0.35 -> 0.25; "
        "the old build keeps its OLD environment variables: none that was changed since is in it"
    )
    assert found[0].because == "timeouts drop: not_met."


# ---- the old build ---------------------------------------------------------------------------------------------------
def record_known(settings, number: int, at, **more) -> None:
    found = Deployment(
        at, "production", "vercel", deployment_id=f"dpl_{number}", previous_id=f"dpl_{number - 1}"
    )
    open_ledger(settings).append(
        "deploy",
        {
            "effective_at": at,
            "environment": "production",
            "deployment_id": found.deployment_id,
            "previous_id": found.previous_id,
            **more,
        },
    )


def test_a_roll_back_names_knobs_first_and_then_the_exact_commands(settings):
    record_known(settings, 7, DEPLOY, role="first", stage=False)
    found = find_steps_back(
        settings,
        failing(settings, "cron ends in time", verdict="roll_back"),
        open_ledger(settings).read(),
    )
    assert [step.kind for step in found] == ["environment", "code", "rollback"]
    assert found[0].commands[1] == "vercel redeploy dpl_7 --target production"
    last = found[-1]
    assert last.commands == (
        "vercel rollback dpl_6",
        "rollout deploy --at TIME --stage --config rollout.toml",
    )
    assert last.undo == (
        "vercel promote dpl_7",
        "rollout deploy --at TIME --stage --config rollout.toml",
    )
    assert last.note.startswith(
        "only when the steps above do not help; the old build keeps its OLD environment variables"
    )


def test_the_old_build_is_the_one_before_the_deploy_not_before_the_last(settings):
    record_known(settings, 7, DEPLOY, role="first", stage=False)
    record_known(settings, 9, DEPLOY + 2 * HOUR, role="later", stage=True)
    last = find_steps_back(
        settings, failing(settings, verdict="roll_back"), open_ledger(settings).read()
    )[-1]
    assert last.commands[0] == "vercel rollback dpl_6"
    assert last.undo[0] == "vercel promote dpl_9"
    assert last.because == "because"


@pytest.mark.parametrize("how", ["nothing recorded", "a knob after it"])
def test_a_build_that_is_not_known_is_to_be_looked_up(settings, how):
    if how == "a knob after it":
        record_known(settings, 7, DEPLOY, role="first", stage=False)
        set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOY + HOUR)
    last = find_steps_back(
        settings, failing(settings, verdict="roll_back"), open_ledger(settings).read()
    )[-1]
    assert last.commands[0] == last.undo[0] == LIST_COMMAND
    assert last.commands[1] == (
        "vercel rollback dpl_6" if how == "a knob after it" else "vercel rollback DEPLOYMENT-BEFORE"
    )
    assert last.undo[1] == "vercel promote DEPLOYMENT-NOW"


# ---- turning one -----------------------------------------------------------------------------------------------------
def test_a_turned_knob_begins_a_stage_at_the_next_whole_hour(settings):
    turned = set_knob(
        settings, "VERIFIER_CAP", "30000", at=DEPLOY + 4 * HOUR + timedelta(minutes=3)
    )
    assert (turned.old, turned.new, turned.stage.number, turned.stage.start) == (
        45000,
        30000,
        2,
        DEPLOY + 5 * HOUR,
    )
    assert turned.stage.cause == "VERIFIER_CAP 45000 -> 30000"
    assert stages.find_marks(settings) == (
        stages.Mark(DEPLOY + 4 * HOUR + timedelta(minutes=3), "VERIFIER_CAP 45000 -> 30000"),
    )
    assert dict(open_ledger(settings).read().of("knob")[0].facts) == {
        "name": "VERIFIER_CAP",
        "from": 45000,
        "to": 30000,
        "effective_at": "2026-02-03T03:13:16Z",
        "stage": True,
    }


def test_without_a_time_it_is_turned_now(settings, clock_file):
    assert set_knob(settings, "VERIFIER_SHARE", "0.25").at == clock_file.now()


@pytest.mark.parametrize(
    ("name", "value", "at", "sentence"),
    [
        (
            "VERIFIER_CAPS",
            "1",
            None,
            r"'VERIFIER_CAPS' is not the env of a \[\[knob\]\]; did you mean 'VERIFIER_CAP'\?",
        ),
        ("VERIFIER_CAP", "many", None, "VERIFIER_CAP = 'many' is no number"),
        ("VERIFIER_CAP", "inf", None, "is no number"),
        (
            "VERIFIER_CAP",
            "45000.0",
            None,
            "VERIFIER_CAP stands at 45000.0 already; nothing was recorded",
        ),
        (
            "VERIFIER_CAP",
            "30000",
            DEPLOY - HOUR,
            "give a time after the deploy at 2026-02-02T23:10:16Z and not in the future",
        ),
        ("VERIFIER_CAP", "30000", DEPLOY + 11 * HOUR, "not in the future"),
        ("VERIFIER_CAP", "Bearer planted-7Hq2LmX9", None, "is no number"),
    ],
)
def test_what_cannot_be_turned(settings, name, value, at, sentence):
    with pytest.raises(WrongUse, match=sentence) as caught:
        set_knob(settings, name, value, at=at)
    assert "planted" not in str(caught.value)
    assert open_ledger(settings).read().events == ()


def test_changes_are_recorded_in_their_order(settings):
    set_knob(settings, "VERIFIER_CAP", "30000", at=DEPLOY + 5 * HOUR)
    with pytest.raises(
        WrongUse, match=r"lies before stage 2 .VERIFIER_CAP 45000 -> 30000, 2026-02-03T04:10:16Z"
    ):
        set_knob(settings, "VERIFIER_SHARE", "0.25", at=DEPLOY + 3 * HOUR)
    with pytest.raises(WrongUse, match="changes are recorded in their order"):
        record_deploy(settings, at=DEPLOY + 4 * HOUR, new_stage=True)


def test_a_knob_needs_a_deploy_and_a_file_with_knobs(make_settings, clock_file):
    with pytest.raises(WrongUse, match="no deploy is recorded"):
        set_knob(make_settings(KNOBS), "VERIFIER_CAP", "30000")
    with pytest.raises(WrongUse, match=r"rollout.toml has no \[\[knob\]\]"):
        set_knob(make_settings(), "VERIFIER_CAP", "30000")


def test_a_knob_of_words(make_settings, clock_file):
    settings = make_settings(
        '[[knob]]\nwhen = "timeouts drop"\nenv = "MODEL"\nfrom = "large"\nto = "small"',
        deployed_at=DEPLOYED,
    )
    clock_file.advance(HOUR)
    assert set_knob(settings, "MODEL", "small").new == "small"
    with pytest.raises(WrongUse, match="looks like a secret or personal data") as caught:
        set_knob(settings, "MODEL", "postgresql://anna:planted-7Kq@db/app")
    assert "planted" not in str(caught.value)


# ---- the slice -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cap_ms", "min_ms", "share", "total_ms", "timeout_ms"),
    [
        (45000, 8000, 0.35, 120000, 42000),
        (45000, 8000, 0.35, 30000, 10500),
        (30000, 8000, 0.35, 120000, 30000),
        (45000, 8000, 0.25, 120000, 30000),
        (45000, 8000, 0.25, 30000, 8000),
        (10000, 3000, 0.2, 120000, 10000),
        (10000, 3000, 0.2, 30000, 6000),
        (999999, 1, 0.99, 100000, 80000),
        (999999, 1, 0.01, 100000, 5000),
        (5000, 8000, 0.5, 1000, 5000),
        (999999, 1, 0.333333, 10000, 3333),
    ],
)
def test_the_slice_of_a_budget(cap_ms, min_ms, share, total_ms, timeout_ms):
    assert (
        slice_timeout_ms(cap_ms=cap_ms, min_ms=min_ms, share=share, total_ms=total_ms) == timeout_ms
    )


def test_the_files_slice_is_the_same(settings):
    knob = next(knob for knob in settings.knobs if knob.slice)
    assert knob.new_cap_ms == 30000
