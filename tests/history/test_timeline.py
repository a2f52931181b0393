"""The deploy, the stages and the planned looks, by rollout.toml and the ledger."""

from datetime import timedelta

import pytest

from analysis.errors import WrongUse
from analysis.history.events import DeployEvent, KnobEvent
from analysis.history.ledger import open_ledger
from analysis.history.timeline import (
    ChangeMark,
    PlannedLook,
    Stage,
    read_timeline,
    with_recorded_deploy,
)
from analysis.window import Window
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR

DELAY = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)


def record(settings, *events) -> None:
    for event in events:
        open_ledger(settings).append(event)


def deploy(at, *, role="first", stage=False, **facts) -> DeployEvent:
    return DeployEvent(effective_at=at, environment="production", role=role, stage=stage, **facts)


def turn(at, name="CAP") -> KnobEvent:
    return KnobEvent(name=name, old=2, new=1, effective_at=at)


def test_before_a_deploy_there_is_nothing(make_settings, clock_file):
    timeline = read_timeline(make_settings())
    assert (timeline.deployed_at, timeline.stage, timeline.ends_at) == (None, None, None)
    assert (timeline.looks, timeline.marks, timeline.first_hour) == ((), (), 0)


def test_a_recorded_deploy_is_known(make_settings, clock_file):
    settings = make_settings()
    record(settings, deploy(DEPLOYED_AT))
    timeline = read_timeline(settings)
    assert timeline.stages == (Stage(1, DEPLOYED_AT, DEPLOYED_AT, "deploy"),)
    assert timeline.marks == ()
    assert with_recorded_deploy(settings).rollout.deployed_at == DEPLOYED_AT
    assert settings.rollout.deployed_at is None


def test_a_preview_is_no_deploy(make_settings, clock_file):
    settings = make_settings()
    preview = DeployEvent(effective_at=DEPLOYED_AT, environment="preview", role="preview")
    record(settings, preview)
    assert read_timeline(settings).deployed_at is None


def test_a_corrected_deploy_counts_and_the_wrong_one_is_no_change(make_settings, clock_file):
    settings = make_settings()
    record(settings, deploy(DEPLOYED_AT - HOUR), deploy(DEPLOYED_AT, corrects=True))
    timeline = read_timeline(settings)
    assert timeline.deployed_at == DEPLOYED_AT
    assert ([stage.number for stage in timeline.stages], timeline.marks) == ([1], ())


def test_a_file_and_a_ledger_with_different_deploys_are_an_error(make_settings, clock_file):
    record(make_settings(), deploy(DEPLOYED_AT))
    with pytest.raises(WrongUse, match=r"is 2026-02-02T23:10:00Z, but the ledger has .*23:10:16Z"):
        read_timeline(make_settings(deployed_at="2026-02-02T23:10:00Z"))
    same = make_settings(deployed_at="2026-02-03T00:10:16+01:00")
    assert read_timeline(same).deployed_at == DEPLOYED_AT


def test_a_stage_begins_at_the_next_whole_hour_from_the_deploy(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    changed_at, start = DEPLOYED_AT + 4 * HOUR + 20 * MINUTE, DEPLOYED_AT + 5 * HOUR
    record(settings, deploy(changed_at, role="later", stage=True))
    timeline = read_timeline(settings)
    assert timeline.stage == Stage(2, start, changed_at, "deployment 2026-02-03T03:30:16Z")
    assert (timeline.first_hour, timeline.ends_at) == (5, start + 24 * HOUR + DELAY)

    def planned(label, stage, begin, hours, number):
        window = Window(begin, begin + hours * HOUR)
        first_hour = 0 if stage == 1 else 5
        return PlannedLook(label, stage, first_hour, window, window.end + DELAY, number, 3)

    assert timeline.looks == (
        planned("1h", 1, DEPLOYED_AT, 1, 1),
        planned("4h", 1, DEPLOYED_AT, 4, 2),
        planned("1h", 2, start, 1, 1),
        planned("4h", 2, start, 4, 2),
        planned("24h", 2, start, 24, 3),
    )


def test_changes_within_an_hour_are_one_stage(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    changes = [DEPLOYED_AT + minutes * MINUTE for minutes in (130, 150, 200)]
    record(settings, *(turn(at, name=f"CAP_{n}") for n, at in enumerate(changes)))
    stages = read_timeline(settings).stages
    assert [(stage.number, stage.start) for stage in stages] == [
        (1, DEPLOYED_AT),
        (2, DEPLOYED_AT + 3 * HOUR),
        (3, DEPLOYED_AT + 4 * HOUR),
    ]
    assert stages[1].cause == "CAP_0 2 -> 1, CAP_1 2 -> 1"


def test_later_changes_are_marked(make_settings, clock_file):
    settings = make_settings()
    record(
        settings,
        deploy(DEPLOYED_AT),
        turn(DEPLOYED_AT + 3 * HOUR),
        deploy(DEPLOYED_AT + 2 * HOUR, role="later", deployment_id="dpl_2"),
    )
    timeline = read_timeline(settings)
    assert timeline.marks == (
        ChangeMark(DEPLOYED_AT + 2 * HOUR, "deployment dpl_2"),
        ChangeMark(DEPLOYED_AT + 3 * HOUR, "CAP 2 -> 1"),
    )
    assert timeline.stage.number == 2


def test_a_change_before_the_newest_stage_is_refused(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    record(settings, turn(DEPLOYED_AT + 5 * HOUR))
    timeline = read_timeline(settings)
    with pytest.raises(WrongUse, match=r"before stage 2 \(CAP 2 -> 1, 2026-02-03T04:10:16Z\)"):
        timeline.refuse_before_newest_stage(DEPLOYED_AT + 4 * HOUR)
    timeline.refuse_before_newest_stage(DEPLOYED_AT + 6 * HOUR)
