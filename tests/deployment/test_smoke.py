"""Smoke checks of a real server with an advisory lock: passes, races, completed calls, previews."""

import json
import threading

import pytest

from analysis.deployment import smoke_checks
from analysis.deployment.deploy import record_deploy
from analysis.deployment.smoke import run_smokes
from analysis.errors import WrongUse
from analysis.history.events import SmokeEvent
from analysis.history.ledger import open_ledger
from tests.fixtures.application_with_lock import SECRET, somebody_holds_the_lock
from tests.fixtures.http_server import Reply
from tests.fixtures.smoke_tables import COMPLETES, CRON, OVERLAP, REFUSES, failure_of


# ---- the four checks of the example ----------------------------------------------------------
def test_a_sound_application_passes_every_check(make_settings, application):
    settings = make_settings(CRON + REFUSES + OVERLAP + COMPLETES + '[ledger]\nwho = "on call"')
    shown = []
    report = run_smokes(settings, on_result=shown.append)
    assert [(result.name, result.state) for result in report.results] == [
        ("cron runs with its secret", "passed"),
        ("cron refuses a call without secret", "passed"),
        ("two close calls, one is locked out", "passed"),
        ("a regenerated draft completes", "passed"),
    ]
    assert report.results[2].answers[0]["status"] == 200
    report.check()
    assert tuple(shown) == report.results
    assert len(application.runs) == 2
    assert application.server.asked[-1].body == b'{"draft": "latest"}'


def test_what_the_ledger_keeps(make_settings, application):
    settings = make_settings(OVERLAP)
    run_smokes(settings)
    (event,) = open_ledger(settings).read().events(SmokeEvent)
    facts = event.facts()
    answers = facts.pop("answers")
    assert facts.pop("seconds") > 0
    assert facts == {
        "name": "two close calls, one is locked out",
        "kind": "overlap",
        "environment": "production",
        "state": "passed",
        "reason": "1 of 2 calls matched, as expected",
        "notes": [],
        "url": "${APP_URL}/api/cron/background-jobs",
    }
    assert sorted(answer["matched"] for answer in answers) == [False, True]
    assert all(answer.keys() == {"status", "seconds", "bytes", "matched"} for answer in answers)


def test_a_newer_build_that_only_dispatches_passes(make_settings, application):
    application.dispatch_only = True
    run_smokes(make_settings(CRON + OVERLAP)).check()


