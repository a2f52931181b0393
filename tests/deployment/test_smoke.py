"""Smoke checks against a real server with a PostgreSQL advisory lock behind it; and everything that must make them fail."""

import json
import threading
import time
from datetime import timedelta

import pytest

from analysis import clock
from analysis.deployment import smoke
from analysis.deployment.completed import count_completed
from analysis.deployment.deployment import record_deploy
from analysis.deployment.evidence import first_difference
from analysis.errors import StepFailed, WrongUse
from analysis.history.ledger import open_ledger
from tests.deployment.application import SECRET, run_application, somebody_holds_the_lock
from tests.deployment.local_server import Reply

CRON = """
[[smoke]]
name = "cron runs with its secret"
kind = "http"
url = "${APP_URL}/api/cron/background-jobs"
headers = {Authorization = "Bearer ${CRON_SECRET}"}
expect_status = [200, 202]
expect_json = {success = true}
timeout = "5s"
"""
REFUSES = """
[[smoke]]
name = "cron refuses a call without secret"
kind = "http"
url = "${APP_URL}/api/cron/background-jobs?trace=${TRACE}"
expect_status = 401
timeout = "5s"
"""
OVERLAP = """
[[smoke]]
name = "two close calls, one is locked out"
kind = "overlap"
url = "${APP_URL}/api/cron/background-jobs"
headers = {Authorization = "Bearer ${CRON_SECRET}"}
calls = 2
matches = 1
match_json = {skipped = true, reason = "locked"}
timeout = "5s"
"""
COMPLETES = """
[[smoke]]
name = "a regenerated draft completes"
kind = "completes"
feature = "draft.verify.email.step3"
trigger = {method = "POST", url = "${APP_URL}/api/drafts/regenerate", headers = {Authorization = "Bearer ${CRON_SECRET}"}, body = {draft = "latest"}}
timeout = "4s"
"""


def get(path: str, more: str = "") -> str:
    return f'[[smoke]]\nname = "one"\nkind = "http"\nurl = "${{APP_URL}}{path}"\ntimeout = "5s"\n{more}\n'


@pytest.fixture
def application(database, monkeypatch):
    with run_application(database) as running:
        monkeypatch.setenv("APP_URL", running.url)
        monkeypatch.setenv("CRON_SECRET", SECRET)
        monkeypatch.setenv("TRACE", "planted-trace-3Wz")
        monkeypatch.setenv("TEST_SOURCE_URL", database.url)
        monkeypatch.setattr(smoke, "POLL_S", 0.05)
        yield running


def run(settings, **arguments):
    arguments.setdefault("count_completed", lambda feature, since: count_completed(settings, feature, since))
    return smoke.run_smokes(settings, **arguments)


def the_failure(report) -> str:
    with pytest.raises(StepFailed) as caught:
        report.check()
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- the four checks of the example ----------------------------------------------------------------------------------
def test_a_sound_application_passes_every_check(make_settings, application):
    settings = make_settings(CRON + REFUSES + OVERLAP + COMPLETES + '[ledger]\nwho = "on call"')
    shown = []
    report = run(settings, show=shown.append)
    assert [(result.name, result.state) for result in report.results] == [
        ("cron runs with its secret", "passed"),
        ("cron refuses a call without secret", "passed"),
        ("two close calls, one is locked out", "passed"),
        ("a regenerated draft completes", "passed"),
    ]
    assert report.passed
    assert json.loads(json.dumps(report.as_json()))["results"][2]["evidence"][0]["status"] == 200
    report.check()
    assert tuple(shown) == report.results
    assert len(application.runs) == 2
    assert application.server.asked[-1].body == b'{"draft": "latest"}'


def test_what_the_ledger_keeps(make_settings, application):
    settings = make_settings(OVERLAP)
    run(settings)
    (event,) = open_ledger(settings).read().of("smoke")
    facts = dict(event.facts)
    answers = facts.pop("answers")
    assert facts.pop("seconds") > 0
    assert facts == {
        "name": "two close calls, one is locked out", "kind": "overlap", "environment": "production", "state": "passed",
        "reason": "1 of 2 calls matched, as expected", "notes": [], "url": "${APP_URL}/api/cron/background-jobs",
    }  # fmt: skip
    assert sorted(answer["matched"] for answer in answers) == [False, True]
    assert all(answer.keys() == {"status", "seconds", "bytes", "matched"} for answer in answers)


