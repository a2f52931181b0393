"""The hand-over: where it stands at each step of a rollout, complete only when sustained."""

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from analysis.cli.app import print_json
from analysis.cli.handoff_output import handoff_lines
from analysis.deployment.deploy import record_deploy
from analysis.deployment.handoff import find_handoff
from analysis.deployment.looks import run_due
from analysis.deployment.preflight import run_preflight
from analysis.history.events import (
    DeployEvent,
    LookEvent,
    PreflightEvent,
    SchemaPushEvent,
    SmokeEvent,
)
from analysis.history.knobs import set_knob
from analysis.history.ledger import open_ledger
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.quick_looks import result_of, write_look

DELAY = timedelta(seconds=90)
STEPS = """
[[preflight]]
name = "lint"
run = "echo fine"

[[smoke]]
name = "health"
kind = "http"
url = "https://app.example/health"

[[knob]]
when = "timeouts drop"
env = "CAP_MS"
from = 45000
to = 30000
cap_ms = 30000
"""
ADVICE = {
    "knob": "CAP_MS",
    "kind": "environment",
    "from": 45000,
    "to": 30000,
    "because": "timeouts drop is worse.",
    "claim": "timeouts drop",
    "predicted": {
        "cut_off_share": 0.31,
        "interval": [0.25, 0.37],
        "sentence": "A cap of 30 s would cut off 31 %.",
    },
}
TIMEOUTS = {
    "name": "timeouts drop",
    "finding": "met",
    "feature": "draft.verify",
    "metric": "timeout_rate",
    "claim": "falls",
    "by": 0.5,
    "unit": "share",
    "baseline": {"calls": 888, "events": 798, "value": 0.8986},
    "post": {"calls": 160, "events": 23, "value": 0.1437},
    "sentence": "Timeouts fell.",
}
CRON = {
    "name": "cron ends in time",
    "finding": "undecided",
    "feature": "draft.verify",
    "source": "background-job/*",
    "metric": "cron_over_budget_rate",
    "claim": "below",
    "limit": 0.05,
    "unit": "share",
    "baseline": {"calls": 60, "events": 0, "value": 0.0},
    "post": {"calls": 60, "events": 1, "value": 0.0167},
    "sentence": "One minute in sixty was over the budget.",
}


def looks(settings, verdict, **more):
    """Looks that write what a report writes, with one claim met and one undecided."""

    def run_look(look):
        result = result_of(look, verdict, expectations=[TIMEOUTS], guardrails=[CRON], **more)
        write_look(settings, look, result)
        return result

    return run_look


def on_screen(handoff) -> str:
    return "\n".join(handoff_lines(handoff))


@pytest.fixture
def settings(make_settings, clock_file):
    return make_settings(STEPS)


def freeze(settings) -> None:
    settings.paths.baseline_counts.parent.mkdir(parents=True)
    settings.paths.baseline_counts.write_bytes(b"PAR1")


def pass_smoke(settings) -> None:
    smoke = SmokeEvent(
        name="health", kind="http", environment="production", state="passed", reason="200"
    )
    open_ledger(settings).append(smoke)


def begin(settings) -> None:
    """Everything that comes before the first look."""
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOYED_AT)
    pass_smoke(settings)


# ---- step by step ----------------------------------------------------------------------------
def test_before_anything_it_lists_what_is_missing(settings):
    handoff = find_handoff(settings)
    assert (handoff.state, handoff.verdict, handoff.exit_code) == ("not deployed yet", None, 3)
    assert not handoff.is_complete
    assert handoff.missing == (
        "preflight step 'lint' was not run",
        "the baseline is not frozen: run 'rollout baseline'",
        "the deploy is not recorded: run 'rollout deploy'",
    )
    assert (handoff.next_due, handoff.valid_until) == (None, None)
    assert (handoff.evidence, handoff.would_change, handoff.steps_back) == ((), (), ())


def test_after_the_deploy_it_says_when_the_first_look_is_due(settings, clock_file):
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(HOUR / 2)
    handoff = find_handoff(settings)
    assert handoff.state == "deployed at 2026-02-02T23:10:16Z, no look yet"
    assert handoff.next_due == ("1h", DEPLOYED_AT + HOUR + DELAY)
    assert handoff.missing == (
        "smoke check 'health' was not run since the deploy",
        "the look of 1h is due at 2026-02-03T00:11:46Z",
    )
    assert [(evidence.step, evidence.state) for evidence in handoff.evidence] == [
        ("preflight: lint", "passed"),
        ("baseline", "frozen"),
        ("deploy", "first"),
    ]


def test_an_improvement_is_not_yet_complete(settings, clock_file):
    begin(settings)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "improved"))
    handoff = find_handoff(settings)
    assert handoff.state == "improved at the look of 4h: 4h says improved"
    assert (handoff.verdict, handoff.exit_code, handoff.is_complete) == ("improved", 0, False)
    assert handoff.missing == (
        "the look of 24h is due at 2026-02-03T23:11:46Z",
        "the verdict is 'improved', not 'sustained'",
    )
    timeouts, cron = (line.replace("\u202f", " ") for line in handoff.would_change)
    assert timeouts.startswith("timeouts drop: 14.4 % now, 89.9 % before")
    assert timeouts.endswith("44.9 %")
    assert cron.startswith("cron ends in time: 1.7 % now")
    assert handoff.not_checked == ("cron ends in time: undecided",)
    assert handoff.valid_until == DEPLOYED_AT + 24 * HOUR + DELAY
    assert handoff.steps_back == ()
    pages = [evidence.href for evidence in handoff.evidence][-2:]
    assert pages == ["windows/1h/report.html", "windows/4h/report.html"]


