"""Rules of rollout.toml that concern more than one key. Each yields every mistake that it finds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from analysis.clock import iso
from analysis.config.checked_toml.mistake import Mistake
from analysis.config.checked_toml.validation_errors import example_of
from analysis.config.checked_toml.value_types import meant_name, unknown_name
from analysis.config.claim_rules import claim_mistakes
from analysis.config.engines import ENGINES
from analysis.config.owned_keys import KeyOwner, Need, owned_key_mistakes
from analysis.config.settings import FileContents
from analysis.config.starter import read_starter
from analysis.metrics import METRICS, Metric
from analysis.window import format_duration

SOURCE_OWNERS = tuple(
    KeyOwner(key, "engine", tuple(name for name, entry in ENGINES.items() if entry.reads(key)))
    for key in ("path", "url_env", "remote", "master")
)
SOURCE_NEEDS = tuple(
    Need("engine", name, entry.needs, example_of(read_starter(), "source", entry.needs[0]))
    for name, entry in ENGINES.items()
)


def cross_key_mistakes(contents: FileContents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of a file whose keys and values are valid one by one."""
    yield from owned_key_mistakes(
        ("source",), contents.source, owners=SOURCE_OWNERS, needs=SOURCE_NEEDS
    )
    yield from _baseline_mistakes(contents)
    yield from _window_mistakes(contents)
    yield from _error_class_mistakes(contents)
    yield from claim_mistakes(contents, metrics)
    yield from _regression_mistakes(contents, metrics)
    yield from _accepted_mistakes(contents, metrics)
    yield from _smoke_mistakes(contents)
    yield from _knob_mistakes(contents, metrics)
    yield from _repeated_names(contents)


def _baseline_mistakes(contents: FileContents) -> Iterator[Mistake]:
    baseline, deployed_at = contents.baseline, contents.rollout.deployed_at
    given = baseline.model_fields_set
    for one, other in (("start", "end"), ("end", "start")):
        if one in given and other not in given:
            yield Mistake(("baseline", one), f"needs {other} too; add it, or use only days")
    if baseline.start and baseline.end:
        if "days" in given:
            yield Mistake(("baseline", "days"), "cannot go with start and end; remove one of them")
        if baseline.end <= baseline.start:
            problem = f"is not after start = {iso(baseline.start)}; write a later end"
            yield Mistake(("baseline", "end"), problem)
        elif deployed_at and baseline.end > deployed_at:
            problem = f"is after the deploy at {iso(deployed_at)}; end the baseline at the deploy"
            yield Mistake(("baseline", "end"), problem)
    for number, exclusion in enumerate(baseline.exclude):
        place = ("baseline", "exclude", number)
        if exclusion.end <= exclusion.start:
            problem = f"is not after from = {iso(exclusion.start)}; write a later time"
            yield Mistake((*place, "to"), problem)
        elif deployed_at and exclusion.start >= deployed_at:
            problem = f"is not before the deploy at {iso(deployed_at)}; "
            yield Mistake((*place, "from"), problem + "exclude hours of the baseline only")


def _window_mistakes(contents: FileContents) -> Iterator[Mistake]:
    place, lengths = ("monitoring", "windows"), contents.monitoring.lengths
    if not lengths:
        yield Mistake(place, 'is empty; write windows = ["1h", "4h", "24h"]', shows_value=False)
        return
    for number, (before, length) in enumerate(pairwise(lengths), 1):
        if length <= before:
            problem = f"is not longer than the window before it, {format_duration(before)}"
            yield Mistake((*place, number), f"{problem}; write the windows in rising order")
    longest = max(lengths)
    if contents.rollout.warm_up >= longest:
        problem = f"is not shorter than the longest window {format_duration(longest)}; shorten it"
        yield Mistake(("rollout", "warm_up"), problem)


def _error_class_mistakes(contents: FileContents) -> Iterator[Mistake]:
    shipped = {metric.name for metric in METRICS}
    for number, error_class in enumerate(contents.error_classes):
        if f"{error_class.name}_rate" in shipped:
            problem = "is a shipped class or metric; choose another name"
            yield Mistake(("error_class", number, "name"), problem)
        if not error_class.contains and error_class.pattern is None:
            problem = 'has neither contains nor pattern; add contains = ["words of the message"]'
            yield Mistake(("error_class", number), problem)


