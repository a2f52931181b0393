"""What a valid rollout.toml must obey across its keys. Each rule yields every mistake it finds."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from analysis.clock import iso
from analysis.config.claim_rules import claim_mistakes
from analysis.config.kinds import VARIABLE, nearest
from analysis.config.mistakes import NOT_SHOWN, Mistake
from analysis.config.settings import Contents
from analysis.config.steps import Smoke
from analysis.errors import WrongUse
from analysis.metrics import Metric
from analysis.window import HOUR, format_duration, parse_duration

_ENGINE_NEEDS = {"duckdb": ("path",), "postgres": ("url_env",), "sqlalchemy": ("url_env",), "spark": ("path", "table")}
_ENGINE_KEYS = {
    "duckdb": {"path"},
    "postgres": {"url_env"},
    "sqlalchemy": {"url_env"},
    "spark": {"path", "remote", "master"},
}
_SMOKE_KEYS = {
    "http": {"method", "url", "headers", "body", "expect_status", "expect_json"},
    "overlap": {"method", "url", "headers", "body", "calls", "matches", "match_json"},
    "completes": {"feature", "trigger"},
}
_SMOKE_NEEDS = {"http": ("url",), "overlap": ("url", "match_json"), "completes": ("feature",)}
_SMOKE_EXAMPLE = {
    "url": '"${APP_URL}/api/health"',
    "match_json": "{skipped = true}",
    "feature": '"draft.verify.email.step3"',
}
_BROKEN_VARIABLE = re.compile(r"\$\{(?![A-Za-z_][A-Za-z0-9_]*\})")


def broken_rules(contents: Contents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of a file whose keys and types are right."""
    yield from _source(contents)
    yield from _baseline(contents)
    yield from _windows(contents)
    yield from _error_classes(contents)
    yield from claim_mistakes(contents, metrics)
    yield from _names(contents)
    for number, smoke in enumerate(contents.smokes):
        yield from _smoke(number, smoke)
    yield from _knobs(contents, metrics)


def _source(contents: Contents) -> Iterator[Mistake]:
    source = contents.source
    needs = _ENGINE_NEEDS[source.engine]
    if not any(getattr(source, key) for key in needs):
        example = {"path": '"calls/*.parquet"', "url_env": '"DATABASE_URL"'}[needs[0]]
        mend = f"add {needs[0]} = {example}"
        yield Mistake(("source",), f"has engine {source.engine!r} and no {' or '.join(needs)}; {mend}", of_table=True)
    for key in ("path", "url_env", "remote", "master"):
        if getattr(source, key) is not None and key not in _ENGINE_KEYS[source.engine]:
            mend = f"take the line out, or choose the engine that reads it ({_engines_with(key)})"
            yield Mistake(("source", key), f"does not go with engine {source.engine!r}; {mend}")


def _engines_with(key: str) -> str:
    return ", ".join(engine for engine, keys in _ENGINE_KEYS.items() if key in keys)


def _baseline(contents: Contents) -> Iterator[Mistake]:
    baseline, deployed_at = contents.baseline, contents.rollout.deployed_at
    for given, other in (("start", "end"), ("end", "start")):
        if getattr(baseline, given) is not None and getattr(baseline, other) is None:
            yield Mistake(("baseline", given), f"stands without {other}; give both, or days alone")
    if baseline.start and baseline.end:
        if "days" in baseline.model_fields_set:
            yield Mistake(("baseline", "days"), "stands beside start and end; give one or the other", baseline.days)
        if baseline.end <= baseline.start:
            yield Mistake(
                ("baseline", "end"), f"is not after start = {iso(baseline.start)}; give a later end", baseline.end
            )
        elif deployed_at and baseline.end > deployed_at:
            problem = f"is after the deploy at {iso(deployed_at)}, so the windows overlap the baseline; end it at the deploy"
            yield Mistake(("baseline", "end"), problem, baseline.end)
    for number, exclusion in enumerate(baseline.exclude):
        place = ("baseline", "exclude", number)
        if exclusion.end <= exclusion.start:
            yield Mistake(
                (*place, "to"), f"is not after from = {iso(exclusion.start)}; give a later time", exclusion.end
            )
        elif deployed_at and exclusion.start >= deployed_at:
            problem = f"is not before the deploy at {iso(deployed_at)}; only hours of the baseline can be excluded"
            yield Mistake((*place, "from"), problem, exclusion.start)


def _windows(contents: Contents) -> Iterator[Mistake]:
    place = ("monitoring", "windows")
    monitoring = contents.monitoring
    if not monitoring.windows:
        yield Mistake(place, 'is empty; write windows = ["1h", "4h", "24h"]')
    longest = timedelta(0)
    for number, label in enumerate(monitoring.windows):
        try:
            length = parse_duration(label)
        except WrongUse:
            yield Mistake((*place, number), "is not a length of time; write windows such as '1h', '4h' or '1d'", label)
            return
        if length < HOUR or length % HOUR:
            yield Mistake(
                (*place, number), "is not a number of whole hours; write windows such as '1h', '4h' or '1d'", label
            )
        elif length == longest:
            yield Mistake((*place, number), "is there already; name every window once", label)
        elif length < longest:
            problem = f"comes after {format_duration(longest)} and is not longer; write the windows in rising order"
            yield Mistake((*place, number), problem, label)
        longest = max(longest, length)
    if contents.rollout.warm_up >= longest > timedelta(0):
        problem = f"is not shorter than the longest window {format_duration(longest)}; shorten it"
        yield Mistake(("rollout", "warm_up"), problem, format_duration(contents.rollout.warm_up))


