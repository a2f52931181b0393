"""What was required of each expectation and what came, as changes relative to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.claim_kinds import claim_kind
from analysis.metrics import recorded_metric
from analysis.results.finding_record import FindingRecord
from analysis.results.model import LookResult


@dataclass(frozen=True)
class RelativeChange:
    """A change and its interval as shares of the baseline: -1 is gone, +1 is doubled."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ForestRow:
    """One claim on the forest plot.

    Attributes
    ----------
    state : its finding.
    change : None when nothing can be compared.
    required : the change that the claim asks for; None when it asks for none.
    needs_fall : whether the good side is the left one.
    """

    name: str
    state: str
    change: RelativeChange | None
    required: float | None
    needs_fall: bool


@dataclass(frozen=True)
class Forest:
    """All expectations.

    Attributes
    ----------
    too_small : changes within it are too small to matter.
    level : of the intervals; None when there is none yet.
    """

    rows: tuple[ForestRow, ...]
    too_small: float
    level: float | None


@dataclass(frozen=True)
class LookPoint:
    """One look at one claim; `change` and `bound` are None when the look is not made."""

    window: str
    change: RelativeChange | None
    bound: float | None
    verdict: str
    state: str


@dataclass(frozen=True)
class LookSeries:
    """Every planned look at one claim, in order."""

    name: str
    points: tuple[LookPoint, ...]
    required: float | None


def prepare_forest(result: LookResult, *, too_small: float) -> Forest:
    """Every expectation, an `any_of` by its parts."""
    found = [single for claim in result.expectations for single in claim.single_claims]
    level = min((item.level for item in found if item.level), default=None)
    rows = [
        ForestRow(item.name, item.finding, relative_change(item), *required_change(item))
        for item in found
    ]
    return Forest(tuple(rows), too_small, level)


def prepare_look_series(
    results: Sequence[LookResult | None], windows: Sequence[str], name: str
) -> LookSeries:
    """One claim through every planned look; a result is None where no look was made."""
    points, required = [], None
    for window, result in zip(windows, results, strict=True):
        claims = result.expectations if result else ()
        singles = (single for claim in claims for single in claim.single_claims)
        found = next((single for single in singles if single.name == name), None)
        if found:
            required = required_change(found)[0]
        points.append(
            LookPoint(
                window,
                relative_change(found) if found else None,
                result.look.bound if result else None,
                result.verdict.replace("_", " ") if result else "no look",
                found.finding if found else "no_data",
            )
        )
    return LookSeries(name, tuple(points), required)


def relative_change(found: FindingRecord) -> RelativeChange | None:
    """Change as a share of the baseline's value at the same mix; None without such a share."""
    difference, ratio, interval = found.difference, found.ratio, found.interval
    if difference is None or ratio is None or interval is None:
        return None
    base = difference / (ratio - 1) if ratio != 1 else found.baseline.value
    if not base:
        return None
    low = max(interval[0] / base, -1.0)  # no metric falls below zero
    return RelativeChange(difference / base, low, interval[1] / base)


def required_change(found: FindingRecord) -> tuple[float | None, bool]:
    """The relative change that the claim asks for, and whether it must fall to it."""
    if found.claim is None or found.metric is None:
        return None, True
    kind, worse = claim_kind(found.claim), recorded_metric(found.metric).worse
    needs_fall = kind.good_side(worse) == "less"
    if kind.null != "limit":
        return kind.null_change(found.size, worse), needs_fall
    if found.limit and found.baseline.value:
        return found.limit / found.baseline.value - 1, needs_fall
    return 0.0 if kind.rule == "no_event" else None, needs_fall