def _regression_mistakes(
    contents: FileContents, metrics: Mapping[str, Metric]
) -> Iterator[Mistake]:
    for number, name in enumerate(contents.regressions.metrics):
        if name not in metrics:
            problem = unknown_name(name, sorted(metrics))
            yield Mistake(("regressions", "metrics", number), problem)


def _accepted_mistakes(contents: FileContents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Check that an accepted change names one feature, a metric, and a value it can have."""
    for number, accepted in enumerate(contents.accepted):
        place = ("accepted", number)
        if "*" in accepted.feature:
            problem = "is a pattern; name one feature, and write an entry for each"
            yield Mistake((*place, "feature"), problem)
        if accepted.metric not in metrics:
            problem = unknown_name(accepted.metric, sorted(metrics))
            yield Mistake((*place, "metric"), problem)
        elif metrics[accepted.metric].unit == "share" and accepted.up_to > 1:
            problem = f"is more than 1, but {accepted.metric} is a share from 0 to 1; "
            fix = f"write {accepted.up_to / 100:g} for {accepted.up_to:g} %"
            yield Mistake((*place, "up_to"), problem + fix)


def _smoke_mistakes(contents: FileContents) -> Iterator[Mistake]:
    for number, smoke in enumerate(contents.smokes):
        if smoke.kind == "overlap" and smoke.matches > smoke.calls:
            problem = f"is more than calls = {smoke.calls}; write at most {smoke.calls}"
            yield Mistake(("smoke", number, "matches"), problem)


def _knob_mistakes(contents: FileContents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    names = [claim.name for claim in contents.claims if claim.name]
    for number, knob in enumerate(contents.knobs):
        place, when = ("knob", number), knob.when
        if when.name is not None and when.name not in names:
            meant = meant_name(when.name, names)
            fix = f"did you mean {meant!r}?" if meant else "write the name of one"
            problem = f"is not the name of an expectation or guardrail; {fix}"
            yield Mistake((*place, "when", "name"), problem)
        if when.metric is not None and when.metric not in metrics:
            yield Mistake((*place, "when", "metric"), unknown_name(when.metric, sorted(metrics)))
        if not (when.name or when.metric or when.feature or when.source):
            problem = 'is empty; write when = "the name of an expectation or guardrail"'
            yield Mistake((*place, "when"), problem)
        if (knob.env is None) == (knob.code is None):
            problem = 'needs either env or code; write env = "NAME" for a variable, or '
            yield Mistake(place, problem + 'code = "what to change" where no variable can do it')
        if knob.env is not None and knob.new is None:
            yield Mistake(place, "has no to; add to = the value to turn it to")
        if knob.new is not None and knob.old == knob.new:
            yield Mistake((*place, "to"), "is the same as from; write the value to turn it to")
        if knob.cap_ms is not None and knob.slice is not None:
            yield Mistake((*place, "cap_ms"), "cannot go with slice; remove one of them")
        if knob.slice is not None and knob.slice.min_ms > knob.slice.cap_ms:
            problem = f"is more than cap_ms = {knob.slice.cap_ms}; write less"
            yield Mistake((*place, "slice", "min_ms"), problem)


def _repeated_names(contents: FileContents) -> Iterator[Mistake]:
    """Results, the ledger and knobs refer to an entry by its name, so each name stands once."""
    claims = (("expectation", contents.expectations), ("guardrail", contents.guardrails))
    yield from _repeated(claims)
    yield from _repeated([("error_class", contents.error_classes)])
    yield from _repeated([("preflight", contents.preflights)])
    yield from _repeated([("smoke", contents.smokes)])


def _repeated(tables: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for table, entries in tables:
        for number, entry in enumerate(entries):
            if entry.name in seen:
                yield Mistake(
                    (table, number, "name"), "is used twice; each entry needs its own name"
                )
            if entry.name is not None:
                seen.add(entry.name)
