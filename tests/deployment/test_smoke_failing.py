"""What makes a smoke check fail, and what its sentences and files must not show."""

import logging
import time
from datetime import timedelta

import pytest

from analysis import clock
from analysis.deployment.smoke import run_smokes
from analysis.deployment.smoke_checks import count_completed, first_difference
from analysis.errors import WrongUse
from analysis.history.ledger import open_ledger
from tests.fixtures.application_with_lock import SECRET
from tests.fixtures.http_server import Reply
from tests.fixtures.smoke_tables import COMPLETES, CRON, OVERLAP, REFUSES, failure_of


def get(path: str, more: str = "") -> str:
    table = '[[smoke]]\nname = "one"\nkind = "http"\ntimeout = "5s"'
    return f'{table}\nurl = "${{APP_URL}}{path}"\n{more}\n'


# ---- what must fail --------------------------------------------------------------------------
def test_a_broken_lock_fails(make_settings, application):
    application.lock = "broken"
    report = run_smokes(make_settings(OVERLAP))
    assert failure_of(report) == (
        "smoke check 'two close calls, one is locked out' failed: 0 of 2 calls matched, "
        "expected 1, in 3 tries; two runs at once are possible"
    )
    assert len(application.runs) == 6
    assert (
        report.results[0]
        .notes[0]
        .startswith("try 1: 0 of 2 calls matched, expected 1; all were open together for ")
    )


def test_a_200_without_a_secret_fails(make_settings, application):
    application.asks_for_secret = False
    report = run_smokes(make_settings(CRON + REFUSES))
    assert [result.state for result in report.results] == ["passed", "failed"]
    assert (
        failure_of(report)
        == "smoke check 'cron refuses a call without secret' failed: answered 200, expected 401"
    )


def test_a_slow_one_fails_by_its_own_limit(make_settings, application):
    application.work_s = 2.0
    began = time.monotonic()
    report = run_smokes(make_settings(CRON.replace('"5s"', '"400ms"') + REFUSES))
    assert time.monotonic() - began < 1.8
    assert failure_of(report) == (
        "smoke check 'cron runs with its secret' failed: "
        "gave no whole answer within its limit of 0.4 s"
    )
    assert report.results[1].state == "passed"


def test_a_byte_at_a_time_does_not_stretch_the_limit(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b" " * 500 + b"{}", drip_s=0.05)
    began = time.monotonic()
    report = run_smokes(make_settings(get("/").replace('"5s"', '"300ms"')))
    assert "gave no whole answer within its limit of 0.3 s" in failure_of(report)
    assert time.monotonic() - began < 2.0


def test_an_application_that_is_down_fails(make_settings, application, monkeypatch):
    monkeypatch.setenv("APP_URL", "http://127.0.0.1:9")
    report = run_smokes(make_settings(CRON + COMPLETES))
    assert "refused the connection (2 of 2 checks failed)" in failure_of(report)
    assert report.results[1].reason == "the trigger refused the connection"


def test_a_cut_connection_fails(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b"{" + b" " * 300, cut_after=20)
    assert "cut the connection before its answer was whole" in failure_of(
        run_smokes(make_settings(get("/")))
    )


def test_an_unknown_host_fails(make_settings, monkeypatch):
    monkeypatch.setenv("APP_URL", "http://nowhere.invalid")
    assert "its host name is not known" in failure_of(run_smokes(make_settings(get("/"))))


