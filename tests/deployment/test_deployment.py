"""Recording deployments: the first, a preview, a second inside the monitoring, a new stage; and what stages and looks follow."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.clock import parse_instant
from analysis.deployment import vercel
from analysis.deployment.deployment import newest_preview, record_deploy
from analysis.errors import WrongUse
from analysis.history import stages
from analysis.history.ledger import open_ledger
from analysis.history.stages import Mark, PlannedLook, Stage
from analysis.window import Window
from tests.deployment.local_server import Reply
from tests.deployment.npm_project import git

DEPLOY = parse_instant("2026-02-02T23:10:16Z")
HOUR = timedelta(hours=1)


def facts_of(settings) -> list[dict]:
    return [dict(event.facts) for event in open_ledger(settings).read().of("deploy")]


# ---- the first -------------------------------------------------------------------------------------------------------
def test_the_first_deployment(make_settings, clock_file):
    settings = make_settings()
    assert stages.deployed_at(settings) is None
    assert stages.current_stage(settings) is None
    assert stages.plan_looks(settings) == ()
    clock_file.advance(HOUR)
    recorded = record_deploy(settings, at=DEPLOY)
    assert (recorded.role, recorded.stage, recorded.warnings) == (
        "first",
        Stage(1, DEPLOY, DEPLOY, "deploy"),
        (),
    )
    assert facts_of(settings) == [
        {
            "effective_at": "2026-02-02T23:10:16Z",
            "environment": "production",
            "origin": "--at",
            "role": "first",
            "stage": False,
        }
    ]
    assert stages.deployed_at(settings) == DEPLOY
    assert stages.with_recorded_deploy(settings).rollout.deployed_at == DEPLOY
    assert settings.rollout.deployed_at is None


def test_without_a_time_it_happened_now(make_settings, clock_file):
    clock_file.set("2026-02-02T23:10:16.789Z")
    record_deploy(make_settings())
    assert stages.deployed_at(make_settings()) == parse_instant("2026-02-02T23:10:16.789Z")


def test_the_same_deployment_twice_is_one(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    again = record_deploy(settings, at=DEPLOY)
    assert again.role == "known"
    assert "recorded already, at 2026-02-02T23:10:16Z; nothing was added" in again.notes[0]
    assert len(facts_of(settings)) == 1


def test_a_file_and_a_ledger_that_differ_are_an_error(make_settings, clock_file):
    record_deploy(make_settings(), at=DEPLOY)
    with pytest.raises(
        WrongUse,
        match=r"deployed_at is 2026-02-02T23:10:00Z, the ledger has the deploy at 2026-02-02T23:10:16Z",
    ) as caught:
        stages.deployed_at(make_settings(deployed_at="2026-02-02T23:10:00Z"))
    assert caught.value.exit_code == 2
    assert stages.deployed_at(make_settings(deployed_at="2026-02-03T00:10:16+01:00")) == DEPLOY


def test_a_deploy_that_is_not_the_files_is_refused_and_not_recorded(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T22:00:00Z")
    with pytest.raises(
        WrongUse, match=r"remove deployed_at from rollout.toml to record this one, or use --stage"
    ):
        record_deploy(settings, at=DEPLOY)
    assert facts_of(settings) == []
    assert record_deploy(settings, at=DEPLOY - timedelta(minutes=70, seconds=16)).role == "first"


def test_a_wrong_instant_can_be_corrected(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY - HOUR)
    record_deploy(settings, at=DEPLOY, correct=True)
    assert stages.deployed_at(settings) == DEPLOY
    assert [stage.number for stage in stages.find_stages(settings)] == [1]
    assert stages.find_marks(settings) == ()
    assert facts_of(settings)[1]["corrects"] is True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"at": DEPLOY + HOUR}, "lies in the future"),
        ({"environment": "staging"}, "environment 'staging' is not known"),
        (
            {"origin": "netlify"},
            "--from 'netlify' is not known; write vercel, vercel-cli FILE or git TAG",
        ),
        ({"origin": "git"}, "--from git needs a TAG"),
        ({"origin": "vercel-cli"}, "--from vercel-cli needs a FILE"),
        ({"new_stage": True}, "--stage needs a monitoring that has begun"),
        ({"origin": "git", "argument": "v9"}, "has no tag 'v9'"),
        ({"origin": "git", "argument": "--upload-pack=x"}, "has no tag"),
    ],
)
def test_what_cannot_be_recorded(make_settings, clock_file, arguments, sentence):
    settings = make_settings()
    with pytest.raises(WrongUse, match=sentence.replace("[", r"\[")):
        record_deploy(settings, **arguments)
    assert facts_of(settings) == []


# ---- where from ------------------------------------------------------------------------------------------------------
def test_from_vercel(make_settings, clock_file, server, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", "vcp-planted-7Hq2LmX9")
    monkeypatch.setattr(vercel, "FIRST_WAIT_S", 0.01)
    ready = int(DEPLOY.timestamp() * 1000)
    listed = [
        {
            "uid": f"dpl_{number}",
            "url": f"app-{number}.vercel.app",
            "created": ready - number,
            "ready": ready - number,
            "state": "READY",
            "target": "production",
            "meta": {"githubCommitSha": "abc1234"},
        }
        for number in (0, 1)
    ]
    server.answer_in_turn(Reply(content={"deployments": listed, "pagination": {}}))
    settings = make_settings(f'[deployment]\nproject_id = "prj_1"\napi_url = "{server.url}"')
    recorded = record_deploy(settings, origin="vercel")
    assert (
        "the deployment before it was ready at 2026-02-02T23:10:15.999Z; if that is the one to judge"
        in recorded.notes[0]
    )
    assert facts_of(settings) == [
        {
            "effective_at": "2026-02-02T23:10:16Z",
            "environment": "production",
            "origin": "vercel",
            "deployment_id": "dpl_0",
            "url": "https://app-0.vercel.app",
            "commit": "abc1234",
            "previous_id": "dpl_1",
            "previous_at": "2026-02-02T23:10:15.999Z",
            "role": "first",
            "stage": False,
        }
    ]
    assert record_deploy(settings, origin="vercel").role == "known"
    assert "planted" not in open_ledger(settings).path.read_text()


def test_from_a_table_of_hours_a_time_is_needed(make_settings, clock_file, tmp_path):
    listed = tmp_path / "listed.txt"
    listed.write_text("  2h   https://app-1.vercel.app   ● Ready   Production   1m   dev\n")
    settings = make_settings()
    with pytest.raises(
        WrongUse, match="says only that it was created 2h ago; give the ready time with --at TIME"
    ):
        record_deploy(settings, origin="vercel-cli", argument=str(listed))
    record_deploy(settings, origin="vercel-cli", argument=str(listed), at=DEPLOY)
    assert facts_of(settings)[0]["url"] == "https://app-1.vercel.app"
    assert stages.deployed_at(settings) == DEPLOY


@pytest.mark.parametrize("annotated", [True, False])
def test_from_a_tag_of_git(make_settings, clock_file, tmp_path, annotated, monkeypatch):
    checkout = tmp_path / "app"
    checkout.mkdir()
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-02T20:00:00Z")
    git(checkout, "init", "-q")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "first")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-02T21:00:00Z")
    git(checkout, "tag", *(("-a", "-m", "deployed") if annotated else ()), "v1")
    settings = make_settings('[application]\ncheckout = "app"')
    recorded = record_deploy(settings, origin="git", argument="v1")
    assert stages.deployed_at(settings) == datetime(2026, 2, 2, 21 if annotated else 20, tzinfo=UTC)
    assert recorded.deployment.commit == git(checkout, "rev-parse", "HEAD")
    assert "the instant is the tag's" in recorded.notes[0]


# ---- preview ---------------------------------------------------------------------------------------------------------
def test_a_preview_is_recorded_and_is_no_deploy(make_settings, clock_file, tmp_path):
    listed = tmp_path / "listed.txt"
    listed.write_text("  2m   https://app-p.vercel.app   ● Ready   Preview   1m   dev\n")
    settings = make_settings()
    recorded = record_deploy(
        settings, origin="vercel-cli", argument=str(listed), at=DEPLOY, environment="preview"
    )
    assert (recorded.role, recorded.stage, recorded.warnings) == ("preview", None, ())
    assert stages.deployed_at(settings) is None
    assert newest_preview(settings).facts["url"] == "https://app-p.vercel.app"
    assert "has no URL" in record_deploy(settings, at=DEPLOY, environment="preview").warnings[0]


# ---- a second one, stages, looks -------------------------------------------------------------------------------------
def test_a_second_deployment_inside_the_monitoring_is_warned_about_and_marked(
    make_settings, clock_file
):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(3 * HOUR)
    recorded = record_deploy(settings, at=DEPLOY + 2 * HOUR)
    assert recorded.role == "later"
    assert (
        "a second deployment at 2026-02-03T01:10:16Z, inside the monitoring" in recorded.warnings[0]
    )
    assert facts_of(settings)[1] | {"origin": 0} == {
        "effective_at": "2026-02-03T01:10:16Z",
        "environment": "production",
        "origin": 0,
        "role": "later",
        "stage": False,
        "inside_monitoring": True,
    }
    assert stages.deployed_at(settings) == DEPLOY
    assert stages.find_marks(settings) == (
        Mark(DEPLOY + 2 * HOUR, "deployment 2026-02-03T01:10:16Z"),
    )
    assert stages.current_stage(settings).number == 1


def test_a_deployment_after_the_monitoring_is_another_rollout(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(30 * HOUR)
    assert "came after the monitoring" in record_deploy(settings, at=DEPLOY + 25 * HOUR).warnings[0]


def test_a_deployment_before_the_first_is_refused(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    with pytest.raises(
        WrongUse, match="is older than the recorded one at 2026-02-02T23:10:16Z; use --correct"
    ):
        record_deploy(settings, at=DEPLOY - HOUR)


def test_a_stage_begins_at_the_next_whole_hour_of_the_grid(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    clock_file.advance(10 * HOUR)
    recorded = record_deploy(settings, at=DEPLOY + 4 * HOUR + timedelta(minutes=20), new_stage=True)
    assert recorded.warnings == ()
    assert recorded.stage == Stage(
        2,
        DEPLOY + 5 * HOUR,
        DEPLOY + 4 * HOUR + timedelta(minutes=20),
        "deployment 2026-02-03T03:30:16Z",
    )
    assert (recorded.stage.number, stages.find_stages(settings)[0].number) == (2, 1)
    looks = stages.plan_looks(settings)
    settle = timedelta(seconds=90)
    assert looks == (
        PlannedLook("1h", 1, 0, Window(DEPLOY, DEPLOY + HOUR), DEPLOY + HOUR + settle, 1, 3),
        PlannedLook(
            "4h", 1, 0, Window(DEPLOY, DEPLOY + 4 * HOUR), DEPLOY + 4 * HOUR + settle, 2, 3
        ),
        PlannedLook(
            "1h",
            2,
            5,
            Window(DEPLOY + 5 * HOUR, DEPLOY + 6 * HOUR),
            DEPLOY + 6 * HOUR + settle,
            1,
            3,
        ),
        PlannedLook(
            "4h",
            2,
            5,
            Window(DEPLOY + 5 * HOUR, DEPLOY + 9 * HOUR),
            DEPLOY + 9 * HOUR + settle,
            2,
            3,
        ),
        PlannedLook(
            "24h",
            2,
            5,
            Window(DEPLOY + 5 * HOUR, DEPLOY + 29 * HOUR),
            DEPLOY + 29 * HOUR + settle,
            3,
            3,
        ),
    )
    assert stages.monitoring_ends_at(settings) == DEPLOY + 29 * HOUR + settle


def test_the_same_deployment_can_become_a_stage_later(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOY)
    clock_file.advance(3 * HOUR)
    record_deploy(settings, at=DEPLOY + 2 * HOUR)
    assert record_deploy(settings, at=DEPLOY + 2 * HOUR, new_stage=True).stage.number == 2
    assert record_deploy(settings, at=DEPLOY + 2 * HOUR, new_stage=True).role == "known"
    assert [stage.start for stage in stages.find_stages(settings)] == [DEPLOY, DEPLOY + 2 * HOUR]


def test_changes_within_an_hour_are_one_stage(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    clock_file.advance(10 * HOUR)
    for minutes in (130, 150, 200):
        record_deploy(settings, at=DEPLOY + timedelta(minutes=minutes), new_stage=True)
    assert [(stage.number, stage.start) for stage in stages.find_stages(settings)] == [
        (1, DEPLOY),
        (2, DEPLOY + 3 * HOUR),
        (3, DEPLOY + 4 * HOUR),
    ]
    assert (
        stages.find_stages(settings)[1].cause
        == "deployment 2026-02-03T01:20:16Z, deployment 2026-02-03T01:40:16Z"
    )
