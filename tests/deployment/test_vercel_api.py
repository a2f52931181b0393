"""Asking Vercel: a real server with pages, refusals and broken connections, as its API has."""

from datetime import UTC, datetime

import pytest

from analysis.deployment.builds import vercel_api
from analysis.deployment.builds.build import Build
from analysis.errors import StepFailed, WrongUse
from tests.fixtures.http_server import Reply
from tests.fixtures.listed_builds import listed_build as entry

TOKEN = "vcp-planted-7Hq2LmX9"


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
    monkeypatch.setattr(vercel_api, "FIRST_WAIT_S", 0.01)
    return make_settings(
        f'[deployment]\nproject_id = "prj_1"\nteam_id = "team_1"\napi_url = "{server.url}"'
    )


# ---- what is asked and what is read ----------------------------------------------------------
def test_the_newest_ready_production_deployment(settings, server):
    server.answer_in_turn(page(entry(1), entry(2)))
    assert vercel_api.find_newest(settings) == Build(
        effective_at=datetime(2026, 2, 2, 22, 10, 16, tzinfo=UTC),
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
    found = vercel_api.find_newest(settings)
    assert (found.deployment_id, found.previous_id) == ("dpl_3", "dpl_5")
    assert [asked.query.get("until") for asked in server.asked] == [None, "300", "200"]


def test_a_server_whose_pages_go_in_circles_is_left(settings, server):
    server.answer = lambda asked: page(entry(1, state="ERROR"), following=300)
    with pytest.raises(WrongUse, match="no production deployment that is READY"):
        vercel_api.find_newest(settings)
    assert len(server.asked) == 2


def test_the_order_of_the_list_does_not_matter(settings, server):
    server.answer_in_turn(page(entry(7), entry(2), entry(4)))
    assert vercel_api.find_newest(settings).deployment_id == "dpl_2"


def test_a_staged_build_that_nobody_visits_is_not_the_deploy(settings, server):
    server.answer_in_turn(
        page(entry(1, readySubstate="STAGED"), entry(2, readySubstate="PROMOTED"), entry(3))
    )
    assert vercel_api.find_newest(settings).deployment_id == "dpl_2"


def test_a_preview_has_no_target(settings, server):
    server.answer_in_turn(page(entry(1), entry(2, target=None)))
    assert vercel_api.find_newest(settings, environment="preview").deployment_id == "dpl_2"
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
    found = vercel_api.find_newest(settings)
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


# ---- what goes wrong -------------------------------------------------------------------------
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
            "the token in VERCEL_TOKEN may not see this project (403); check [deployment]",
        ),
        (404, {"error": {"code": "not_found"}}, "may not see this project (404)"),
    ],
)
def test_a_refusal_says_what_to_fix_and_is_not_tried_again(
    settings, server, status, body, sentence
):
    server.answer_in_turn(Reply(status, body))
    with pytest.raises(WrongUse) as caught:
        vercel_api.find_newest(settings)
    assert sentence in str(caught.value)
    assert len(server.asked) == 1


def test_a_429_waits_as_long_as_it_says(settings, server, monkeypatch):
    waited = []
    monkeypatch.setattr(
        vercel_api, "_wait", lambda state, wait=vercel_api._wait: waited.append(wait(state)) or 0.0
    )
    server.answer_in_turn(
        Reply(429, headers={"Retry-After": "7"}),
        Reply(429, headers={"Retry-After": "900"}),
        Reply(429),
        page(entry(1)),
    )
    assert vercel_api.find_newest(settings).deployment_id == "dpl_1"
    assert waited == [
        7.0,
        vercel_api.LONGEST_WAIT_S,
        pytest.approx(0.04, rel=0.25),
    ]  # a quarter more or less by chance


def test_an_answer_that_never_ends_is_given_up(settings, server, monkeypatch):
    """A byte now and then keeps every time-out of a single read away."""
    monkeypatch.setattr(vercel_api, "LONGEST_ANSWER_S", 0.3)
    monkeypatch.setattr(vercel_api, "TRIES", 2)
    server.answer = lambda asked: Reply(content=b" " * 500 + b"{}", drip_s=0.05)
    with pytest.raises(StepFailed, match=r"gave no whole answer within its limit of .*, 2 times"):
        vercel_api.find_newest(settings)
    server.answer = lambda asked: Reply(content=b" " * 2_000_001 + b"{}")
    monkeypatch.setattr(vercel_api, "LONGEST_ANSWER_S", 30.0)
    with pytest.raises(StepFailed, match="sent more than 2,000,000 bytes, 2 times"):
        vercel_api.find_newest(settings)


def test_a_429_with_a_date_waits_until_then(settings, clock_file):
    assert vercel_api._seconds_to_wait("Mon, 02 Feb 2026 23:10:26 GMT") == pytest.approx(10)
    assert vercel_api._seconds_to_wait("Mon, 02 Feb 2026 23:00:00 GMT") == 0.0
    assert vercel_api._seconds_to_wait("soon") is None


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
    assert vercel_api.find_newest(settings).deployment_id == "dpl_1"
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
        vercel_api.find_newest(settings)
    assert len(server.asked) == 4


def test_a_server_that_is_not_there(settings, make_settings, monkeypatch):
    refused = make_settings('[deployment]\nproject_id = "prj_1"\napi_url = "http://127.0.0.1:9"')
    with pytest.raises(StepFailed, match="Vercel refused the connection, 4 times"):
        vercel_api.find_newest(refused)


@pytest.mark.parametrize("url", ["api.vercel.com", "ftp://api.vercel.com", "https://"])
def test_a_url_that_is_none(make_settings, monkeypatch, url):
    monkeypatch.setenv("VERCEL_TOKEN", TOKEN)
    with pytest.raises(WrongUse, match="api_url"):
        vercel_api.find_newest(
            make_settings(f'[deployment]\nproject_id = "prj_1"\napi_url = "{url}"')
        )


def test_a_redirect_does_not_carry_the_token_away(settings, server):
    server.answer_in_turn(Reply(307, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(StepFailed, match="Vercel answered 307"):
        vercel_api.find_newest(settings)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "VERCEL_TOKEN is not set"),
        ("  ", "VERCEL_TOKEN is not set"),
        ("planted 7Hq2", "is not a token"),
        ("planted\n7Hq2", "is not a token"),
        ("plänted7Hq2", "is not a token"),
    ],
)
def test_a_token_that_cannot_be_sent_is_not_shown(settings, server, monkeypatch, value, problem):
    monkeypatch.setenv("VERCEL_TOKEN", value)
    with pytest.raises(WrongUse, match=problem) as caught:
        vercel_api.find_newest(settings)
    assert "7Hq2" not in str(caught.value)
    assert server.asked == []


def test_without_a_project_nothing_is_asked(make_settings):
    with pytest.raises(WrongUse, match=r"\[deployment\].project_id is not set"):
        vercel_api.find_newest(make_settings())


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
            vercel_api.find_newest(settings)
        shown = repr(caught.value) + str(caught.value) + repr(caught.value.__cause__)
        assert TOKEN not in shown
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert TOKEN not in "".join(capsys.readouterr())