def test_a_newer_build_that_only_dispatches_passes(make_settings, application):
    application.dispatch_only = True
    assert run(make_settings(CRON + OVERLAP)).passed


# ---- what must fail --------------------------------------------------------------------------------------------------
def test_a_broken_lock_fails(make_settings, application):
    application.lock = "broken"
    report = run(make_settings(OVERLAP))
    assert the_failure(report) == (
        "smoke check 'two close calls, one is locked out' failed: 0 of 2 calls matched, expected 1, in 3 tries; "
        "two runs at once are possible"
    )
    assert len(application.runs) == 6
    assert report.results[0].notes[0].startswith("try 1: 0 of 2 calls matched, expected 1; all were open together for ")


def test_a_200_without_a_secret_fails(make_settings, application):
    application.asks_for_secret = False
    report = run(make_settings(CRON + REFUSES))
    assert [result.passed for result in report.results] == [True, False]
    assert the_failure(report) == "smoke check 'cron refuses a call without secret' failed: answered 200, expected 401"


def test_a_slow_one_fails_by_its_own_limit(make_settings, application):
    application.work_s = 2.0
    began = time.monotonic()
    report = run(make_settings(CRON.replace('"5s"', '"400ms"') + REFUSES))
    assert time.monotonic() - began < 1.8
    assert the_failure(report) == ("smoke check 'cron runs with its secret' failed: gave no whole answer within its limit of 0.4 s")
    assert report.results[1].passed


def test_a_drop_at_a_time_does_not_stretch_the_limit(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b" " * 500 + b"{}", drip_s=0.05)
    began = time.monotonic()
    report = run(make_settings(get("/").replace('"5s"', '"300ms"')))
    assert "gave no whole answer within its limit of 0.3 s" in the_failure(report)
    assert time.monotonic() - began < 2.0


def test_an_application_that_is_down_fails(make_settings, application, monkeypatch):
    monkeypatch.setenv("APP_URL", "http://127.0.0.1:9")
    report = run(make_settings(CRON + COMPLETES))
    assert "refused the connection (2 of 2 checks failed)" in the_failure(report)
    assert report.results[1].reason == "the trigger refused the connection"


def test_a_cut_connection_fails(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b"{" + b" " * 300, cut_after=20)
    assert "cut the connection before its answer was whole" in the_failure(run(make_settings(get("/"))))


def test_an_unknown_host_fails(make_settings, monkeypatch):
    monkeypatch.setenv("APP_URL", "http://nowhere.invalid")
    assert "its host name is not known" in the_failure(run(make_settings(get("/"))))


@pytest.mark.parametrize(
    ("more", "content", "reason"),
    [
        (
            "expect_json = {success = true}",
            {"success": False, "token": SECRET},
            "answered 200, but success is not true",
        ),
        ("expect_json = {success = true}", {"token": SECRET}, "answered 200, but success is missing"),
        ("expect_json = {success = true}", {"success": 1}, "answered 200, but success is not true"),
        ("expect_json = {a = {b = [1, {c = 2}]}}", {"a": {"b": [1, {"c": 3}]}}, "answered 200, but a.b[1].c is not 2"),
        ("expect_json = {a = 1}", b"<html>planted</html>", "answered something that is not JSON"),
        ("expect_json = {a = 1}", [1], "answered 200, but the answer is no JSON object"),
        ("expect_status = [201, 204]", {}, "answered 200, expected 201 or 204"),
    ],
)
def test_an_answer_that_is_not_as_expected(make_settings, server, monkeypatch, more, content, reason):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=content)
    assert the_failure(run(make_settings(get("/", more)))) == f"smoke check 'one' failed: {reason}"


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({}, {"a": 1}, None),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, None),
        ({"a": [1, 2]}, {"a": [1, 2]}, None),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, "a is no list of 2"),
        ({"a": False}, {"a": 0}, "a is not false"),
        ({"a": 1.0}, {"a": 1}, None),
        ({"a": "x"}, {"a": None}, 'a is not "x"'),
    ],
)
def test_what_differs_is_said_without_the_value(expected, actual, difference):
    assert first_difference(expected, actual) == difference


