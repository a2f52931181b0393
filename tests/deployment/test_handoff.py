"""The hand-over: where it stands at each step of a rollout, complete only when sustained, on one screen."""

import json
from datetime import timedelta

import pytest
from rich.console import Console

from analysis.clock import parse_instant
from analysis.deployment.deployment import record_deploy
from analysis.deployment.handoff import find_handoff
from analysis.deployment.preflight import run_preflight
from analysis.deployment.terminal import print_handoff
from analysis.deployment.watch import run_due
from analysis.files import write_json, write_text
from analysis.history.knobs import set_knob
from analysis.history.ledger import open_ledger
from tests.deployment.watched import result_of

DEPLOY = parse_instant("2026-02-02T23:10:16Z")
HOUR = timedelta(hours=1)
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
MISSING_AT_FIRST = (
    "preflight step 'lint' was not run",
    "the baseline is not frozen: run 'rollout baseline'",
    "the deploy is not recorded: run 'rollout deploy'",
)


def finding(name: str, state: str, **more) -> dict:
    shape = {
        "name": name,
        "finding": state,
        "feature": "draft.verify",
        "source": None,
        "metric": "timeout_rate",
        "claim": "falls",
        "by": 0.5,
        "baseline": {"calls": 888, "events": 798, "value": 0.8986},
        "post": {"calls": 160, "events": 23, "value": 0.1437},
        "parts": [],
        "sentence": f"{name} is {state}.",
    }
    return shape | more


CRON = finding(
    "cron ends in time",
    "undecided",
    metric="cron_over_budget_rate",
    claim="below",
    limit=0.05,
    by=None,
    source="background-job/*",
    baseline={"calls": 60, "events": 0, "value": 0.0},
    post={"calls": 60, "events": 1, "value": 0.0167},
)


def looks(settings, verdict: str, **more):
    """Looks that write what a report writes."""

    def run_look(look):
        result = result_of(
            look, verdict, expectations=[finding("timeouts drop", "met")], guardrails=[CRON], **more
        )
        write_text(settings.paths.window(look.label, stage=look.stage).page, "<p></p>")
        write_json(settings.paths.window(look.label, stage=look.stage).result, result)
        return result

    return run_look


def on_screen(handoff, width: int = 100) -> str:
    console = Console(width=width, record=True, highlight=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    print_handoff(handoff, console)
    return console.export_text()


@pytest.fixture
def settings(make_settings, clock_file):
    return make_settings(STEPS)


def freeze(settings) -> None:
    settings.paths.baseline.path.mkdir(parents=True, exist_ok=True)
    settings.paths.baseline_counts.write_bytes(b"PAR1")


def smoke(settings, state: str = "passed") -> None:
    facts = {
        "name": "health",
        "kind": "http",
        "environment": "production",
        "state": state,
        "reason": "answered 200 in 0.10 s",
    }
    open_ledger(settings).append("smoke", facts)


# ---- step by step ----------------------------------------------------------------------------------------------------
def test_before_anything_it_says_what_is_missing(settings):
    handoff = find_handoff(settings)
    assert (handoff.state, handoff.verdict, handoff.exit_code, handoff.is_complete) == (
        "not deployed yet",
        None,
        3,
        False,
    )
    assert handoff.missing == MISSING_AT_FIRST
    assert (
        handoff.evidence,
        handoff.next_due,
        handoff.valid_until,
        handoff.would_change,
        handoff.steps_back,
    ) == ((), None, None, (), ())


def test_after_the_deploy_it_says_when_the_first_look_is_due(settings, clock_file):
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(HOUR / 2)
    handoff = find_handoff(settings)
    assert handoff.state == "deployed at 2026-02-02T23:10:16Z, no look yet"
    assert handoff.next_due == ("1h", DEPLOY + HOUR + timedelta(seconds=90))
    assert handoff.missing == (
        "smoke check 'health' was not run since the deploy",
        "the look of 1h is due at 2026-02-03T00:11:46Z",
    )
    assert [(evidence.step, evidence.state) for evidence in handoff.evidence] == [
        ("preflight: lint", "passed"),
        ("baseline", "frozen"),
        ("deploy", "first"),
    ]


def test_an_improvement_is_not_yet_a_hand_over(settings, clock_file):
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOY)
    smoke(settings)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "improved"))
    handoff = find_handoff(settings)
    assert handoff.state == "improved at the look of 4h: 4h says improved"
    assert (handoff.verdict, handoff.exit_code, handoff.is_complete) == ("improved", 0, False)
    assert handoff.missing == (
        "the look of 24h is due at 2026-02-03T23:11:46Z",
        "the verdict is 'improved', not 'sustained'",
    )
    assert [line.replace("\u202f", " ") for line in handoff.would_change] == [
        "timeouts drop: 14.4 % now, 89.9 % before; turns above 44.9 %",
        "cron ends in time: 1.7 % now, 0.0 % before; turns above 5.0 %",
    ]
    assert handoff.not_checked == ("cron ends in time: undecided",)
    assert handoff.valid_until == DEPLOY + 24 * HOUR + timedelta(seconds=90)
    assert handoff.steps_back == ()
    assert [evidence.href for evidence in handoff.evidence][-2:] == [
        "windows/1h/report.html",
        "windows/4h/report.html",
    ]


