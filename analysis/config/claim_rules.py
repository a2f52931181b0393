"""What an [[expectation]] or a [[guardrail]] must say, and what each kind of claim and metric needs."""

from collections.abc import Iterator, Mapping

from analysis.config.kinds import nearest
from analysis.config.lines import Loc
from analysis.config.mistakes import Mistake
from analysis.config.settings import Claim, Contents
from analysis.metrics import METRICS, Metric

_KEY_CLAIMS = {  # which claims a key goes with
    "by": ("falls", "rises"),
    "smallest_useful": ("falls", "rises"),
    "margin": ("no_worse",),
    "limit": ("below", "stays_zero"),
}
_CLAIM_NEEDS = {
    "no_worse": ("margin", "margin = 0.1 for ten percent"),
    "below": ("limit", "limit = 30000 (ms)"),
}
_KEY_METRICS = {metric.claim_key: metric.name for metric in METRICS if metric.claim_key}
_OF_ONE_CLAIM = (
    "metric",
    "claim",
    "by",
    "margin",
    "limit",
    "budget_ms",
    "tau_ms",
    "smallest_useful",
)
_OF_THE_WHOLE = ("name", "critical", "any_of")


def claim_mistakes(contents: Contents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of the expectations and guardrails."""
    if not contents.expectations and not contents.guardrails:
        mend = (
            'add an [[expectation]] with name, feature, metric = "timeout_rate" and claim = "falls"'
        )
        yield Mistake(
            (), f"no [[expectation]] and no [[guardrail]], so nothing would be judged; {mend}"
        )
    for table, claims in (
        ("expectation", contents.expectations),
        ("guardrail", contents.guardrails),
    ):
        for number, claim in enumerate(claims):
            place = (table, number)
            yield from _whole(place, claim)
            if claim.any_of:
                for index, part in enumerate(claim.any_of):
                    yield from _part((*place, "any_of", index), part, metrics)
            else:
                yield from _single(place, claim, metrics)


def _whole(place: Loc, claim: Claim) -> Iterator[Mistake]:
    """Check what an entry says as a whole: its name, what it looks at, what it may be."""
    table = place[0]
    if claim.name is None:
        yield Mistake(place, 'has no name; add name = "what you expect, in a few words"')
    looks_somewhere = any(one.feature or one.source for one in (claim, *claim.any_of))
    if table == "expectation" and not looks_somewhere:
        yield Mistake(place, 'has neither feature nor source; add feature = "..."')
    if table == "expectation" and claim.critical:
        yield Mistake(
            (*place, "critical"),
            "goes with a [[guardrail]] only; take it out, an expectation always counts",
        )
    if table == "guardrail" and claim.claim in ("falls", "rises"):
        problem = "is what an [[expectation]] says; a guardrail says no_worse, below or stays_zero"
        yield Mistake((*place, "claim"), problem)
    if "any_of" in claim.model_fields_set and len(claim.any_of) < 2:
        yield Mistake(
            (*place, "any_of"), "needs at least two parts; write a single claim without any_of"
        )
    if claim.any_of:
        for key in _OF_ONE_CLAIM:
            if key in claim.model_fields_set:
                yield Mistake((*place, key), "stands beside any_of; write it inside its parts")


def _part(place: Loc, part: Claim, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    for key in _OF_THE_WHOLE:
        if key in part.model_fields_set:
            yield Mistake((*place, key), "cannot stand inside a part; write it beside any_of")
    yield from _single(place, part, metrics)


def _single(place: Loc, claim: Claim, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Check one claim about one metric."""
    if claim.metric is None or claim.claim is None:
        for key, example in (("metric", '"timeout_rate"'), ("claim", '"falls"')):
            if getattr(claim, key) is None:
                yield Mistake(place, f"has no {key}; add {key} = {example}")
        return
    metric = metrics.get(claim.metric)
    if metric is None:
        near = nearest(claim.metric, [*metrics])
        yield Mistake(
            (*place, "metric"),
            f"is not known; did you mean {near!r}? (known: {', '.join(sorted(metrics))})",
        )
        return
    yield from _keys(place, claim)
    yield from _size(place, claim, metric)


def _keys(place: Loc, claim: Claim) -> Iterator[Mistake]:
    """Check that the claim has the key it needs, and none that it does not read."""
    needed, mend = _CLAIM_NEEDS.get(claim.claim, (None, None))
    if needed and getattr(claim, needed) is None:
        yield Mistake((*place, "claim"), f"needs {needed}; add {mend}")
    for key, claims in _KEY_CLAIMS.items():
        if getattr(claim, key) is not None and claim.claim not in claims:
            yield Mistake(
                (*place, key),
                f"does not go with claim {claim.claim!r}; it belongs to {' or '.join(claims)}",
            )
    for key, metric in _KEY_METRICS.items():
        if getattr(claim, key) is not None and claim.metric != metric:
            yield Mistake(
                (*place, key), f"does not go with metric {claim.metric!r}; it belongs to {metric}"
            )


def _size(place: Loc, claim: Claim, metric: Metric) -> Iterator[Mistake]:
    """Check that the numbers are of the metric's unit."""
    if claim.claim == "stays_zero" and not metric.indicator:
        mend = "write no_worse with a margin, or below with a limit"
        yield Mistake(
            (*place, "claim"), f"needs a metric that counts events, not {metric.name!r}; {mend}"
        )
    if claim.limit is not None and metric.indicator and claim.limit > 1:
        mend = f"write {claim.limit / 100:g} for {claim.limit:g} %"
        yield Mistake(
            (*place, "limit"), f"is more than 1, but {metric.name} is a share from 0 to 1; {mend}"
        )
    if claim.margin is not None and metric.worse == "down" and claim.margin >= 1:
        yield Mistake(
            (*place, "margin"), f"would let {metric.name} fall to nothing; write a margin below 1"
        )