def _error_classes(contents: Contents) -> Iterator[Mistake]:
    for number, error_class in enumerate(contents.error_classes):
        place = ("error_class", number)
        if not error_class.contains and error_class.pattern is None:
            yield Mistake(
                place, 'has neither contains nor pattern; add contains = ["words of the message"]', of_table=True
            )
        for index, words in enumerate(error_class.contains):
            if words != words.lower():
                mend = f"messages are compared in small letters; write {words.lower()!r}"
                yield Mistake((*place, "contains", index), f"holds capital letters; {mend}", words)
        if error_class.pattern is not None and (problem := _pattern_problem(error_class.pattern)):
            yield Mistake((*place, "pattern"), problem, error_class.pattern)


def _pattern_problem(pattern: str) -> str | None:
    """Keep to the patterns that PostgreSQL, DuckDB and Spark read alike."""
    outside = re.sub(r"\[\^?\]?[^\]]*\]", "", re.sub(r"\\[.^$*+?()\[\]{}|/-]", "", pattern))
    if pattern != pattern.lower():
        return "holds capital letters; messages are compared in small letters, write it in small letters"
    if "\\" in outside:
        return "holds an escape that engines read differently; write classes such as [0-9] or [a-z]"
    if "." in outside:
        return "holds a '.', which engines end at different places; write a class such as [^,]"
    if "(?" in outside:
        return "holds '(?', which engines read differently; write it with plain groups"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "is not a regular expression; mend its brackets"
    return None


def _names(contents: Contents) -> Iterator[Mistake]:
    """Names are how the result, the ledger and the knobs speak of an entry: every one once."""
    lists: dict[str, list[tuple[tuple[str, int], Any]]] = defaultdict(list)
    for table, entries, family in (
        ("expectation", contents.expectations, "claim"),
        ("guardrail", contents.guardrails, "claim"),
        ("error_class", contents.error_classes, "error_class"),
        ("preflight", contents.preflights, "preflight"),
        ("smoke", contents.smokes, "smoke"),
    ):
        lists[family] += [((table, number), entry) for number, entry in enumerate(entries)]
    for entries in lists.values():
        seen: set[str] = set()
        for place, entry in entries:
            if entry.name in seen:
                yield Mistake((*place, "name"), "is used twice; give every entry a name of its own", entry.name)
            if entry.name is not None:
                seen.add(entry.name)


def _smoke(number: int, smoke: Smoke) -> Iterator[Mistake]:
    place = ("smoke", number)
    for key in _SMOKE_NEEDS[smoke.kind]:
        if getattr(smoke, key) is None:
            mend = f"add {key} = {_SMOKE_EXAMPLE[key]}"
            yield Mistake(place, f"is of kind {smoke.kind!r} and has no {key}; {mend}", of_table=True)
    for key in sorted(smoke.model_fields_set & set().union(*_SMOKE_KEYS.values()) - _SMOKE_KEYS[smoke.kind]):
        kinds = " or ".join(repr(kind) for kind, keys in _SMOKE_KEYS.items() if key in keys)
        yield Mistake((*place, key), f"does not go with kind {smoke.kind!r}; it belongs to kind {kinds}")
    if smoke.matches > smoke.calls:
        yield Mistake(
            (*place, "matches"), f"is more than calls = {smoke.calls}; write {smoke.calls} or less", smoke.matches
        )
    for request, inner in ((smoke, place), (smoke.trigger, (*place, "trigger"))):
        if request is None or request.url is None:
            continue
        if not request.url.startswith(("http://", "https://", "${")):
            mend = 'write "https://..." or "${APP_URL}/..."'
            yield Mistake((*inner, "url"), f"is not the URL of a request; {mend}", request.url)
        for key, text in (
            ("url", request.url),
            *((f"headers.{name}", value) for name, value in request.headers.items()),
        ):
            if _BROKEN_VARIABLE.search(text) or "$" in VARIABLE.sub("", text):
                yield Mistake((*inner, *key.split(".", 1)), "holds a '$' that is no variable; write ${NAME}", NOT_SHOWN)


def _knobs(contents: Contents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    names = [claim.name for claim in (*contents.expectations, *contents.guardrails) if claim.name]
    for number, knob in enumerate(contents.knobs):
        place, when = ("knob", number), knob.when
        if when.name is not None and when.name not in names:
            near = f"did you mean {nearest(when.name, names)!r}?" if names else "declare an [[expectation]] first"
            yield Mistake((*place, "when"), f"names no expectation or guardrail; {near}", when.name)
        if when.name is None and when.metric is None and when.feature is None and when.source is None:
            yield Mistake((*place, "when"), 'says nothing; write when = "the name of an expectation or guardrail"')
        if when.metric is not None and when.metric not in metrics:
            yield Mistake(
                (*place, "when", "metric"),
                f"is not known; did you mean {nearest(when.metric, [*metrics])!r}?",
                when.metric,
            )
        if (knob.env is None) == (knob.code is None):
            mend = 'write env = "NAME" for a variable, or code = "what to change" when no variable can do it'
            yield Mistake(place, f"needs either env or code; {mend}", of_table=True)
        if knob.env is not None and knob.new is None:
            yield Mistake(place, "has no to; add to = the value to turn it to", of_table=True)
        if knob.new is not None and knob.old == knob.new:
            yield Mistake((*place, "to"), "is the same as from; write the value to turn it to", knob.new)
        if knob.cap_ms is not None and knob.slice is not None:
            yield Mistake((*place, "cap_ms"), "stands beside slice; give one of the two", knob.cap_ms)
        if knob.slice is not None and knob.slice.min_ms > knob.slice.cap_ms:
            problem = f"is more than cap_ms = {knob.slice.cap_ms}; write less"
            yield Mistake((*place, "slice", "min_ms"), problem, knob.slice.min_ms)
