"""Claims and findings as short texts: table cells, labels, and the nouns that sentences use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analysis.claim_kinds import claim_kind
from analysis.formatting import (
    change_in,
    claimed_share,
    count,
    interval_in,
    p_value,
    size_in,
    value_in,
    when,
)
from analysis.metrics import recorded_metric
from analysis.results.finding_record import ArmRecord, FindingRecord
from analysis.results.model import LookResult

if TYPE_CHECKING:
    from analysis.config import Claim
    from analysis.counting.scope import Scope

OUTSIDE_RULES = "outside_rules"
"""In addition to the states of findings: what got worse although no rule covers it."""
FINDINGS: Mapping[str, tuple[str, str, str]] = {
    "met": ("✓", "met", "good"),
    "not_met": ("✗", "not met", "bad"),
    "worse": ("✗", "worse", "bad"),
    "undecided": ("…", "undecided", "wait"),
    "no_data": ("–", "not enough data", "none"),
    OUTSIDE_RULES: ("!", "no rule", "wait"),
}
"""State -> its sign, its label and its tone (good, wait, bad, none)."""

Arm = Literal["baseline", "post"]


# ---- claims ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class ClaimWords:
    """The words of one kind of claim: {size} is its size, {than} "more than" or "less than".

    Attributes
    ----------
    cell, noun : as a table says it, and as a sentence does.
    plain_cell, plain_noun : the same for a claim without a size.
    opposite : what was shown when the claim got worse.
    """

    cell: str
    noun: str
    plain_cell: str = ""
    plain_noun: str = ""
    opposite: str = ""


CLAIM_WORDS: Mapping[str, ClaimWords] = {
    "falls": ClaimWords(
        "falls by at least {size}", "a fall of at least {size}", "falls", "a fall", "a rise"
    ),
    "rises": ClaimWords(
        "rises by at least {size}", "a rise of at least {size}", "rises", "a rise", "a fall"
    ),
    "no_worse": ClaimWords(
        "at most {size} worse than before", "the limit (at most {size} {than} before)"
    ),
    "below": ClaimWords("stays below {size}", "the limit of {size}"),
    "stays_zero": ClaimWords(
        "stays at zero (rate below {size})", "the limit of {size}", "stays at zero", "zero"
    ),
}


def claim_cell(claim: Claim | FindingRecord, *, unit: str | None) -> str:
    """What a claim asks for, in a table."""
    if claim.claim is None:
        return "no rule"
    words, size = CLAIM_WORDS[claim.claim], _size_text(claim, unit)
    return words.cell.format(size=size) if size else words.plain_cell


def claim_noun(
    claim: Claim | FindingRecord, *, unit: str | None, worse: Literal["up", "down"]
) -> str:
    """What a claim asks for, in a sentence."""
    words, size = CLAIM_WORDS[claim.claim or ""], _size_text(claim, unit)
    than = "more than" if worse == "up" else "less than"
    return words.noun.format(size=size, than=than) if size else words.plain_noun


def place_of(calls: Claim | FindingRecord | Scope) -> str:
    """Which calls something is about."""
    if calls.feature is None and calls.source is not None:
        return calls.source
    feature = "all features" if calls.feature in (None, "*") else calls.feature
    return f"{feature} from {calls.source}" if calls.source else str(feature)


def _size_text(claim: Claim | FindingRecord, unit: str | None) -> str:
    key, size = claim_kind(claim.claim).size_key, claim.size
    if size is None:
        return claimed_share(0.0) if key == "margin" else ""
    return value_in(size, unit) if key == "limit" else claimed_share(size)


# ---- findings --------------------------------------------------------------------------------
def deciding_part(found: FindingRecord) -> FindingRecord:
    """The part of an `any_of` that its finding rests on; any other finding is its own."""
    if found.is_per_feature:
        return found
    same = [part for part in found.parts if part.finding == found.finding]
    return (*same, *found.parts, found)[0]


def asked_text(found: FindingRecord) -> str:
    """What was asked; of `any_of` every alternative."""
    if found.is_per_feature:
        return f"each feature: {claim_cell(found, unit=found.unit)}"
    if not found.parts:
        return claim_cell(found, unit=found.unit)
    parts = (
        f"{recorded_metric(part.metric or '').words}: {claim_cell(part, unit=part.unit)}"
        for part in found.parts
    )
    return f"at least one of: {'; '.join(parts)}"


def changed_text(found: FindingRecord) -> str | None:
    """Before, after, and the change at the same mix of calls; None with nothing to compare."""
    found = deciding_part(found)
    before, after = found.baseline.value, found.post.value
    if before is None or after is None:
        return None
    change = "" if found.difference is None else f" ({change_in(found.difference, found.unit)})"
    return f"{value_in(before, found.unit)} → {value_in(after, found.unit)}{change}"


def interval_text(found: FindingRecord) -> str:
    """The interval of the change."""
    return interval_in(found.interval, found.unit)


def calls_text(found: FindingRecord, arm: Arm) -> str:
    """How many calls an arm has; of events, how many and among what they are counted."""
    numbers = _arm(found, arm)
    if numbers.events is None:
        return f"{count(numbers.calls or 0)} calls"
    return f"{count(numbers.events)} of {among_text(found, arm)}"


def among_text(found: FindingRecord, arm: Arm) -> str:
    """What the metric counts its events among, and how many: calls, failures, minutes."""
    if found.among is None:
        return f"{count(_arm(found, arm).calls or 0)} calls"
    number = found.among.baseline if arm == "baseline" else found.among.post
    return f"{count(number)} {found.among.what}"


def detectable_text(found: FindingRecord) -> str:
    """The minimum detectable change of a finding that shows nothing; empty for one that does."""
    if found.finding in ("met", "worse"):
        return ""
    if found.smallest_visible_change is None:
        return "no change could be detected with so few calls"
    return f"minimum detectable change: {size_in(found.smallest_visible_change, found.unit)}"


def p_text(found: FindingRecord) -> str:
    """p of the claim's own null, and the one adjusted for all expectations."""
    adjusted = "" if found.p_adjusted is None else f" (adjusted {p_value(found.p_adjusted)})"
    return p_value(found.p_value) + adjusted


def window_text(result: LookResult) -> str:
    """The window of a look."""
    return f"{when(result.look.start)} to {when(result.look.end)}"


def is_sample(path: str | None) -> bool:
    """Whether the calls are the simulated ones that `rollout demo` writes."""
    return path is not None and path.replace("\\", "/").startswith("outputs/sample/")


def _arm(found: FindingRecord, arm: Arm) -> ArmRecord:
    return found.baseline if arm == "baseline" else found.post
