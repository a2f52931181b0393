"""Claims and findings as short texts."""

from __future__ import annotations

import pytest

from analysis.claim_kinds import CLAIM_KINDS
from analysis.text.records import (
    CLAIM_WORDS,
    asked_text,
    calls_text,
    changed_text,
    deciding_part,
    detectable_text,
    interval_text,
    is_sample,
    p_text,
    window_text,
)
from tests.fixtures.example_results import finding, guardrail, no_data, plain, result


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(), "falls by at least 50 %"),
        (finding(by=None), "falls"),
        (finding(claim="rises", by=0.125), "rises by at least 12.5 %"),
        (finding(claim="stays_zero"), "stays at zero"),
        (finding(claim="stays_zero", limit=0.02), "stays at zero (rate below 2.0 %)"),
        (finding(claim="no_worse", margin=0.5), "at most 50 % worse than before"),
        (guardrail(), "stays below 30.0 s"),
        (finding(claim=None), "no rule"),
        (
            finding(parts=[finding(), finding(metric="http_5xx_rate", claim="rises", by=None)]),
            "at least one of: timeouts: falls by at least 50 %; server errors (5xx): rises",
        ),
    ],
)
def test_what_was_asked(found, text):
    assert plain(asked_text(found)) == text


def test_every_kind_of_claim_has_words():
    assert set(CLAIM_WORDS) == set(CLAIM_KINDS)


def test_numbers_of_a_finding():
    assert plain(changed_text(finding())) == "80.0 % → 20.0 % (-60.0 points)"
    assert changed_text(no_data()) is None
    assert plain(interval_text(finding())) == "-70.0 to -50.0 points"
    assert interval_text(no_data()) == interval_text(finding(interval=(None, 0.1))) == "–"
    assert p_text(finding()) == "< 0.0001 (adjusted < 0.0001)"
    assert p_text(guardrail(p_value=0.04)) == "0.040"


def test_calls_of_an_arm():
    assert plain(calls_text(finding(), "baseline")) == "80 of 100 calls"
    assert plain(calls_text(guardrail(), "post")) == "90 calls"
    minutes = finding(among={"what": "minutes with calls", "baseline": 7979, "post": 1185})
    assert plain(calls_text(minutes, "baseline")) == "80 of 7 979 minutes with calls"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(), ""),
        (finding(finding="undecided"), "minimum detectable change: 8.0 points"),
        (finding(finding="not_met", smallest_visible_change=-0.08), "8.0 points"),
        (no_data(), "no change could be detected with so few calls"),
    ],
)
def test_the_minimum_detectable_change(found, text):
    assert plain(detectable_text(found)).endswith(text)
    assert bool(detectable_text(found)) == bool(text)


def test_the_part_that_decides():
    weak, strong = finding(finding="no_data"), finding(metric="http_5xx_rate")
    assert deciding_part(finding(parts=[weak, strong], finding="met")) == strong
    assert deciding_part(finding(parts=[weak, strong], finding="undecided")) == weak


def test_the_window():
    assert window_text(result()) == "2026-02-02 23:10:16 UTC to 2026-02-03 03:10:16 UTC"


@pytest.mark.parametrize(
    ("path", "sample"),
    [
        ("outputs/sample/*.parquet", True),
        ("outputs\\sample\\*.parquet", True),
        ("calls.csv", False),
        (None, False),
    ],
)
def test_sample_data_are_known_by_their_path(path, sample):
    assert is_sample(path) is sample
