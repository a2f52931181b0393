"""The whole rollout, played: a real PostgreSQL, a real npm project, a real application behind an advisory lock, a clock that is set."""

import json
from datetime import timedelta

import pytest

from analysis.deployment import smoke
from analysis.deployment.completed import count_completed
from analysis.deployment.deployment import record_deploy
from analysis.deployment.handoff import find_handoff
from analysis.deployment.preflight import run_preflight
from analysis.deployment.watch import find_standing, run_due
from analysis.files import write_json, write_text
from analysis.history import stages
from analysis.history.knobs import as_recorded, set_knob
from analysis.history.ledger import open_ledger
from analysis.judge import Rollout
from tests.deployment.application import SECRET, run_application
from tests.deployment.smoke_checks import COMPLETES, CRON, OVERLAP, REFUSES
from tests.deployment.test_preflight import STEPS
from tests.deployment.world import BASELINE_DAYS, DEPLOY, FEATURE, HOUR, World, make_rows

STORY = f"""
[baseline]
days = {BASELINE_DAYS}

[ledger]
who = "on call"

[[knob]]
when = "cron ends in time"
env = "BACKGROUND_JOB_CRON_LIMIT"
from = 20
to = 10

{STEPS}
{CRON}
{REFUSES.replace("?trace=${TRACE}", "")}
{OVERLAP}
{COMPLETES.replace("draft.verify.email.step3", FEATURE)}
"""
DUE = timedelta(seconds=90)


@pytest.fixture
def application(database, monkeypatch):
    with run_application(database) as running:
        monkeypatch.setenv("APP_URL", running.url)
        monkeypatch.setenv("CRON_SECRET", SECRET)
        monkeypatch.setenv("TEST_SOURCE_URL", database.url)
        monkeypatch.setattr(smoke, "POLL_S", 0.05)
        monkeypatch.setattr(running, "feature", FEATURE)
        yield running


def run_look(settings):
    """The judge's look, written as a report writes it, without the notebook."""

    def run(look):
        with Rollout(as_recorded(settings)) as rollout:
            result = rollout.look(look.label, first_hour=look.first_hour).result
        write_text(settings.paths.window(look.label, stage=look.stage).page, f"<p>{look.label}</p>")
        write_json(settings.paths.window(look.label, stage=look.stage).result, result)
        return result

    return run


def begin(settings, world) -> None:
    """Preflight, baseline, deploy, smoke."""
    world.advance_to(DEPLOY - HOUR)
    run_preflight(settings).check()
    with Rollout(settings) as rollout:
        assert rollout.baseline.calls > 0
    world.advance_to(DEPLOY + timedelta(minutes=2))
    assert record_deploy(settings, at=DEPLOY).role == "first"
    smoke.run_smokes(
        settings, count_completed=lambda feature, since: count_completed(settings, feature, since)
    ).check()


def verdict_at(settings, world, instant) -> str:
    world.advance_to(instant)
    report = run_due(settings, run_look(settings))
    assert report.failed == ()
    assert len(report.made) == 1
    return report.made[0].verdict


def test_a_good_rollout_from_preflight_to_hand_over(
    make_settings, clock_file, database, application, project
):
    settings = make_settings(STORY)
    world = World(database, clock_file, make_rows())
    begin(settings, world)
    assert find_handoff(settings).state == "deployed at 2026-02-02T23:10:16Z, no look yet"
    assert verdict_at(settings, world, DEPLOY + HOUR + DUE) in ("keep_watching", "improved")
    assert verdict_at(settings, world, DEPLOY + 4 * HOUR + DUE) in ("keep_watching", "improved")
    assert not find_handoff(settings).is_complete
    assert verdict_at(settings, world, DEPLOY + 24 * HOUR + DUE) == "sustained"
    handoff = find_handoff(settings)
    assert (handoff.is_complete, handoff.exit_code, handoff.missing, handoff.steps_back) == (
        True,
        0,
        (),
        (),
    )
    events = [event.event for event in open_ledger(settings).read().events]
    assert events == ["preflight"] * 2 + ["deploy"] + ["smoke"] * 4 + ["look"] * 3
    kept = "".join(
        path.read_text(errors="replace") for path in settings.outputs.rglob("*") if path.is_file()
    )
    for planted in (SECRET, database.url):
        assert planted not in kept


def test_a_bad_one_is_rolled_back_by_a_knob_and_mended(
    make_settings, clock_file, database, application, project
):
    settings = make_settings(STORY)
    world = World(database, clock_file, make_rows(slow_cron=(1, 5)))
    begin(settings, world)
    assert verdict_at(settings, world, DEPLOY + HOUR + DUE) in ("keep_watching", "improved")
    assert verdict_at(settings, world, DEPLOY + 4 * HOUR + DUE) == "roll_back"
    standing = find_standing(settings)
    assert (standing.is_over, standing.last.exit_code) == (True, 1)
    handoff = find_handoff(settings)
    assert [step.what for step in handoff.steps_back] == [
        "turn BACKGROUND_JOB_CRON_LIMIT from 20 to 10",
        "put the build before the deploy back",
    ]
    world.advance_to(DEPLOY + 4 * HOUR + timedelta(minutes=30))
    turned = set_knob(settings, "BACKGROUND_JOB_CRON_LIMIT", "10")
    assert (turned.stage.number, turned.stage.start) == (2, DEPLOY + 5 * HOUR)
    assert verdict_at(settings, world, DEPLOY + 6 * HOUR + DUE) in ("keep_watching", "improved")
    assert verdict_at(settings, world, DEPLOY + 9 * HOUR + DUE) in ("keep_watching", "improved")
    assert verdict_at(settings, world, DEPLOY + 29 * HOUR + DUE) == "sustained"
    handoff = find_handoff(settings)
    assert handoff.is_complete
    assert handoff.state.startswith(
        "stage 2 (BACKGROUND_JOB_CRON_LIMIT 20 -> 10), sustained at the look of 24h"
    )
    result = json.loads(
        (settings.outputs / "stage-2" / "windows" / "24h" / "result.json").read_text()
    )
    assert (result["look"]["start"], result["look"]["end"]) == (
        "2026-02-03T04:10:16Z",
        "2026-02-04T04:10:16Z",
    )
    assert [mark.text for mark in stages.find_marks(settings)] == [
        "BACKGROUND_JOB_CRON_LIMIT 20 -> 10"
    ]
    assert [event.facts["verdict"] for event in open_ledger(settings).read().of("look")][
        1
    ] == "roll_back"