def test_an_endless_answer_is_left(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b" " * 3_000_000)
    assert "sent more than 2,000,000 bytes" in the_failure(run(make_settings(get("/"))))


def test_a_redirect_is_an_answer_and_is_not_followed(make_settings, application, server):
    application.server.answer = lambda asked: Reply(302, headers={"Location": f"{server.url}/login"})
    assert "answered 302, expected 200 or 202" in the_failure(run(make_settings(CRON)))
    assert server.asked == []


# ---- a race that did not happen --------------------------------------------------------------------------------------
def test_a_race_that_was_missed_is_tried_again_and_said(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    monkeypatch.setenv("CRON_SECRET", SECRET)
    lock, seen = threading.Lock(), []

    def answer(asked):
        with lock:
            seen.append(asked)
            locked = len(seen) == 4
        return Reply(content={"success": True, "skipped": True, "reason": "locked"} if locked else {"success": True})

    server.answer = answer
    (result,) = run(make_settings(OVERLAP)).results
    assert result.passed
    assert result.notes[0].startswith("try 1: 0 of 2 calls matched, expected 1; all were open together for ")
    assert result.notes[-1] == "it came out right at try 2 of 3"


def test_a_race_that_cannot_be_forced_fails_and_says_so(make_settings, server, monkeypatch):
    monkeypatch.setattr(smoke, "SHORTEST_MEETING_S", 30.0)  # on a busy machine even short calls meet for a while
    monkeypatch.setenv("APP_URL", server.url)
    monkeypatch.setenv("CRON_SECRET", SECRET)
    server.answer = lambda asked: Reply(content={"success": True})
    assert "the race could not be forced: the calls are too short to meet" in the_failure(run(make_settings(OVERLAP)))


def test_a_lock_that_somebody_else_holds_is_told_apart(make_settings, application, database):
    with somebody_holds_the_lock(database):
        assert "2 of 2 calls matched, expected 1, in 3 tries; something else holds the lock" in the_failure(run(make_settings(OVERLAP)))


def test_a_call_that_fails_is_no_race(make_settings, application):
    replies = iter([Reply(500), Reply(content={"success": True, "skipped": True, "reason": "locked"})])
    lock = threading.Lock()

    def answer(asked):
        with lock:
            return next(replies)

    application.server.answer = answer
    assert "of 2 answered 500, expected 2xx" in the_failure(run(make_settings(OVERLAP)))


def test_ten_calls_of_which_nine_are_locked_out(make_settings, application):
    application.work_s = 1.0
    report = run(make_settings(OVERLAP.replace("calls = 2", "calls = 10").replace("matches = 1", "matches = 9")))
    assert report.passed
    assert len(application.runs) == 1


# ---- a call that completes -------------------------------------------------------------------------------------------
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
    report = run(make_settings(COMPLETES.replace('"4s"', '"400ms"')))
    assert the_failure(report) == (
        "smoke check 'a regenerated draft completes' failed: no completed call of draft.verify.email.step3 started after "
        "the trigger within its limit of 0.4 s"
    )


def test_without_a_trigger_it_waits_for_whoever_does_it(make_settings, application):
    text = '[[smoke]]\nname = "by hand"\nkind = "completes"\nfeature = "draft.verify.email.step3"\ntimeout = "4s"'
    threading.Timer(0.3, application.write_call, kwargs={"status": "success", "latency_ms": 20}).start()
    (result,) = run(make_settings(text)).results
    assert result.passed
    assert result.reason.startswith("1 completed call of draft.verify.email.step3 after 0.")


def test_a_trigger_that_is_refused_fails(make_settings, application):
    application.server.answer = lambda asked: Reply(403, {"why": SECRET})
    report = run(make_settings(COMPLETES))
    assert "failed: the trigger answered 403, expected 2xx" in the_failure(report)


def test_a_database_that_cannot_be_asked_fails_the_check(make_settings, application, monkeypatch):
    monkeypatch.setenv("TEST_SOURCE_URL", "postgresql://anna:planted-pw-5Rt@127.0.0.1:9/app")
    sentence = the_failure(run(make_settings(COMPLETES)))
    assert "planted" not in sentence


# ---- preview ---------------------------------------------------------------------------------------------------------
def test_a_preview_is_asked_where_it_was_recorded(make_settings, application, tmp_path, monkeypatch):
    monkeypatch.delenv("APP_URL")
    monkeypatch.delenv("TRACE")
    settings = make_settings(CRON + REFUSES.replace("?trace=${TRACE}", "") + COMPLETES.replace("kind", 'environment = "production"\nkind'))
    with pytest.raises(WrongUse, match="no preview deployment with a URL is recorded"):
        run(settings, environment="preview")
    listed = tmp_path / "listed.txt"
    listed.write_text(f"  2m   {application.url}   ● Ready   Preview   1m   dev\n")
    record_deploy(settings, origin="vercel-cli", argument=str(listed), environment="preview")
    report = run(settings, environment="preview")
    assert [(result.name, result.passed, result.environment) for result in report.results] == [
        ("cron runs with its secret", True, "preview"), ("cron refuses a call without secret", True, "preview"),
    ]  # fmt: skip
    with pytest.raises(WrongUse, match="needs the environment variable APP_URL"):
        run(settings)


# ---- what must not be told -------------------------------------------------------------------------------------------
def test_a_variable_that_is_not_set_is_named_before_anything_is_sent(make_settings, application, monkeypatch):
    monkeypatch.delenv("TRACE")
    with pytest.raises(WrongUse, match="'cron refuses a call without secret' needs the environment variable TRACE; set it"):
        run(make_settings(CRON + REFUSES))
    assert application.server.asked == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CRON_SECRET", "planted\r\nX-Evil: 1"), ("CRON_SECRET", "plänted"), ("APP_URL", "ftp://planted"), ("APP_URL", "planted"), ("APP_URL", "http://user:planted@127.0.0.1"), ("APP_URL", "http://planted:99999"), ("APP_URL", "http://planted host")],
)  # fmt: skip
def test_a_value_that_cannot_be_sent_is_not_told(make_settings, application, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    settings = make_settings(CRON)
    sentence = the_failure(run(settings))
    assert "planted" not in sentence.replace("planted-cron", "")
    assert "pl" + "ä" not in sentence
    assert "planted" not in open_ledger(settings).path.read_text()
    assert application.server.asked == []


def test_planted_secrets_are_nowhere(make_settings, application, capsys, caplog, monkeypatch):
    import logging

    caplog.set_level(logging.DEBUG)
    settings = make_settings(CRON + REFUSES + OVERLAP + COMPLETES)
    texts = []
    for answer in (
        application.answer,
        lambda asked: Reply(500, {"why": SECRET}),
        lambda asked: Reply(content=SECRET.encode()),
    ):
        application.server.answer = answer
        report = run(settings)
        texts += [repr(report), *(result.reason for result in report.results)]
    texts += [path.read_text() for path in settings.outputs.rglob("*") if path.is_file()]
    texts += [*capsys.readouterr(), caplog.text]
    for planted in (SECRET, "planted-trace-3Wz", application.database.url):
        assert planted not in "".join(texts)


def test_no_check_for_an_environment_is_said(make_settings):
    with pytest.raises(WrongUse, match=r"has no \[\[smoke\]\] for production"):
        run(make_settings())


def test_the_trigger_is_the_moment_that_counts(make_settings, application, clock_file):
    clock_file.set("2026-02-02T23:10:16.500Z")
    application.write_call(status="success", latency_ms=0)
    assert count_completed(make_settings(), "draft.verify.email.step3", clock.now()) == 1
    assert count_completed(make_settings(), "draft.verify.email.step3", clock.now() + timedelta(milliseconds=1)) == 0
