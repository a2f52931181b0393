"""Asking Vercel: a real server that answers as its API does, with pages, refusals and broken connections."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.deployment import vercel
from analysis.deployment.listing import Deployment, read_cli
from analysis.errors import StepFailed, WrongUse
from tests.deployment.local_server import Reply

TOKEN = "vcp-planted-7Hq2LmX9"
FIRST_MS = 1770073816000  # 2026-02-02T23:10:16Z


def entry(
    number: int, *, state: str = "READY", target: str | None = "production", **more: object
) -> dict[str, object]:
    """A deployment as /v6/deployments lists it; a higher number is older."""
    created = FIRST_MS - number * 3_600_000
    listed = {
        "uid": f"dpl_{number}",
        "url": f"app-{number}.vercel.app",
        "created": created - 60_000,
        "ready": created,
    }
    listed |= {"state": state, "target": target, "meta": {"githubCommitSha": f"{number:040x}"}}
    return listed | {"creator": {"email": "dev" + "@" + "firm.com"}} | more


def page(*entries: dict[str, object], following: int | None = None) -> Reply:
    return Reply(
        content={
            "deployments": list(entries),
            "pagination": {"count": len(entries), "next": following, "prev": 1},
        }
    )


@pytest.fixture
def settings(make_settings, server, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", TOKEN)
    monkeypatch.setattr(vercel, "FIRST_WAIT_S", 0.01)
    return make_settings(
        f'[deployment]\nproject_id = "prj_1"\nteam_id = "team_1"\napi_url = "{server.url}"'
    )


# ---- what is asked and what is read ----------------------------------------------------------------------------------
def test_the_newest_ready_production_deployment(settings, server):
    server.answer_in_turn(page(entry(1), entry(2)))
    assert vercel.find_newest(settings) == Deployment(
        effective_at=datetime(2026, 2, 2, 22, 10, 16, tzinfo=UTC),
        environment="production",
        origin="vercel",
        deployment_id="dpl_1",
        url="https://app-1.vercel.app",
        commit=f"{1:040x}",
        previous_id="dpl_2",
        previous_at=datetime(2026, 2, 2, 21, 10, 16, tzinfo=UTC),
    )
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/v6/deployments")
    assert asked.query == {
        "projectId": "prj_1",
        "teamId": "team_1",
        "target": "production",
        "state": "READY",
        "limit": "20",
    }
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def test_pages_are_walked_until_it_and_the_one_before_are_found(settings, server):
    pages = {
        None: page(entry(1, state="ERROR"), entry(2, target=None), following=300),
        "300": page(entry(3), following=200),
        "200": page(entry(4, state="BUILDING"), entry(5), following=100),
    }
    server.answer = lambda asked: pages[asked.query.get("until")]
    found = vercel.find_newest(settings)
    assert (found.deployment_id, found.previous_id) == ("dpl_3", "dpl_5")
    assert [asked.query.get("until") for asked in server.asked] == [None, "300", "200"]


def test_a_server_whose_pages_go_in_circles_is_left(settings, server):
    server.answer = lambda asked: page(entry(1, state="ERROR"), following=300)
    with pytest.raises(WrongUse, match="no production deployment that is READY"):
        vercel.find_newest(settings)
    assert len(server.asked) == 2


def test_the_order_of_the_list_does_not_matter(settings, server):
    server.answer_in_turn(page(entry(7), entry(2), entry(4)))
    assert vercel.find_newest(settings).deployment_id == "dpl_2"


def test_a_staged_build_that_nobody_visits_is_not_the_deploy(settings, server):
    server.answer_in_turn(
        page(entry(1, readySubstate="STAGED"), entry(2, readySubstate="PROMOTED"), entry(3))
    )
    assert vercel.find_newest(settings).deployment_id == "dpl_2"


def test_a_preview_has_no_target(settings, server):
    server.answer_in_turn(page(entry(1), entry(2, target=None)))
    assert vercel.find_newest(settings, environment="preview").deployment_id == "dpl_2"
    assert server.asked[0].query["target"] == "preview"


@pytest.mark.parametrize(
    "strange",
    [
        {"uid": "dpl 1; rm -rf"},
        {"uid": 7},
        {"url": "javascript:alert(1)"},
        {"meta": None},
        *({"ready": ready} for ready in ("soon", True, 9e99, 1770073816)),
    ],
)
def test_a_value_of_a_strange_shape_is_left_out(settings, server, strange):
    server.answer_in_turn(page(entry(1, **strange)))
    found = vercel.find_newest(settings)
    assert strange.keys() <= {
        key
        for key, value in (
            ("uid", found.deployment_id),
            ("url", found.url),
            ("meta", found.commit),
            ("ready", found.effective_at),
        )
        if value is None
    }


# ---- what goes wrong -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (
            401,
            {"error": {"code": "forbidden"}},
            "Vercel does not know the token in VERCEL_TOKEN (401); make a new one",
        ),
        (
            403,
            {"error": {"code": "forbidden", "message": "Not authorized", "invalidToken": True}},
            "does not know the token in VERCEL_TOKEN (403)",
        ),
        (
            403,
            {"error": {"code": "forbidden"}},
            "the token in VERCEL_TOKEN may not see this project (403); check [deployment].project_id",
        ),
        (404, {"error": {"code": "not_found"}}, "may not see this project (404)"),
    ],
)
def test_a_refusal_says_what_to_mend_and_is_not_tried_again(
    settings, server, status, body, sentence
):
    server.answer_in_turn(Reply(status, body))
    with pytest.raises(WrongUse) as caught:
        vercel.find_newest(settings)
    assert sentence in str(caught.value)
    assert len(server.asked) == 1


def test_a_429_waits_as_long_as_it_says(settings, server, monkeypatch):
    waited = []
    monkeypatch.setattr(
        vercel, "_wait", lambda state, wait=vercel._wait: waited.append(wait(state)) or 0.0
    )
    server.answer_in_turn(
        Reply(429, headers={"Retry-After": "7"}),
        Reply(429, headers={"Retry-After": "900"}),
        Reply(429),
        page(entry(1)),
    )
    assert vercel.find_newest(settings).deployment_id == "dpl_1"
    assert waited == [
        7.0,
        vercel.LONGEST_WAIT_S,
        pytest.approx(0.04, rel=0.25),
    ]  # a quarter more or less by chance


def test_an_answer_that_never_ends_is_given_up(settings, server, monkeypatch):
    """A byte now and then keeps every time-out of a single read away."""
    monkeypatch.setattr(vercel, "LONGEST_ANSWER_S", 0.3)
    monkeypatch.setattr(vercel, "TRIES", 2)
    server.answer = lambda asked: Reply(content=b" " * 500 + b"{}", drip_s=0.05)
    with pytest.raises(
        StepFailed, match="gave no whole answer within the limits of time and length, 2 times"
    ):
        vercel.find_newest(settings)
    server.answer = lambda asked: Reply(content=b" " * (vercel.MOST_BYTES + 1) + b"{}")
    with pytest.raises(StepFailed, match="gave no whole answer"):
        vercel.find_newest(settings)


def test_a_429_with_a_date_waits_until_then(settings, clock_file):
    assert vercel._seconds_to_wait("Mon, 02 Feb 2026 23:10:26 GMT") == pytest.approx(10)
    assert vercel._seconds_to_wait("Mon, 02 Feb 2026 23:00:00 GMT") == 0.0
    assert vercel._seconds_to_wait("soon") is None


@pytest.mark.parametrize(
    "broken",
    [
        Reply(500),
        Reply(503, b"<html>busy</html>"),
        Reply(200, {"deployments": [{"uid": "x" * 500}]}, cut_after=20),
        Reply(200, b"", cut_after=0, headers={"Connection": "close"}),
        Reply(200, b"not json"),
    ],
)
def test_a_broken_answer_is_tried_again(settings, server, broken):
    server.answer_in_turn(broken, broken, page(entry(1)))
    assert vercel.find_newest(settings).deployment_id == "dpl_1"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            Reply(502),
            "Vercel answered 502, 4 times; run the command again later, or give --at TIME",
        ),
        (Reply(429), "Vercel answered 429, 4 times"),
        (
            Reply(200, {"deployments": ["x" * 500]}, cut_after=20),
            "Vercel cut the connection before its answer was whole, 4 times",
        ),
    ],
)
def test_after_four_tries_it_gives_up_in_one_sentence(settings, server, broken, sentence):
    server.answer_in_turn(broken)
    with pytest.raises(StepFailed, match=sentence):
        vercel.find_newest(settings)
    assert len(server.asked) == 4


def test_a_server_that_is_not_there(settings, make_settings, monkeypatch):
    refused = make_settings('[deployment]\nproject_id = "prj_1"\napi_url = "http://127.0.0.1:9"')
    with pytest.raises(StepFailed, match="Vercel refused the connection, 4 times"):
        vercel.find_newest(refused)


@pytest.mark.parametrize("url", ["api.vercel.com", "ftp://api.vercel.com", "https://"])
def test_a_url_that_is_none(make_settings, monkeypatch, url):
    monkeypatch.setenv("VERCEL_TOKEN", TOKEN)
    with pytest.raises(WrongUse, match="api_url"):
        vercel.find_newest(make_settings(f'[deployment]\nproject_id = "prj_1"\napi_url = "{url}"'))


def test_a_redirect_does_not_carry_the_token_away(settings, server):
    server.answer_in_turn(Reply(307, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(StepFailed, match="Vercel answered 307"):
        vercel.find_newest(settings)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "VERCEL_TOKEN is not set"),
        ("  ", "VERCEL_TOKEN is not set"),
        ("planted 7Hq2", "is no token"),
        ("planted\n7Hq2", "is no token"),
        ("plänted7Hq2", "is no token"),
    ],
)
def test_a_token_that_cannot_be_sent_is_not_told(settings, server, monkeypatch, value, problem):
    monkeypatch.setenv("VERCEL_TOKEN", value)
    with pytest.raises(WrongUse, match=problem) as caught:
        vercel.find_newest(settings)
    assert "7Hq2" not in str(caught.value)
    assert server.asked == []


def test_without_a_project_nothing_is_asked(make_settings):
    with pytest.raises(WrongUse, match=r"\[deployment\].project_id is not set"):
        vercel.find_newest(make_settings())


def test_the_token_is_in_no_error_and_no_value(settings, server, capsys):
    for reply in (
        Reply(401, {"token": TOKEN}),
        Reply(403),
        Reply(500, {"token": TOKEN}),
        Reply(200, TOKEN.encode()),
        Reply(418, TOKEN.encode()),
    ):
        server.answer_in_turn(reply)
        with pytest.raises((StepFailed, WrongUse)) as caught:
            vercel.find_newest(settings)
        told = repr(caught.value) + str(caught.value) + repr(caught.value.__cause__)
        assert TOKEN not in told
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert TOKEN not in "".join(capsys.readouterr())


# ---- what its command line prints ------------------------------------------------------------------------------------
TABLE = """Vercel CLI 50.28.0
> Production deployments for app under team  [412ms]
> To list deployments for a project, run `vercel ls [project]`.

  \x1b[1m\x1b[36mAge\x1b[39m\x1b[22m     Deployment                              Status      Environment     Duration     Username
  \x1b[90m{age}\x1b[39m      https://app-9xk2.vercel.app     \x1b[32m● \x1b[39mReady     Production      \x1b[90m{duration}\x1b[39m           dev
  3d      https://app-7ab1.vercel.app     ● Ready     Production      1m           dev

https://app-9xk2.vercel.app
https://app-7ab1.vercel.app
"""


def write_table(tmp_path: Path, age: str, duration: str = "1m") -> Path:
    import os

    path = tmp_path / "listed.txt"
    path.write_text(TABLE.format(age=age, duration=duration), encoding="utf-8")
    os.utime(path, (FIRST_MS / 1000, FIRST_MS / 1000))
    return path


@pytest.mark.parametrize(
    ("age", "duration", "ready"),
    [
        ("45s", "30s", "23:10:01"),
        ("12m", "2m", "23:00:16"),
        ("3m", "--", "23:07:16"),
        ("3m", "?", "23:07:16"),
    ],
)
def test_a_printed_table_of_minutes_gives_the_instant(tmp_path, age, duration, ready):
    found = read_cli(write_table(tmp_path, age, duration))
    assert found.effective_at == datetime.fromisoformat(f"2026-02-02T{ready}+00:00")
    assert (found.url, found.origin, found.deployment_id) == (
        "https://app-9xk2.vercel.app",
        "vercel-cli",
        None,
    )
    assert "the file's time less the printed age" in found.note


@pytest.mark.parametrize("age", ["2h", "3d"])
def test_a_printed_table_of_hours_does_not(tmp_path, age):
    found = read_cli(write_table(tmp_path, age))
    assert found.effective_at is None
    assert found.note == f"'listed.txt' says only that it was created {age} ago"
    assert found.url == "https://app-9xk2.vercel.app"


def test_only_the_wanted_environment_counts(tmp_path):
    path = tmp_path / "listed.txt"
    path.write_text(
        "  1m   https://app-1.vercel.app   ● Ready   Preview   30s   dev\n  2m   https://app-2.vercel.app   ● Error   Production   30s\n"
    )
    assert read_cli(path, environment="preview").url == "https://app-1.vercel.app"
    with pytest.raises(WrongUse, match=r"holds no production deployment that is Ready"):
        read_cli(path)


def test_only_urls_says_where_the_table_went(tmp_path):
    path = tmp_path / "listed.txt"
    path.write_text("https://app-1.vercel.app\n")
    with pytest.raises(WrongUse, match="the table goes to stderr: save it with 2>&1"):
        read_cli(path)


@pytest.mark.parametrize("wrapped", [True, False])
def test_its_json(tmp_path, wrapped):
    import json

    path = tmp_path / "listed.json"
    entries = [entry(3), entry(1, state=None, readyState="READY"), entry(2)]
    path.write_text(
        json.dumps({"deployments": entries, "contextName": "team"} if wrapped else entries)
    )
    found = read_cli(path)
    assert (found.deployment_id, found.previous_id) == ("dpl_1", "dpl_2")
    assert found.effective_at == datetime(2026, 2, 2, 22, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "7", '{"deployments": 5}', "[[1]]", "no table"]
)
def test_a_file_that_holds_nothing(tmp_path, text):
    path = tmp_path / "listed.txt"
    path.write_text(text)
    with pytest.raises(WrongUse, match="holds no production deployment"):
        read_cli(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        WrongUse,
        match=r"cannot read 'nowhere.txt': No such file or directory; save what 'vercel list' printed",
    ):
        read_cli(tmp_path / "nowhere.txt")