def test_sustained_is_complete(settings, clock_file):
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOY)
    smoke(settings)
    clock_file.advance(25 * HOUR)
    run_due(
        settings, looks(settings, "improved")
    )  # the last of them is recorded as sustained below
    open_ledger(settings).append(
        "look",
        {
            "window": "24h",
            "stage": 1,
            "number": 3,
            "planned": 3,
            "start": "2026-02-02T23:10:16Z",
            "end": "2026-02-03T23:10:16Z",
            "verdict": "sustained",
            "exit_code": 0,
            "reason": "it lasted",
        },
    )
    handoff = find_handoff(settings)
    assert (handoff.is_complete, handoff.exit_code, handoff.missing, handoff.next_due) == (
        True,
        0,
        (),
        None,
    )
    assert handoff.valid_until == DEPLOY + 24 * HOUR + timedelta(days=7)
    assert "complete" in on_screen(handoff).splitlines() or "missing" not in on_screen(handoff)


def test_a_roll_back_says_what_to_do_and_how_to_undo_it(settings, clock_file):
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(5 * HOUR)
    advice = [
        {
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
    ]
    run_due(settings, looks(settings, "roll_back", advice=advice))
    handoff = find_handoff(settings)
    assert (handoff.verdict, handoff.exit_code) == ("roll_back", 1)
    assert [step.kind for step in handoff.steps_back] == ["environment", "rollback"]
    text = on_screen(handoff, width=200)
    assert "1. turn CAP_MS from 45000 to 30000" in text
    assert "A cap of 30 s would cut off 31 %." in text
    assert "$ printf %s 30000 | vercel env add CAP_MS production --force" in text
    assert "undo: printf %s 45000 | vercel env add CAP_MS production --force" in text
    assert "vercel rollback" in text
    assert "OLD environment variables" in text


def test_after_a_knob_the_new_stage_is_told(settings, clock_file):
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "roll_back"))
    set_knob(settings, "CAP_MS", "30000")
    handoff = find_handoff(settings)
    assert (
        handoff.state == "stage 2 (CAP_MS 45000 -> 30000), from 2026-02-03T04:10:16Z, no look yet"
    )
    assert [(mark.text) for mark in handoff.changes] == ["CAP_MS 45000 -> 30000"]
    clock_file.advance(30 * HOUR)
    run_due(settings, looks(settings, "sustained"))
    handoff = find_handoff(settings)
    assert handoff.state.startswith("stage 2 (CAP_MS 45000 -> 30000), sustained at the look of 1h")
    assert handoff.evidence[-1].href == "stage-2/windows/1h/report.html"


