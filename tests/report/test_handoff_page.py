"""The hand-over page."""

import pytest

from analysis.clock import parse_instant as at
from analysis.report.handoff import handoff_page, write_handoff
from tests.fixtures.page_elements import Page, text_of

CONTENT = {
    "rollout": "phase-94",
    "title": "AI timeouts",
    "made_at": at("2026-02-03T05:00:00Z"),
    "state": "improved after 4h, 2 of 3 looks made",
    "verdict": "improved",
    "exit_code": 0,
    "is_complete": False,
    "missing": ["the look of 24h is not made"],
    "would_change": ["timeouts drop: 14 % now, threshold 45 %"],
    "steps_back": [
        {
            "kind": "environment",
            "what": "X_CAP 45000 -> 30000",
            "because": "it got <slower>.",
            "predicted": "A cap of 30 s cuts off 31 %.",
            "commands": ["vercel env rm X_CAP production", "vercel env add X_CAP production"],
            "undo": ["vercel env add X_CAP production"],
            "note": None,
        }
    ],
    "not_checked": ["smoke check 'b' was not run"],
    "evidence": [
        {
            "step": "preflight: lint",
            "state": "passed",
            "at": at("2026-02-02T22:00:00Z"),
            "detail": "3 s",
            "href": None,
        },
        {
            "step": "look 4h",
            "state": "improved",
            "at": None,
            "detail": "all met",
            "href": "windows/4h/report.html",
        },
    ],
    "changes": [{"at": at("2026-02-03T01:00:00Z"), "text": "X_CAP 45000 -> 30000"}],
    "valid_until": at("2026-02-10T05:00:00Z"),
    "next_due": ["24h", at("2026-02-03T23:11:46Z")],
}
EMPTY = CONTENT | {
    "verdict": None,
    "missing": [],
    "would_change": [],
    "steps_back": [],
    "not_checked": [],
    "evidence": [],
    "changes": [],
    "valid_until": None,
    "next_due": None,
}


def test_everything_is_on_the_page():
    page = handoff_page(CONTENT)
    Page(page)
    text = text_of(page)
    for piece in (
        "Improved",
        "improved after 4h, 2 of 3 looks made",
        "This is not a complete hand-over yet.",
        "Next: the look of 24h, due 2026-02-03 23:11:46 UTC.",
        "Valid until 2026-02-10 05:00:00 UTC, or until the next deploy or knob change.",
        "the look of 24h is not made",
        "preflight: lint",
        "2026-02-03 01:00:00 UTC: X_CAP 45000 -> 30000",
        "timeouts drop: 14 % now, threshold 45 %",
        "vercel env rm X_CAP production",
        "To undo it:",
        "it got <slower>. A cap of 30 s cuts off 31 %.",
        "None of these commands was run",
        "smoke check 'b' was not run",
    ):
        assert piece in text, piece
    assert 'href="windows/4h/report.html"' in page


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (EMPTY, "No look yet"),
        (EMPTY | {"verdict": "sustained", "is_complete": True}, "This hand-over is complete."),
    ],
)
def test_a_page_of_little(content, word):
    page = handoff_page(content)
    Page(page)
    assert word in text_of(page)
    assert "None" not in text_of(page)


def test_it_is_written_and_linked(example, tmp_path):
    settings = example.model_copy(update={"folder": tmp_path})
    page = write_handoff(settings, CONTENT)
    assert page == settings.paths.handoff
    assert 'href="handoff.html"' in settings.paths.index.read_text()
