"""Findings whose every number is given by hand, for the tests of words and of verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.counting.scope import Scope
from analysis.decision.claims import ClaimEvaluation
from analysis.decision.controls.selection import ControlSelection
from analysis.decision.findings import Finding
from analysis.metrics import metric_named
from analysis.statistics.standardisation import PlainSums
from analysis.text.findings import finding_sentence
from tests.fixtures.comparators import any_of, claim, spoken

LEVEL = 0.951
ZERO = claim("stays_zero", "max_output_tokens_rate", feature="parse")
OF = "answers cut at the token limit of parse"


@dataclass(frozen=True)
class Compared:
    """A comparison whose every number is given."""

    baseline: tuple[float, float]  # events or sum, and n
    post: tuple[float, float]
    difference: float | None = 0.0
    ends: tuple[float, float] = (0.0, 0.0)  # of the interval asked for
    value_ends: tuple[float, float] = (0.0, 0.0)
    coverage: float = 1.0
    common: tuple[tuple[float, float], tuple[float, float]] | None = (
        None  # of the strata in both arms; None: of all
    )

    baseline_y = property(lambda self: self.baseline[0])
    baseline_n = property(lambda self: self.baseline[1])
    post_y = property(lambda self: self.post[0])
    post_n = property(lambda self: self.post[1])
    common_baseline = property(
        lambda self: PlainSums(*(self.common[0] if self.common else self.baseline))
    )
    common_post = property(lambda self: PlainSums(*(self.common[1] if self.common else self.post)))
    crude_baseline_value = property(
        lambda self: self.baseline[0] / self.baseline[1] if self.baseline[1] else None
    )
    crude_post_value = property(lambda self: self.post[0] / self.post[1] if self.post[1] else None)
    baseline_value = crude_baseline_value
    post_value = crude_post_value
    overdispersion = 1.0

    def distance(self, *, scale=1.0, limit=None):
        return self.post_value - (scale * self.baseline_value if limit is None else limit)

    def interval(self, level, *, scale=1.0):
        return tuple(end - (scale - 1.0) * self.baseline_value for end in self.ends)

    def post_interval(self, level):
        return self.value_ends


def finding(state, said, compared, *, interval=None, level=LEVEL, metric=None, **fields):
    """A finding of that state, whose every number is given."""
    metric = metric or metric_named(said.metric, ("quota_gone",))
    evaluation = ClaimEvaluation(said, metric, Scope(), (0, 24), compared, compared)
    return Finding(
        claim=said,
        state=state,
        evaluation=evaluation,
        calls=(0, 0),
        selection=ControlSelection(),
        interval=interval,
        level=level,
        p_value=0.5,
        p_adjusted=0.5,
        useful=fields.pop("useful", 0.1),
        **fields,
    )


def any_of_finding(state, parts):
    """A finding of alternatives."""
    return Finding(
        claim=any_of(*(part.claim for part in parts)),
        state=state,
        evaluation=None,
        calls=(0, 0),
        selection=ControlSelection(),
        interval=None,
        level=LEVEL,
        p_value=0.5,
        p_adjusted=0.5,
        parts=tuple(parts),
    )


def sentence(*args, **keys):
    """The sentence of such a finding, without its typographic characters."""
    return spoken(finding_sentence(finding(*args, **keys)))