@pytest.mark.parametrize(
    ("more", "content", "reason"),
    [
        (
            "expect_json = {success = true}",
            {"success": False, "token": SECRET},
            "answered 200, but success is not true",
        ),
        (
            "expect_json = {success = true}",
            {"token": SECRET},
            "answered 200, but success is missing",
        ),
        ("expect_json = {success = true}", {"success": 1}, "answered 200, but success is not true"),
        (
            "expect_json = {a = {b = [1, {c = 2}]}}",
            {"a": {"b": [1, {"c": 3}]}},
            "answered 200, but a.b[1].c is not 2",
        ),
        ("expect_json = {a = 1}", b"<html>planted</html>", "answered something that is not JSON"),
        ("expect_json = {a = 1}", [1], "answered 200, but the answer is not a JSON object"),
        ("expect_status = [201, 204]", {}, "answered 200, expected 201 or 204"),
    ],
)
def test_an_answer_that_is_not_as_expected(
    make_settings, server, monkeypatch, more, content, reason
):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=content)
    assert (
        failure_of(run_smokes(make_settings(get("/", more))))
        == f"smoke check 'one' failed: {reason}"
    )


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({}, {"a": 1}, None),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, None),
        ({"a": [1, 2]}, {"a": [1, 2]}, None),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, "a is not a list of 2"),
        ({"a": False}, {"a": 0}, "a is not false"),
        ({"a": 1.0}, {"a": 1}, None),
        ({"a": "x"}, {"a": None}, 'a is not "x"'),
    ],
)
def test_a_difference_is_named_without_the_value(expected, actual, difference):
    assert first_difference(expected, actual) == difference


def test_an_endless_answer_is_given_up(make_settings, server, monkeypatch):
    monkeypatch.setenv("APP_URL", server.url)
    server.answer = lambda asked: Reply(content=b" " * 3_000_000)
    assert "sent more than 2,000,000 bytes" in failure_of(run_smokes(make_settings(get("/"))))


def test_a_redirect_is_an_answer_and_is_not_followed(make_settings, application, server):
    application.server.answer = lambda asked: Reply(
        302, headers={"Location": f"{server.url}/login"}
    )
    assert "answered 302, expected 200 or 202" in failure_of(run_smokes(make_settings(CRON)))
    assert server.asked == []


# ---- what must not be shown ------------------------------------------------------------------
def test_a_variable_that_is_not_set_is_named_before_anything_is_sent(
    make_settings, application, monkeypatch
):
    monkeypatch.delenv("TRACE")
    with pytest.raises(
        WrongUse,
        match="'cron refuses a call without secret' needs the environment variable TRACE; set it",
    ):
        run_smokes(make_settings(CRON + REFUSES))
    assert application.server.asked == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRON_SECRET", "planted\r\nX-Evil: 1"),
        ("CRON_SECRET", "plänted"),
        ("APP_URL", "ftp://planted"),
        ("APP_URL", "planted"),
        ("APP_URL", "http://user:planted@127.0.0.1"),
        ("APP_URL", "http://planted:99999"),
        ("APP_URL", "http://planted host"),
    ],
)
def test_a_value_that_cannot_be_sent_is_not_shown(
    make_settings, application, monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)
    settings = make_settings(CRON)
    sentence = failure_of(run_smokes(settings))
    assert "planted" not in sentence.replace("planted-cron", "")
    assert "pl" + "ä" not in sentence
    assert "planted" not in open_ledger(settings).path.read_text()
    assert application.server.asked == []


def test_planted_secrets_are_nowhere(make_settings, application, capsys, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    settings = make_settings(CRON + REFUSES + OVERLAP + COMPLETES)
    texts = []
    for answer in (
        application.answer,
        lambda asked: Reply(500, {"why": SECRET}),
        lambda asked: Reply(content=SECRET.encode()),
    ):
        application.server.answer = answer
        report = run_smokes(settings)
        texts += [repr(report), *(result.reason for result in report.results)]
    texts += [path.read_text() for path in settings.outputs.rglob("*") if path.is_file()]
    texts += [*capsys.readouterr(), caplog.text]
    for planted in (SECRET, "planted-trace-3Wz", application.database.url):
        assert planted not in "".join(texts)


def test_no_check_for_an_environment_is_refused(make_settings):
    with pytest.raises(WrongUse, match=r"has no \[\[smoke\]\] for production"):
        run_smokes(make_settings())


def test_the_trigger_is_the_moment_that_counts(make_settings, application, clock_file):
    clock_file.set("2026-02-02T23:10:16.500Z")
    application.write_call(status="success", latency_ms=0)
    assert count_completed(make_settings(), "draft.verify.email.step3", clock.now()) == 1
    assert (
        count_completed(
            make_settings(), "draft.verify.email.step3", clock.now() + timedelta(milliseconds=1)
        )
        == 0
    )
