"""What a valid rollout.toml must obey across its keys. Each rule yields every mistake it finds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from analysis.clock import iso
from analysis.config.claim_rules import claim_mistakes
from analysis.config.mistakes import Mistake
from analysis.config.settings import Contents
from analysis.config.step_rules import knob_mistakes, smoke_mistakes
from analysis.errors import WrongUse
from analysis.metrics import METRICS, Metric
from analysis.window import HOUR, format_duration, parse_duration

_ENGINE_NEEDS = {
    "duckdb": ("path",),
    "postgres": ("url_env",),
    "sqlalchemy": ("url_env",),
    "spark": ("path", "table"),
}
_KEY_ENGINES = {
    "path": ("duckdb", "spark"),
    "url_env": ("postgres", "sqlalchemy"),
    "remote": ("spark",),
    "master": ("spark",),
}
_EXAMPLES = {"path": '"calls/*.parquet"', "url_env": '"DATABASE_URL"'}
_WINDOW_MEND = "write windows such as '1h', '4h' or '1d'"


def broken_rules(contents: Contents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of a file whose keys and types are right."""
    yield from _source(contents)
    yield from _baseline(contents)
    yield from _windows(contents)
    yield from _error_classes(contents)
    yield from claim_mistakes(contents, metrics)
    yield from smoke_mistakes(contents)
    yield from knob_mistakes(contents, metrics)
    yield from _names(contents)


def _source(contents: Contents) -> Iterator[Mistake]:
    source = contents.source
    needs = _ENGINE_NEEDS[source.engine]
    if not any(getattr(source, key) for key in needs):
        problem = f"has engine {source.engine!r} and no {' or '.join(needs)}; add {needs[0]} = {_EXAMPLES[needs[0]]}"
        yield Mistake(("source",), problem)
    for key, engines in _KEY_ENGINES.items():
        if getattr(source, key) is not None and source.engine not in engines:
            mend = f"take the line out, or choose the engine that reads it ({', '.join(engines)})"
            yield Mistake(
                ("source", key),
                f"does not go with engine {source.engine!r}; {mend}",
                with_value=False,
            )


def _baseline(contents: Contents) -> Iterator[Mistake]:
    baseline, deployed_at = contents.baseline, contents.rollout.deployed_at
    for given, other in (("start", "end"), ("end", "start")):
        if getattr(baseline, given) is not None and getattr(baseline, other) is None:
            yield Mistake(("baseline", given), f"stands without {other}; give both, or days alone")
    if baseline.start and baseline.end:
        if "days" in baseline.model_fields_set:
            yield Mistake(
                ("baseline", "days"), "stands beside start and end; give one or the other"
            )
        if baseline.end <= baseline.start:
            problem = f"is not after start = {iso(baseline.start)}; give a later end"
            yield Mistake(("baseline", "end"), problem)
        elif deployed_at and baseline.end > deployed_at:
            problem = (
                f"is after the deploy at {iso(deployed_at)}, so the windows overlap the baseline"
            )
            yield Mistake(("baseline", "end"), f"{problem}; end it at the deploy")
    for number, exclusion in enumerate(baseline.exclude):
        place = ("baseline", "exclude", number)
        if exclusion.end <= exclusion.start:
            yield Mistake(
                (*place, "to"), f"is not after from = {iso(exclusion.start)}; give a later time"
            )
        elif deployed_at and exclusion.start >= deployed_at:
            problem = f"is not before the deploy at {iso(deployed_at)}; only hours of the baseline can be excluded"
            yield Mistake((*place, "from"), problem)


def _windows(contents: Contents) -> Iterator[Mistake]:
    place, warm_up = ("monitoring", "windows"), contents.rollout.warm_up
    if not contents.monitoring.windows:
        yield Mistake(place, 'is empty; write windows = ["1h", "4h", "24h"]', with_value=False)
    longest = timedelta(0)
    for number, label in enumerate(contents.monitoring.windows):
        try:
            length = parse_duration(label)
        except WrongUse:
            yield Mistake((*place, number), f"is not a length of time; {_WINDOW_MEND}")
            continue
        if length < HOUR or length % HOUR:
            yield Mistake((*place, number), f"is not a number of whole hours; {_WINDOW_MEND}")
        elif length == longest:
            yield Mistake((*place, number), "is there already; name every window once")
        elif length < longest:
            problem = f"comes after {format_duration(longest)} and is shorter; write the windows in rising order"
            yield Mistake((*place, number), problem)
        longest = max(longest, length)
    if warm_up >= longest > timedelta(0):
        problem = f"is not shorter than the longest window {format_duration(longest)}; shorten it"
        yield Mistake(("rollout", "warm_up"), problem)


def _error_classes(contents: Contents) -> Iterator[Mistake]:
    shipped = {metric.name for metric in METRICS}
    for number, error_class in enumerate(contents.error_classes):
        place = ("error_class", number)
        if f"{error_class.name}_rate" in shipped:
            yield Mistake(
                (*place, "name"), "is the name of a shipped class or metric; choose another"
            )
        if not error_class.contains and error_class.pattern is None:
            yield Mistake(
                place, 'has neither contains nor pattern; add contains = ["words of the message"]'
            )
        for index, words in enumerate(error_class.contains):
            if words != words.lower():
                problem = f"holds capitals, but messages are compared in small letters; write {words.lower()!r}"
                yield Mistake((*place, "contains", index), problem)
        if error_class.pattern is not None and (problem := _pattern_problem(error_class.pattern)):
            yield Mistake((*place, "pattern"), problem)


def _pattern_problem(pattern: str) -> str | None:
    """Keep to the patterns that PostgreSQL, DuckDB and Spark read alike."""
    plain = re.sub(r"\\[.^$*+?()\[\]{}|/-]", "", pattern)
    outside = re.sub(r"\[\^?\]?[^\]]*\]", "", plain)
    if pattern != pattern.lower():
        return "holds capitals, but messages are compared in small letters; write small letters"
    if "\\" in plain:
        return "holds an escape that engines read differently; write classes such as [0-9] or [a-z]"
    if "." in outside:
        return "holds a '.', which engines end at different places; write a class such as [^,]"
    if "(?" in outside:
        return "holds '(?', which engines read differently; write plain groups"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "is not a regular expression; mend its brackets"
    return None


def _names(contents: Contents) -> Iterator[Mistake]:
    """Names are how the result, the ledger and the knobs speak of an entry: every one once."""
    claims = chain(
        _placed("expectation", contents.expectations), _placed("guardrail", contents.guardrails)
    )
    yield from _used_twice(claims)
    yield from _used_twice(_placed("error_class", contents.error_classes))
    yield from _used_twice(_placed("preflight", contents.preflights))
    yield from _used_twice(_placed("smoke", contents.smokes))


def _placed(table: str, entries: Sequence[Any]) -> Iterator[tuple[str, int, str | None]]:
    return ((table, number, entry.name) for number, entry in enumerate(entries))


def _used_twice(entries: Iterator[tuple[str, int, str | None]]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for table, number, name in entries:
        if name in seen:
            yield Mistake(
                (table, number, "name"), "is used twice; give every entry a name of its own"
            )
        if name is not None:
            seen.add(name)
