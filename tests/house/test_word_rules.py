"""The rules of words find the phrases that STYLE replaces, wherever they are read."""

import json

import pytest

from tests.house.word_rules import word_faults, words_read


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("see to it and mend it", "fix"),
        ("The user is told which line.", "report"),
        ("reckoned from both rates", "compute"),
        ("latency is held against the baseline", "compare"),
        ("the usual test cries wolf", "false alarm"),
        ("holds with 95 % certainty", "confidence"),
        ("nobody asked about it", "no rule"),
        ("what would change our mind", "threshold"),
        ("the data cannot carry a verdict", "too poor"),
        ("untouched features", "control"),
        ("a pretended deploy", "placebo"),
    ],
)
def test_a_quaint_phrase_is_found(text, advice):
    (fault,) = word_faults(f"First line.\n{text}")
    assert fault.startswith("line 2")
    assert advice in fault


@pytest.mark.parametrize(
    "text", ["recommend, commended, amendment", "a fixed value", "stole, retold", "touched"]
)
def test_other_words_are_fine(text):
    assert word_faults(text) == []


def test_the_words_of_each_format_are_read():
    python = 'def tell_all():\n    """Held against x."""\n    return f"{mend}s"  # reckon\n'
    assert len(word_faults(words_read("a.py", python))) == 4
    assert word_faults(words_read("a.sql", "SELECT mend -- x\n")) == []
    assert word_faults(words_read("a.sql", "SELECT x -- mend\n"))
    notebook = json.dumps({"cells": [{"source": ["# What it ", "tells"]}]})
    assert word_faults(words_read("a.ipynb", notebook))
