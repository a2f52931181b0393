"""A label, a meaning and a sign for each verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class VerdictWords:
    """A verdict for people.

    Attributes
    ----------
    word, meaning : its label, and what it says.
    sign, tone : next to the label (tone: good, wait, bad, none).
    """

    word: str
    meaning: str
    sign: str
    tone: str


VERDICTS: Mapping[str, VerdictWords] = {
    "sustained": VerdictWords(
        "Sustained", "the fix works, no guardrail is broken, and the effect has lasted", "✓", "good"
    ),
    "improved": VerdictWords(
        "Improved",
        "the fix works and no guardrail is broken; it is not shown yet that the effect lasts",
        "✓",
        "good",
    ),
    "no_regression": VerdictWords(
        "No regression", "nothing that is watched got worse", "✓", "good"
    ),
    "keep_watching": VerdictWords("Keep watching", "not decided yet", "…", "wait"),
    "investigate": VerdictWords("Investigate", "something else got worse", "!", "bad"),
    "not_fixed": VerdictWords("Not fixed", "the fix did not work", "✗", "bad"),
    "roll_back": VerdictWords("Roll back", "the deploy did harm", "✗", "bad"),
    "untrusted": VerdictWords(
        "Not trusted", "the data quality is too poor for a verdict", "?", "none"
    ),
}
