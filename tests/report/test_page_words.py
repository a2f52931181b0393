"""The words of whole pages: each term is explained where it first appears, no column is named."""

from __future__ import annotations

import re

import pytest

import analysis
from analysis.report.sections import BaselineSections
from analysis.report.summary import summary_of
from tests.fixtures.page_elements import text_of

NEAR = 900  # letters: what a reader has in view
WINDOW = (
    "verdict",
    "expectations",
    "features",
    "guardrails",
    "controls",
    "what_if",
    "scan",
    "checks",
    "method",
    "false_alarms",
)
BASELINE = ("summary", "latency", "errors", "cliffs", "by_hour", "power", "unknown")
EXPLAINED = {  # a term, and words near its first appearance
    r"\bguardrails?\b": "what must not get worse",
    r"\bbound\b": "must cross",
    r"\bp is\b": "chance of a result",
    r"\bso p\b": "chance of a change",
    r"\badjusted: ": "for all expectations",
    "Kaplan-Meier": "counts as waiting until then, not as answered",
    "quantile": "the time within which 90",
    "not identifiable": "cannot be known",
    "Benjamini-Hochberg": "adjusted for all of them",
    "exploratory": "decides nothing",
    r"\bknobs?\b": "settings that can be turned back",
    r"\bcap\b": "cut off",
    r"\bslope\b": "how much of a slowdown",
    "Fisher": "their counts are compared",
    "Lan-DeMets": "allowed error is spent",
    r"\balpha\b": "error allowed over all looks",
    "degrees of freedom": "independent windows behind it",
    "overdispersion": "how much more its hours vary",
    "placebo deploys?": "where nothing had changed",
    "false alarms?": "where nothing had changed",
    "randomised": "comparison of before and after",
    r"\bp90\b": "90.% no longer than p90|within which 90.% of the calls",
    "timeout cliff": "calls are cut off there",
    "A signature keeps": "only words from an allow-list",
}
NEVER = (
    r"significan",
    r"\b\w+_rate\b",
    r"\blatency_mean\b",
    r"\bslower_than_p\d",
    r"\brmst\b",
    r"\bnan\b",
    r"\bNone\b",
    r"p-value",
    r"\b0\.000\b",
)


@pytest.fixture(scope="module")
def texts(sections, example):
    baseline = BaselineSections(analysis.open(example.path))
    return {
        "window": text_of(" ".join(getattr(sections, name).html for name in WINDOW)),
        "baseline": text_of(" ".join(getattr(baseline, name).html for name in BASELINE)),
        "summary": summary_of(sections.look.result),
    }


@pytest.mark.parametrize("page", ["window", "baseline"])
def test_a_term_is_explained_where_it_first_appears(texts, page):
    text, missing = texts[page], []
    for term, explanation in EXPLAINED.items():
        if found := re.search(term, text):
            near = text[max(0, found.start() - NEAR) : found.end() + NEAR]
            if not re.search(explanation, near):
                missing.append((found[0], text[max(0, found.start() - 60) : found.end() + 30]))
    assert missing == []


def test_nothing_is_called_significant_and_no_column_is_named(texts):
    assert [
        (page, hit[0])
        for page, text in texts.items()
        for word in NEVER
        for hit in re.finditer(word, text)
    ] == []


def test_the_list_is_of_use(texts):
    used = {term for term in EXPLAINED for text in texts.values() if re.search(term, text)}
    assert len(used) > 0.8 * len(EXPLAINED)