# ---- what nobody looked at -------------------------------------------------------------------------------------------
def test_what_was_not_checked(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(5 * HOUR)
    record_deploy(settings, at=DEPLOY + 2 * HOUR)
    open_ledger(settings).append("schema_push_due", {"command": "npx prisma db push"})
    checks = [
        {"name": "retention", "state": "warning", "detail": "rows older than 30 days are gone"}
    ]
    run_due(settings, looks(settings, "improved", checks=checks))
    with open_ledger(settings).path.open("ab") as file:
        file.write(b'{"torn')
    assert find_handoff(settings).not_checked == (
        "no [[preflight]] is declared: what was deployed was not linted or built by us",
        "no [[smoke]] is declared: nobody asked the running application anything",
        "cron ends in time: undecided",
        "retention: rows older than 30 days are gone",
        "whether the schema push was done, due since 2026-02-03T04:10:16Z: npx prisma db push",
        "deployment 2026-02-03T01:10:16Z at 2026-02-03T01:10:16Z has no stage of its own: looks mix it in",
        "line 6 of the ledger is torn (a crash while it was written, or a change by hand); it is kept and not counted",
    )


@pytest.mark.parametrize(
    ("checked", "deployed", "told"),
    [
        ("abc1234def", "abc1234", False),
        ("abc1234def+changes", "abc1234def", True),
        ("abc1234def", "999aaaa", True),
    ],
)
def test_another_commit_than_the_checked_one_is_told(
    make_settings, clock_file, checked, deployed, told
):
    settings = make_settings(STEPS)
    open_ledger(settings).append(
        "preflight", {"name": "lint", "state": "passed", "commit": checked}
    )
    open_ledger(settings).append(
        "deploy",
        {"effective_at": DEPLOY, "environment": "production", "role": "first", "commit": deployed},
    )
    assert (
        any("preflight ran on commit" in line for line in find_handoff(settings).not_checked)
        is told
    )


@pytest.mark.parametrize(
    ("claim", "turn"),
    [
        ({"claim": "falls", "by": None}, "turns above 89.9 %"),
        ({"claim": "rises", "by": 0.1}, "turns below 98.8 %"),
        ({"claim": "stays_zero"}, "turns above 0.0 %"),
        ({"claim": "no_worse", "margin": 0.1}, "turns above 98.8 %"),
        ({"claim": "below", "limit": 0.95}, "turns above 95.0 %"),
    ],
)
def test_where_each_claim_turns(settings, claim, turn):
    from analysis.text.thresholds import say_turning_points

    (line,) = say_turning_points(settings, {"expectations": [finding("x", "met", **claim)]})
    assert line.replace("\u202f", " ").endswith(turn)


def test_a_claim_of_parts_turns_at_each(settings):
    from analysis.text.thresholds import say_turning_points

    parts = [
        finding("x", "met", metric="http_5xx_rate"),
        finding("x", "undecided", metric="recovered_rate", claim="rises", by=None),
    ]
    lines = list(
        say_turning_points(
            settings, {"expectations": [finding("x", "met", metric=None, claim=None, parts=parts)]}
        )
    )
    assert [line.split(":")[0] for line in lines] == ["x (http_5xx_rate)", "x (recovered_rate)"]


def test_a_result_that_is_gone_or_another_is_not_guessed(settings, clock_file):
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(2 * HOUR)
    run_due(settings, looks(settings, "improved"))
    result = settings.outputs / "windows" / "1h" / "result.json"
    result.write_text(json.dumps({"verdict": "sustained"}))
    assert find_handoff(settings).would_change == ()
    result.unlink()
    assert find_handoff(settings).verdict == "improved"


# ---- shown -----------------------------------------------------------------------------------------------------------
def test_it_fits_one_screen(settings, clock_file):
    run_preflight(settings)
    freeze(settings)
    record_deploy(settings, at=DEPLOY)
    smoke(settings)
    clock_file.advance(5 * HOUR)
    run_due(settings, looks(settings, "roll_back"))
    text = on_screen(find_handoff(settings), width=120)
    assert len(text.splitlines()) <= 45
    assert text.splitlines()[:2] == [
        "A phase (phase)",
        "roll back at the look of 1h: 1h says roll_back",
    ]


def test_as_json_it_is_one_object(settings, clock_file):
    record_deploy(settings, at=DEPLOY)
    handoff = find_handoff(settings)
    content = json.loads(json.dumps(handoff.as_json()))
    assert content["next_due"] == ["1h", "2026-02-03T00:11:46Z"]
    assert content["evidence"][0]["at"] == "2026-02-02T23:10:16Z"
    assert content["exit_code"] == 3
