"""Every kind of claim is one record: its good side, its null, and the rule that decides it.

To add a kind, add a record to `CLAIM_KINDS`, and its words to text/. Code that treats kinds
differently asks the record, never its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["less", "greater"]
Null = Literal["change", "margin", "limit", "none"]
DecisionRule = Literal["look_bound", "one_sided", "no_event", "any_part", "search"]
SizeKey = Literal["by", "margin", "limit"]
OPPOSITE: Mapping[Side, Side] = {"less": "greater", "greater": "less"}


@dataclass(frozen=True)
class ClaimKind:
    """One kind of claim about a metric.

    Attributes
    ----------
    name : as written in rollout.toml; empty for UNDECLARED.
    side : where the post value must lie, seen from the null value; None for the better side of
        the metric.
    null : what the post value is compared with.

        ``change``: the baseline, moved by the claimed size towards the good side.
        ``margin``: the baseline, moved by the allowed size towards the bad side.
        ``limit``: a fixed number in the metric's unit. The post calls are taken as they came, not
        at the baseline's mix.
        ``none``: nothing of its own.
    rule : how it is decided.

        ``look_bound``: met when the test crosses this look's bound (Holm over the family, alpha
        shared over the looks); refuted at the last look, when the interval excludes the required
        change.
        ``one_sided``: met when the one-sided test on the good side holds at 5 %; refuted when the
        opposite does, at the last look or at two looks running.
        ``no_event``: met without an event when the one-sided upper bound of the rate lies below
        the limit (the baseline's rate without one); refuted by the first event. For metrics that
        count events.
        ``any_part``: met when one of its parts is; refuted or worse when every part is.
        ``search``: found by the search over all features; decides nothing.
    size_key : the key of a claim that holds its size.
    size_example : what to write for a size that must be given; empty where it is optional.
    """

    name: str
    side: Side | None
    null: Null
    rule: DecisionRule
    size_key: SizeKey
    size_example: str = ""

    def good_side(self, worse: Literal["up", "down"]) -> Side:
        """Where the post value must lie, for a metric that gets worse in this direction."""
        return self.side or ("less" if worse == "up" else "greater")

    def harm_side(self, worse: Literal["up", "down"]) -> Side:
        """The side opposite to the good one."""
        return OPPOSITE[self.good_side(worse)]

    def null_change(self, size: float | None, worse: Literal["up", "down"]) -> float:
        """The null value relative to the baseline: -0.5 for a fall by half, 0 for a limit.

        >>> [CLAIM_KINDS[name].null_change(0.5, "up") for name in ("falls", "no_worse", "below")]
        [-0.5, 0.5, 0.0]
        """
        if self.null == "limit" or not size:
            return 0.0
        side = self.good_side(worse) if self.null == "change" else self.harm_side(worse)
        return size if side == "greater" else -size


CLAIM_KINDS: Mapping[str, ClaimKind] = {
    kind.name: kind
    for kind in (
        ClaimKind("falls", "less", "change", "look_bound", "by"),
        ClaimKind("rises", "greater", "change", "look_bound", "by"),
        ClaimKind("stays_zero", "less", "limit", "no_event", "limit"),
        ClaimKind(
            "no_worse", None, "margin", "one_sided", "margin", "margin = 0.1 for ten percent"
        ),
        ClaimKind("below", "less", "limit", "one_sided", "limit", "limit = 30000 (ms)"),
    )
}
"""The kinds by the name that a claim of rollout.toml gives."""
ANY_OF = ClaimKind("any_of", None, "none", "any_part", "by")
"""Several claims, of which one is enough."""
UNDECLARED = ClaimKind("", None, "change", "search", "by")
"""A change that no claim covers, as the search over all features finds it."""


def claim_kind(name: str | None) -> ClaimKind:
    """The kind of that name; UNDECLARED without a name."""
    return UNDECLARED if name is None else CLAIM_KINDS[name]
