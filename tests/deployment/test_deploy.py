"""Recording deployments: the first, a preview, a later one, and where each is known from."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from analysis.deployment.builds import vercel_api
from analysis.deployment.deploy import record_deploy
from analysis.errors import WrongUse
from analysis.history.events import DeployEvent
from analysis.history.ledger import open_ledger
from analysis.history.timeline import Stage, read_timeline
from tests.fixtures.clock_file import DEPLOYED_AT, HOUR
from tests.fixtures.http_server import Reply
from tests.fixtures.npm_project import git


def recorded(settings) -> list[dict]:
    return [deploy.facts() for deploy in open_ledger(settings).read().events(DeployEvent)]


# ---- the first -------------------------------------------------------------------------------
def test_the_first_deployment(make_settings, clock_file):
    settings = make_settings()
    clock_file.advance(HOUR)
    done = record_deploy(settings, at=DEPLOYED_AT)
    first_stage = Stage(1, DEPLOYED_AT, DEPLOYED_AT, "deploy")
    assert (done.role, done.stage, done.warnings) == ("first", first_stage, ())
    assert recorded(settings) == [
        {
            "effective_at": "2026-02-02T23:10:16Z",
            "environment": "production",
            "role": "first",
            "origin": "--at",
            "stage": False,
        }
    ]


def test_without_a_time_it_happened_now(make_settings, clock_file):
    clock_file.set("2026-02-02T23:10:16.789Z")
    record_deploy(make_settings())
    assert recorded(make_settings())[0]["effective_at"] == "2026-02-02T23:10:16.789Z"


def test_the_same_deployment_twice_is_one(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    again = record_deploy(settings, at=DEPLOYED_AT)
    assert again.role == "known"
    assert "was recorded at 2026-02-02T23:10:16Z; nothing was added" in again.notes[0]
    assert len(recorded(settings)) == 1


def test_another_deploy_than_that_of_the_file_is_refused(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T22:00:00Z")
    with pytest.raises(WrongUse, match=r"remove deployed_at from rollout.toml .* use --stage"):
        record_deploy(settings, at=DEPLOYED_AT)
    assert recorded(settings) == []
    at = DEPLOYED_AT - timedelta(minutes=70, seconds=16)
    assert record_deploy(settings, at=at).role == "first"


def test_a_wrong_instant_can_be_corrected(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT - HOUR)
    record_deploy(settings, at=DEPLOYED_AT, correct=True)
    assert read_timeline(settings).deployed_at == DEPLOYED_AT
    assert recorded(settings)[1]["corrects"] is True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"at": DEPLOYED_AT + HOUR}, "is in the future"),
        ({"origin": "git"}, "--from git needs a TAG"),
        ({"origin": "vercel-cli"}, "--from vercel-cli needs a FILE"),
        ({"new_stage": True}, "--stage needs a first deploy"),
        ({"origin": "git", "argument": "v9"}, "has no tag 'v9'"),
        ({"origin": "git", "argument": "--upload-pack=x"}, "has no tag"),
    ],
)
def test_what_cannot_be_recorded(make_settings, clock_file, arguments, sentence):
    settings = make_settings()
    with pytest.raises(WrongUse, match=re.escape(sentence)):
        record_deploy(settings, **arguments)
    assert recorded(settings) == []


# ---- where it is known from ------------------------------------------------------------------
def test_from_vercel(make_settings, clock_file, server, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", "vcp-planted-7Hq2LmX9")
    monkeypatch.setattr(vercel_api, "FIRST_WAIT_S", 0.01)
    ready = int(DEPLOYED_AT.timestamp() * 1000)
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
    done = record_deploy(settings, origin="vercel")
    assert "before it was ready at 2026-02-02T23:10:15.999Z; to judge that one" in done.notes[0]
    assert recorded(settings) == [
        {
            "effective_at": "2026-02-02T23:10:16Z",
            "environment": "production",
            "role": "first",
            "origin": "vercel",
            "deployment_id": "dpl_0",
            "url": "https://app-0.vercel.app",
            "commit": "abc1234",
            "previous_id": "dpl_1",
            "previous_at": "2026-02-02T23:10:15.999Z",
            "stage": False,
        }
    ]
    assert record_deploy(settings, origin="vercel").role == "known"
    assert "planted" not in open_ledger(settings).path.read_text()


def test_from_a_table_of_hours_a_time_is_needed(make_settings, clock_file, tmp_path):
    listed = tmp_path / "listed.txt"
    listed.write_text("  2h   https://app-1.vercel.app   ● Ready   Production   1m   dev\n")
    settings, argument = make_settings(), str(listed)
    with pytest.raises(WrongUse, match="created 2h ago; give the ready time with --at TIME"):
        record_deploy(settings, origin="vercel-cli", argument=argument)
    record_deploy(settings, origin="vercel-cli", argument=argument, at=DEPLOYED_AT)
    assert recorded(settings)[0]["url"] == "https://app-1.vercel.app"
    assert read_timeline(settings).deployed_at == DEPLOYED_AT


@pytest.mark.parametrize("is_annotated", [True, False])
def test_from_a_tag_of_git(make_settings, clock_file, tmp_path, is_annotated, monkeypatch):
    checkout = tmp_path / "app"
    checkout.mkdir()
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-02T20:00:00Z")
    git(checkout, "init", "-q")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "first")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-02T21:00:00Z")
    git(checkout, "tag", *(("-a", "-m", "deployed") if is_annotated else ()), "v1")
    settings = make_settings('[application]\ncheckout = "app"')
    done = record_deploy(settings, origin="git", argument="v1")
    assert done.effective_at == datetime(2026, 2, 2, 21 if is_annotated else 20, tzinfo=UTC)
    assert recorded(settings)[0]["commit"] == git(checkout, "rev-parse", "HEAD")
    assert "the instant is the tag's" in done.notes[0]


def test_a_preview_is_recorded_and_is_no_deploy(make_settings, clock_file, tmp_path):
    listed = tmp_path / "listed.txt"
    listed.write_text("  2m   https://app-p.vercel.app   ● Ready   Preview   1m   dev\n")
    settings = make_settings()
    done = record_deploy(
        settings,
        origin="vercel-cli",
        argument=str(listed),
        at=DEPLOYED_AT,
        environment="preview",
    )
    assert (done.role, done.stage, done.warnings) == ("preview", None, ())
    assert read_timeline(settings).deployed_at is None
    assert recorded(settings)[0]["url"] == "https://app-p.vercel.app"
    without_url = record_deploy(settings, at=DEPLOYED_AT, environment="preview")
    assert "has no URL" in without_url.warnings[0]


# ---- a second one ----------------------------------------------------------------------------
def test_a_second_deployment_inside_the_monitoring_is_a_warning(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(3 * HOUR)
    done = record_deploy(settings, at=DEPLOYED_AT + 2 * HOUR)
    assert done.role == "later"
    warning = "a second deployment at 2026-02-03T01:10:16Z, inside the monitoring"
    assert warning in done.warnings[0]
    second = recorded(settings)[1]
    assert (second["role"], second["stage"], second["inside_monitoring"]) == ("later", False, True)
    timeline = read_timeline(settings)
    assert (timeline.deployed_at, timeline.stage.number) == (DEPLOYED_AT, 1)


def test_a_deployment_after_the_monitoring_is_another_rollout(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(30 * HOUR)
    done = record_deploy(settings, at=DEPLOYED_AT + 25 * HOUR)
    assert "came after the monitoring" in done.warnings[0]


def test_a_deployment_before_the_first_is_refused(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    with pytest.raises(WrongUse, match="older than the recorded one at 2026-02-02T23:10:16Z"):
        record_deploy(settings, at=DEPLOYED_AT - HOUR)


def test_the_same_deployment_can_become_a_stage_later(make_settings, clock_file):
    settings = make_settings()
    record_deploy(settings, at=DEPLOYED_AT)
    clock_file.advance(3 * HOUR)
    at = DEPLOYED_AT + 2 * HOUR
    record_deploy(settings, at=at)
    staged = record_deploy(settings, at=at, new_stage=True)
    assert (staged.stage.number, staged.stage.start, staged.warnings) == (2, at, ())
    assert record_deploy(settings, at=at, new_stage=True).role == "known"


def test_stages_are_recorded_in_their_order(make_settings, clock_file):
    settings = make_settings(deployed_at="2026-02-02T23:10:16Z")
    clock_file.advance(10 * HOUR)
    record_deploy(settings, at=DEPLOYED_AT + 5 * HOUR, new_stage=True)
    with pytest.raises(WrongUse, match="record changes in their order"):
        record_deploy(settings, at=DEPLOYED_AT + 4 * HOUR, new_stage=True)