def test_sustained_is_complete(settings, clock_file):
    begin(settings)
    clock_file.advance(25 * HOUR)
    run_due(settings, looks(settings, "improved"))
    sustained = LookEvent(
        window="24h",
        start=DEPLOYED_AT,
        end=DEPLOYED_AT + 24 * HOUR,
        verdict="sustained",
        exit_code=0,
        reason="it lasted",
    )
    open_ledger(settings).append(sustained)
    handoff = find_handoff(settings)
    assert (handoff.is_complete, handoff.exit_code, handoff.missing) == (True, 0, ())
    assert handoff.next_due is None
    assert handoff.valid_until == DEPLOYED_AT + 24 * HOUR + timedelta(days=7)
    assert "missing" not in on_screen(handoff)


def test_a_roll_back_has_the_steps_and_their_undo(settings, clock_file):
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "roll_back", advice=[ADVICE]))
    handoff = find_handoff(settings)
    assert (handoff.verdict, handoff.exit_code) == ("roll_back", 1)
    assert [step.kind for step in handoff.steps_back] == ["environment", "rollback"]
    text = on_screen(handoff)
    for shown in (
        "1. turn CAP_MS from 45000 to 30000",
        "A cap of 30 s would cut off 31 %.",
        "$ printf %s 30000 | vercel env add CAP_MS production --force",
        "undo: printf %s 45000 | vercel env add CAP_MS production --force",
        "vercel rollback",
        "OLD environment variables",
    ):
        assert shown in text


def test_after_a_knob_the_new_stage_is_shown(settings, clock_file):
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "roll_back"))
    set_knob(settings, "CAP_MS", "30000")
    handoff = find_handoff(settings)
    stage = "stage 2 (CAP_MS 45000 -> 30000)"
    assert handoff.state == f"{stage}, from 2026-02-03T04:10:16Z, no look yet"
    assert [mark.text for mark in handoff.changes] == ["CAP_MS 45000 -> 30000"]
    clock_file.advance(30 * HOUR)
    run_due(settings, looks(settings, "sustained"))
    handoff = find_handoff(settings)
    assert handoff.state.startswith(f"{stage}, sustained at the look of 1h")
    assert handoff.evidence[-1].href == "stage-2/windows/1h/report.html"


# ---- what nobody checked ---------------------------------------------------------------------
def test_what_was_not_checked(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(5 * HOUR)
    record_deploy(settings, at=DEPLOYED_AT + 2 * HOUR)
    open_ledger(settings).append(SchemaPushEvent(command="npx prisma db push"))
    check = {"name": "retention", "state": "warning", "detail": "rows after 30 days are gone"}
    run_due(settings, looks(settings, "improved", checks=[check]))
    with open_ledger(settings).path.open("ab") as file:
        file.write(b'{"torn')
    preflight, smoke, cron, retention, push, deploy, line = find_handoff(settings).not_checked
    assert "no [[preflight]]" in preflight
    assert "no [[smoke]]" in smoke
    assert cron == "cron ends in time: undecided"
    assert retention == "retention: rows after 30 days are gone"
    assert "schema push" in push
    assert "2026-02-03T04:10:16Z: npx prisma db push" in push
    assert "at 2026-02-03T01:10:16Z has no stage of its own" in deploy
    assert "line 6 of the ledger is unreadable" in line


@pytest.mark.parametrize(
    ("checked", "deployed", "is_reported"),
    [
        ("abc1234def", "abc1234", False),
        ("abc1234def+changes", "abc1234def", True),
        ("abc1234def", "999aaaa", True),
    ],
)
def test_another_commit_than_the_checked_one_is_reported(
    make_settings, clock_file, checked, deployed, is_reported
):
    settings = make_settings(STEPS)
    ledger = open_ledger(settings)
    ledger.append(PreflightEvent(name="lint", state="passed", commit=checked))
    deploy = DeployEvent(
        effective_at=DEPLOYED_AT, environment="production", role="first", commit=deployed
    )
    ledger.append(deploy)
    lines = find_handoff(settings).not_checked
    assert any("preflight ran on commit" in line for line in lines) is is_reported


def test_a_result_that_is_gone_or_another_is_not_guessed(settings, clock_file):
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(2 * HOUR)
    run_due(settings, looks(settings, "improved"))
    result = settings.paths.window("1h").result
    result.write_text(json.dumps({"verdict": "sustained"}))
    assert find_handoff(settings).would_change == ()
    result.unlink()
    assert find_handoff(settings).verdict == "improved"


# ---- shown -----------------------------------------------------------------------------------
def test_it_fits_one_screen(settings, clock_file):
    begin(settings)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "roll_back"))
    lines = on_screen(find_handoff(settings)).splitlines()
    assert len(lines) <= 45
    assert lines[:2] == ["A phase (phase)", "roll back at the look of 1h: 1h says roll_back"]


def test_as_json_it_is_one_object(settings, clock_file, capsys):
    record_deploy(settings, at=DEPLOYED_AT)
    print_json(asdict(find_handoff(settings)))
    content = json.loads(capsys.readouterr().out)
    assert content["next_due"] == ["1h", "2026-02-03T00:11:46Z"]
    assert content["evidence"][0]["at"] == "2026-02-02T23:10:16Z"
    assert content["exit_code"] == 3
