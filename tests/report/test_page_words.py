"""The texts of the pages against a list: no word of the trade without a line that explains it, no 'significant', no name of a column."""

from __future__ import annotations

import re

import pytest

import analysis
from analysis.report.sections import BaselineSections
from analysis.report.summary import summary_of
from tests.fixtures.page_elements import text_of

NEAR = 900  # letters: what a reader has before his eyes at once
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
EXPLAINED = {
    r"\bguardrails?\b": "what must not get worse",
    r"\bintervals?\b": "hold the true change",
    r"\bbound\b": "chance brings it in|its own uncertainty|must cross",
    r"\bp:": "how often chance alone would bring a result",
    r"\bso p\b": "how often chance alone would bring a change",
    r"\badjusted: ": "for all expectations",
    "Kaplan-Meier": "counts as waiting until then, not as answered",
    "quantile": "the time within which 90",
    "not identifiable": "cannot be known",
    "Benjamini-Hochberg": "adjusted for all of them",
    "exploratory": "decides nothing",
    r"\bknobs?\b": "settings that can be turned back",
    r"\bcap\b": "cut off",
    r"\bslope\b": "how much of their slowdown",
    "untouched": "not touched by the deploy",
    "placebo windows": "measured on all windows of its length inside the baseline",
    "cosine variance": "measured by slow waves through them",
    "Fisher": "the counts themselves are compared",
    "Lan-DeMets": "is spent slowly",
    "alpha": "error allowed over all looks",
    "standard error": "its own uncertainty",
    "degrees of freedom": "how many independent windows measured it",
    r"\bsettle\b": "how long after its end a window is read",
    "pretended deploys?": "where nothing had changed",
    "false alarms?": "where nothing had changed",
    "randomised": "comparison of before and after",
    r"\bp90\b": "90.% no longer than p90|within which 90.% of the calls",
    "timeout cliff": "calls are cut off there",
    "signature keeps": "only words that are known to hold no data",
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
        "summary": summary_of(sections.look.result),
        "baseline": text_of(" ".join(getattr(baseline, name).html for name in BASELINE)),
    }


def test_a_word_of_the_trade_is_explained_where_it_first_stands(texts):
    missing = []
    for page, text in texts.items():
        for word, explanation in EXPLAINED.items():
            found = re.search(word, text)
            if (
                found
                and not re.search(
                    explanation, text[max(0, found.start() - NEAR) : found.end() + NEAR]
                )
                and page != "summary"
            ):
                missing.append(
                    f"{page}: {found[0]!r} at {text[max(0, found.start() - 60) : found.end() + 30]!r}"
                )
    assert missing == []


def test_nothing_is_called_significant_and_no_column_is_named(texts):
    found = [
        (page, hit[0])
        for page, text in texts.items()
        for word in NEVER
        for hit in re.finditer(word, text)
    ]
    assert found == []


def test_the_list_is_of_use(texts):
    used = {word for word in EXPLAINED for text in texts.values() if re.search(word, text)}
    assert len(used) > 0.6 * len(EXPLAINED)
