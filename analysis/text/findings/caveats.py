"""Why a change may not count, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.decision.claims.caveats import (
    Caveat,
    ErrorClassShift,
    SharedMovement,
    StoppedTraffic,
)
from analysis.formatting import share, value_in
from analysis.metrics import TRAFFIC
from analysis.text.controls import shared_clause

if TYPE_CHECKING:
    from analysis.decision.claims.findings import Finding


def caveat_clause(caveat: Caveat) -> str:
    """What else was seen with a change, as the end of a sentence."""
    return next(words(caveat) for kind, words in _CAVEATS.items() if isinstance(caveat, kind))


def caveat_sentence(finding: Finding) -> str:
    """The caveat of a finding; empty without one."""
    if finding.caveat is None:
        return ""
    words = caveat_clause(finding.caveat)
    return f" This does not count: {words}." if finding.caveat.forbids else f" But {words}."


def _stopped_traffic(caveat: StoppedTraffic) -> str:
    before, after = (value_in(rate, TRAFFIC.unit) for rate in (caveat.baseline, caveat.post))
    return f"traffic fell from {before} to {after}, and the calls that are left may be different"


def _error_class_shift(caveat: ErrorClassShift) -> str:
    every = caveat.all_errors
    verb = "rose" if every.post > every.baseline else "fell"
    changes = [
        f"{change.metric.words} rose from {share(change.baseline)} to {share(change.post)}"
        for change in caveat.grown
    ]
    changes.append(
        f"all failed calls together {verb} "
        f"from {share(every.baseline)} to {share(every.post)} of the calls"
    )
    return " and ".join(changes)


_CAVEATS: Mapping[type[Caveat], Callable[..., str]] = {
    StoppedTraffic: _stopped_traffic,
    ErrorClassShift: _error_class_shift,
    SharedMovement: lambda caveat: shared_clause(caveat.controls),
}
