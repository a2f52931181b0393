"""Rules for [[expectation]] and [[guardrail]]: what each kind of claim and metric needs."""

from collections.abc import Iterator, Mapping

from analysis.claim_kinds import CLAIM_KINDS
from analysis.config.checked_toml.key_lines import Place
from analysis.config.checked_toml.mistake import Mistake
from analysis.config.checked_toml.value_types import unknown_name
from analysis.config.owned_keys import KeyOwner, Need, owned_key_mistakes
from analysis.config.settings import Claim, FileContents
from analysis.metrics import Metric

KEY_OWNERS = (
    *(
        KeyOwner(key, "claim", tuple(k.name for k in CLAIM_KINDS.values() if k.size_key == key))
        for key in ("by", "margin", "limit")
    ),
    KeyOwner(
        "smallest_useful",
        "claim",
        tuple(kind.name for kind in CLAIM_KINDS.values() if kind.null == "change"),
    ),
    KeyOwner("budget_ms", "metric", ("cron_over_budget_rate",)),
    KeyOwner("tau_ms", "metric", ("rmst",)),
)
NEEDS = tuple(
    Need("claim", kind.name, (kind.size_key,), kind.size_example)
    for kind in CLAIM_KINDS.values()
    if kind.size_example
)
PART_KEYS = {"metric", "claim", "by", "margin", "limit", "budget_ms", "tau_ms", "smallest_useful"}
"""Keys of one claim. With any_of they belong inside its parts."""
WHOLE_KEYS = {"name", "critical", "any_of", "per", "exceptions"}
"""Keys that a part of any_of cannot have."""
PATTERN_KEYS = {"per": "per", "exceptions": "except"}
"""Keys of a guardrail about several features, as attribute and as the file writes it."""


def claim_mistakes(contents: FileContents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of the expectations and guardrails."""
    if not contents.claims:
        problem = "no [[expectation]] and no [[guardrail]], so there is nothing to judge; add an "
        example = 'name, feature, metric = "timeout_rate" and claim = "falls"'
        yield Mistake((), f"{problem}[[expectation]] with {example}")
    for number, claim in enumerate(contents.expectations):
        yield from _expectation_mistakes(("expectation", number), claim)
        yield from _whole_claim_mistakes(("expectation", number), claim, metrics)
    for number, claim in enumerate(contents.guardrails):
        if claim.claim and claim.kind.null == "change":
            problem = "belongs in an [[expectation]]; write no_worse, below or stays_zero"
            yield Mistake(("guardrail", number, "claim"), problem)
        yield from _pattern_mistakes(("guardrail", number), claim)
        yield from _whole_claim_mistakes(("guardrail", number), claim, metrics)


def _expectation_mistakes(place: Place, claim: Claim) -> Iterator[Mistake]:
    if not any(part.feature or part.source for part in (claim, *claim.any_of)):
        yield Mistake(place, 'has neither feature nor source; add feature = "..."')
    if claim.critical:
        problem = "goes with a [[guardrail]] only, an expectation always counts; remove it"
        yield Mistake((*place, "critical"), problem)
    for name, key in PATTERN_KEYS.items():
        if name in claim.model_fields_set:
            yield Mistake((*place, key), "goes with a [[guardrail]] only; remove it")


def _pattern_mistakes(place: Place, claim: Claim) -> Iterator[Mistake]:
    """Check a guardrail about several features: each by itself, or one total of them."""
    given = {key for name, key in PATTERN_KEYS.items() if name in claim.model_fields_set}
    if not claim.has_feature_pattern:
        for key in sorted(given):
            yield Mistake((*place, key), 'goes with a pattern such as feature = "*"; remove it')
    elif claim.any_of and claim.per == "feature":
        problem = "cannot be judged for each feature by itself; "
        yield Mistake((*place, "any_of"), f'{problem}add per = "total", or name one feature')


def _whole_claim_mistakes(
    place: Place, claim: Claim, metrics: Mapping[str, Metric]
) -> Iterator[Mistake]:
    """Check an expectation or a guardrail: its name, and its one claim or its parts."""
    if claim.name is None:
        yield Mistake(place, 'has no name; add name = "what you expect, in a few words"')
    if "any_of" not in claim.model_fields_set:
        yield from _single_claim_mistakes(place, claim, metrics)
        return
    if len(claim.any_of) < 2:
        yield Mistake((*place, "any_of"), "needs at least two parts; write one claim without it")
    for key in sorted(PART_KEYS & claim.model_fields_set):
        yield Mistake((*place, key), "cannot go with any_of; write it inside the parts")
    for number, part in enumerate(claim.any_of):
        for key in sorted(WHOLE_KEYS & part.model_fields_set):
            problem = "does not belong inside a part; write it next to any_of"
            yield Mistake((*place, "any_of", number, PATTERN_KEYS.get(key, key)), problem)
        yield from _single_claim_mistakes((*place, "any_of", number), part, metrics)


def _single_claim_mistakes(
    place: Place, claim: Claim, metrics: Mapping[str, Metric]
) -> Iterator[Mistake]:
    """Check one claim about one metric."""
    if claim.metric is None or claim.claim is None:
        for key, example in (("metric", '"timeout_rate"'), ("claim", '"falls"')):
            if getattr(claim, key) is None:
                yield Mistake(place, f"has no {key}; add {key} = {example}")
        return
    if claim.metric not in metrics:
        yield Mistake((*place, "metric"), unknown_name(claim.metric, sorted(metrics)))
        return
    metric = metrics[claim.metric]
    yield from owned_key_mistakes(place, claim, owners=KEY_OWNERS, needs=NEEDS)
    if claim.kind.rule == "no_event" and not metric.kind.counts_events:
        problem = f"needs a metric that counts events, not {metric.name!r}; "
        yield Mistake((*place, "claim"), problem + "write no_worse with a margin")
    if claim.limit is not None and metric.unit == "share" and claim.limit > 1:
        problem = f"is more than 1, but {metric.name} is a share from 0 to 1; "
        yield Mistake(
            (*place, "limit"), f"{problem}write {claim.limit / 100:g} for {claim.limit:g} %"
        )
    if claim.margin is not None and metric.worse == "down" and claim.margin >= 1:
        problem = f"would let {metric.name} fall to zero; write a margin below 1"
        yield Mistake((*place, "margin"), problem)
