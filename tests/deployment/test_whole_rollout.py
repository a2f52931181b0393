"""Whole rollouts with a real PostgreSQL, npm project and application, and a clock that is set."""

import json
from datetime import timedelta

import pytest

from analysis.deployment.deploy import record_deploy
from analysis.deployment.handoff import find_handoff
from analysis.deployment.looks import find_standing, run_due
from analysis.deployment.preflight import run_preflight
from analysis.deployment.smoke import run_smokes
from analysis.history.events import LookEvent
from analysis.history.knobs import set_knob, with_history
from analysis.history.ledger import open_ledger
from analysis.history.timeline import read_timeline
from analysis.results.model import LookResult
from analysis.rollout import Rollout
from tests.fixtures.application_with_lock import SECRET
from tests.fixtures.calls_over_time import FEATURE, GrowingTable, make_rows
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.quick_looks import write_look
from tests.fixtures.rollout_steps import WHOLE_ROLLOUT

DELAY = timedelta(seconds=90)
NOT_DECIDED_YET = ("keep_watching", "improved")


@pytest.fixture
def settings(make_settings, application, project, monkeypatch):
    monkeypatch.setattr(application, "feature", FEATURE)
    return make_settings(WHOLE_ROLLOUT)


def judged_looks(settings):
    """The judge's look, written as a report writes it, without the notebook."""

    def run_look(look):
        with Rollout(with_history(settings)) as rollout:
            judged = rollout.look(look.label, first_hour=look.first_hour).result
        result = LookResult.model_validate(judged)
        write_look(settings, look, result)
        return result

    return run_look


def begin(settings, table) -> None:
    """Preflight, baseline, deploy, smoke."""
    table.advance_to(DEPLOYED_AT - HOUR)
    run_preflight(settings).check()
    with Rollout(settings) as rollout:
        assert rollout.baseline.calls > 0
    table.advance_to(DEPLOYED_AT + timedelta(minutes=2))
    assert record_deploy(settings, at=DEPLOYED_AT).role == "first"
    run_smokes(settings).check()


def verdict_at(settings, table, hours) -> str:
    """The verdict of the one look that is due that many hours after the deploy."""
    table.advance_to(DEPLOYED_AT + hours * HOUR + DELAY)
    report = run_due(settings, judged_looks(settings))
    assert report.failed == ()
    (made,) = report.made
    return made.verdict


def test_a_good_rollout_from_preflight_to_hand_over(settings, clock_file, database):
    table = GrowingTable(database, clock_file, make_rows())
    begin(settings, table)
    assert find_handoff(settings).state == "deployed at 2026-02-02T23:10:16Z, no look yet"
    assert verdict_at(settings, table, 1) in NOT_DECIDED_YET
    assert verdict_at(settings, table, 4) in NOT_DECIDED_YET
    assert not find_handoff(settings).is_complete
    assert verdict_at(settings, table, 24) == "sustained"
    handoff = find_handoff(settings)
    assert (handoff.is_complete, handoff.exit_code) == (True, 0)
    assert (handoff.missing, handoff.steps_back) == ((), ())
    names = [entry.name for entry in open_ledger(settings).read().entries]
    assert names == ["preflight"] * 2 + ["deploy"] + ["smoke"] * 4 + ["look"] * 3
    files = [path for path in settings.outputs.rglob("*") if path.is_file()]
    kept = "".join(path.read_text(errors="replace") for path in files)
    for planted in (SECRET, database.url):
        assert planted not in kept


def test_a_bad_one_is_rolled_back_by_a_knob_and_fixed(settings, clock_file, database):
    table = GrowingTable(database, clock_file, make_rows(slow_cron=(1, 5)))
    begin(settings, table)
    assert verdict_at(settings, table, 1) in NOT_DECIDED_YET
    assert verdict_at(settings, table, 4) == "roll_back"
    standing = find_standing(read_timeline(settings))
    assert (standing.is_over, standing.last.exit_code) == (True, 1)
    steps = [step.what for step in find_handoff(settings).steps_back]
    assert steps == [
        "turn BACKGROUND_JOB_CRON_LIMIT from 20 to 10",
        "go back to the build before the deploy",
    ]
    table.advance_to(DEPLOYED_AT + 4 * HOUR + timedelta(minutes=30))
    turned = set_knob(settings, "BACKGROUND_JOB_CRON_LIMIT", "10")
    assert (turned.stage.number, turned.stage.start) == (2, DEPLOYED_AT + 5 * HOUR)
    assert verdict_at(settings, table, 6) in NOT_DECIDED_YET
    assert verdict_at(settings, table, 9) in NOT_DECIDED_YET
    assert verdict_at(settings, table, 29) == "sustained"
    handoff = find_handoff(settings)
    assert handoff.is_complete
    stage = "stage 2 (BACKGROUND_JOB_CRON_LIMIT 20 -> 10)"
    assert handoff.state.startswith(f"{stage}, sustained at the look of 24h")
    result = json.loads(settings.paths.window("24h", stage=2).result.read_text())
    window = (result["look"]["start"], result["look"]["end"])
    assert window == ("2026-02-03T04:10:16Z", "2026-02-04T04:10:16Z")
    timeline = read_timeline(settings)
    assert [mark.text for mark in timeline.marks] == ["BACKGROUND_JOB_CRON_LIMIT 20 -> 10"]
    assert timeline.history.events(LookEvent)[1].verdict == "roll_back"