# ---- a race that did not happen --------------------------------------------------------------
def test_a_missed_race_is_tried_again_and_noted(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    monkeypatch.setenv("CRON_SECRET", SECRET)
    lock, seen = threading.Lock(), []

    def answer(asked):
        with lock:
            seen.append(asked)
            locked = len(seen) == 4
        return Reply(
            content={"success": True, "skipped": True, "reason": "locked"}
            if locked
            else {"success": True}
        )

    server.answer = answer
    (result,) = run_smokes(make_settings(OVERLAP)).results
    assert result.state == "passed"
    assert result.notes[0].startswith(
        "try 1: 0 of 2 calls matched, expected 1; all were open together for "
    )
    assert result.notes[-1] == "it passed at try 2 of 3"


def test_a_race_that_cannot_be_forced_fails(make_settings, server, monkeypatch):
    # on a busy machine even short calls overlap for a while
    monkeypatch.setattr(smoke_checks, "SHORTEST_OVERLAP_S", 30.0)
    monkeypatch.setenv("APP_URL", server.url)
    monkeypatch.setenv("CRON_SECRET", SECRET)
    server.answer = lambda asked: Reply(content={"success": True})
    assert "the calls are too short to overlap" in failure_of(run_smokes(make_settings(OVERLAP)))


def test_a_lock_that_somebody_else_holds_is_named(make_settings, application, database):
    with somebody_holds_the_lock(database):
        assert (
            "2 of 2 calls matched, expected 1, in 3 tries; something else holds the lock"
            in failure_of(run_smokes(make_settings(OVERLAP)))
        )


def test_a_call_that_fails_is_no_race(make_settings, application):
    replies = iter(
        [Reply(500), Reply(content={"success": True, "skipped": True, "reason": "locked"})]
    )
    lock = threading.Lock()

    def answer(asked):
        with lock:
            return next(replies)

    application.server.answer = answer
    assert "of 2 answered 500, expected 2xx" in failure_of(run_smokes(make_settings(OVERLAP)))


def test_ten_calls_of_which_nine_are_locked_out(make_settings, application):
    application.work_s = 1.0
    overlap = OVERLAP.replace("calls = 2", "calls = 10").replace("matches = 1", "matches = 9")
    run_smokes(make_settings(overlap)).check()
    assert len(application.runs) == 1


# ---- a call that completes -------------------------------------------------------------------
@pytest.mark.parametrize(
    "row",
    [
        {"status": "error", "latency_ms": 50},
        {"status": "success", "latency_ms": 60_000},
        {"status": "success", "latency_ms": 50, "ago_s": 5},
        {"status": "success", "latency_ms": 50, "feature": "draft.verify.email.step2"},
    ],
    ids=["failed", "started before", "ended before", "of another feature"],
)
def test_a_call_that_does_not_count(make_settings, application, row):
    application.server.answer = lambda asked: application.write_call(**row) or Reply(202)
    report = run_smokes(make_settings(COMPLETES.replace('"4s"', '"400ms"')))
    assert failure_of(report) == (
        "smoke check 'a regenerated draft completes' failed: no completed call of "
        "draft.verify.email.step3 started after the trigger within 0.4 s"
    )


def test_without_a_trigger_it_waits_for_whoever_does_it(make_settings, application):
    text = COMPLETES[: COMPLETES.index("[smoke.trigger]")]
    threading.Timer(
        0.3, application.write_call, kwargs={"status": "success", "latency_ms": 20}
    ).start()
    (result,) = run_smokes(make_settings(text)).results
    assert result.state == "passed"
    assert result.reason.startswith("1 completed call of draft.verify.email.step3 after 0.")


def test_a_trigger_that_is_refused_fails(make_settings, application):
    application.server.answer = lambda asked: Reply(403, {"why": SECRET})
    report = run_smokes(make_settings(COMPLETES))
    assert "failed: the trigger answered 403, expected 2xx" in failure_of(report)


def test_a_database_that_cannot_be_asked_fails_the_check(make_settings, application, monkeypatch):
    monkeypatch.setenv("TEST_SOURCE_URL", "postgresql://anna:planted-pw-5Rt@127.0.0.1:9/app")
    sentence = failure_of(run_smokes(make_settings(COMPLETES)))
    assert "planted" not in sentence


def test_a_variable_in_a_body_is_filled_in_as_it_is(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    monkeypatch.setenv("DRAFT", 'a "quoted" \\ ü')
    table = '[[smoke]]\nname = "one"\nkind = "http"\nmethod = "POST"\nurl = "${APP_URL}/"\n'
    run_smokes(make_settings(table + 'body = {draft = ["${DRAFT}!", 1]}')).check()
    assert json.loads(server.asked[0].body) == {"draft": ['a "quoted" \\ ü!', 1]}
    assert server.asked[0].headers["Content-Type"] == "application/json"


# ---- preview ---------------------------------------------------------------------------------
def test_a_preview_is_asked_where_it_was_recorded(
    make_settings, application, tmp_path, monkeypatch
):
    monkeypatch.delenv("APP_URL")
    monkeypatch.delenv("TRACE")
    settings = make_settings(
        CRON
        + REFUSES.replace("?trace=${TRACE}", "")
        + COMPLETES.replace("kind", 'environment = "production"\nkind')
        + '[deployment]\npreview_hosts = "127.0.0.1"'
    )
    with pytest.raises(WrongUse, match="no preview deployment with a URL is recorded"):
        run_smokes(settings, environment="preview")
    listed = tmp_path / "listed.txt"
    listed.write_text(f"  2m   {application.url}   ● Ready   Preview   1m   dev\n")
    record_deploy(settings, origin="vercel-cli", argument=str(listed), environment="preview")
    report = run_smokes(settings, environment="preview")
    assert [(result.name, result.state, result.environment) for result in report.results] == [
        ("cron runs with its secret", "passed", "preview"),
        ("cron refuses a call without secret", "passed", "preview"),
    ]
    with pytest.raises(WrongUse, match="needs the environment variable APP_URL"):
        run_smokes(settings)


def record_preview(settings, url) -> None:
    """A ledger that somebody edited: a preview with any address."""
    ledger = open_ledger(settings)
    line = {
        "schema": 1,
        "at": "2026-02-02T23:00:00.000Z",
        "event": "deploy",
        "effective_at": "2026-02-02T23:00:00.000Z",
        "environment": "preview",
        "role": "preview",
        "url": url,
    }
    ledger.path.parent.mkdir(parents=True, exist_ok=True)
    ledger.path.write_text(json.dumps(line) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    "address",
    [
        "{server}/?stolen=${{CRON_SECRET}}",
        "{server}/${{CRON_SECRET}}",
        "{server}?x=${{CRON_SECRET}}",
        "{server}#",
        "{server}/path",
        "http://${{CRON_SECRET}}.evil.example",
        "http://user:word@127.0.0.1:{port}",
        "http://app.vercel.app@127.0.0.1:{port}",
        "http://evil.example",
        "https://evil.example\\@app.vercel.app",
        "https://app.vercel.app\n.evil.example",
        "https://app.vercel.app%2f.evil.example",
        "https://app.vercel.app:0",
        "https://[::1",
        "https://vercel.app..evil.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//127.0.0.1:{port}",
    ],
)
def test_an_edited_address_of_a_preview_is_not_used(make_settings, application, address):
    """Nothing is sent: the line does not validate, is reported by its number and not used."""
    settings = make_settings(CRON + '[deployment]\npreview_hosts = "127.0.0.1"')
    port = application.url.rpartition(":")[2]
    record_preview(settings, address.format(server=application.url, port=port))
    assert open_ledger(settings).read().unreadable_lines == (1,)
    with pytest.raises(WrongUse, match="no preview deployment with a URL is recorded"):
        run_smokes(settings, environment="preview")
    assert application.server.asked == []


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        (None, '"*.vercel.app"'),
        ("https://evil.example", '"*.vercel.app"'),
        ("https://vercel.app", '"*.vercel.app"'),
        ("https://evilvercel.app", '"*.vercel.app"'),
        ("https://app.vercel.app.evil.example", '"*.vercel.app"'),
        ("https://app-2.vercel.app", '["app-1.vercel.app"]'),
    ],
)
def test_a_preview_on_another_host_gets_nothing(make_settings, application, address, hosts):
    settings = make_settings(CRON + f"[deployment]\npreview_hosts = {hosts}")
    record_preview(settings, address or application.url)
    with pytest.raises(WrongUse, match="not on a host of"):
        run_smokes(settings, environment="preview")
    assert application.server.asked == []


def test_a_variable_after_the_host_cannot_change_it(make_settings, application, monkeypatch):
    table = CRON.replace("/api/cron/background-jobs", "${REST}")
    settings = make_settings(table + '[deployment]\npreview_hosts = "127.0.0.1"')
    record_preview(settings, application.url)
    for rest in ("@evil.example/", ".evil.example/", "0/"):
        monkeypatch.setenv("REST", rest)
        assert "is not an http(s) URL" in failure_of(run_smokes(settings, environment="preview"))
    assert application.server.asked == []


def test_a_preview_that_redirects_elsewhere_is_not_followed(make_settings, server, monkeypatch):
    monkeypatch.setenv("CRON_SECRET", SECRET)
    settings = make_settings(CRON + '[deployment]\npreview_hosts = "127.0.0.1"')
    record_preview(settings, server.url)
    server.answer = lambda asked: Reply(307, headers={"Location": f"{server.url}/elsewhere"})
    assert "answered 307" in failure_of(run_smokes(settings, environment="preview"))
    assert [asked.path for asked in server.asked] == ["/api/cron/background-jobs"]
