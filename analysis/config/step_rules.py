"""What a [[smoke]] check and a [[knob]] must say, each by its kind."""

import re
from collections.abc import Iterator, Mapping

from analysis.config.kinds import VARIABLE, nearest
from analysis.config.lines import Loc
from analysis.config.mistakes import Mistake
from analysis.config.settings import Contents
from analysis.config.steps import Knob, Request, Smoke
from analysis.metrics import Metric

_KEY_KINDS = {
    "method": ("http", "overlap"),
    "url": ("http", "overlap"),
    "headers": ("http", "overlap"),
    "body": ("http", "overlap"),
    "expect_status": ("http",),
    "expect_json": ("http",),
    "calls": ("overlap",),
    "matches": ("overlap",),
    "match_json": ("overlap",),
    "feature": ("completes",),
    "trigger": ("completes",),
}
_KIND_NEEDS = {"http": ("url",), "overlap": ("url", "match_json"), "completes": ("feature",)}
_EXAMPLES = {
    "url": '"${APP_URL}/api/health"',
    "match_json": "{skipped = true}",
    "feature": '"draft.verify.email.step3"',
}
_BEGINNING = re.compile(r"https?://[^/\s]|\$\{")


def smoke_mistakes(contents: Contents) -> Iterator[Mistake]:
    """Yield every mistake of the smoke checks."""
    for number, smoke in enumerate(contents.smokes):
        place = ("smoke", number)
        yield from _kind(place, smoke)
        if smoke.matches > smoke.calls:
            yield Mistake(
                (*place, "matches"),
                f"is more than calls = {smoke.calls}; write {smoke.calls} or less",
            )
        yield from _request(place, smoke)
        if smoke.trigger is not None:
            yield from _request((*place, "trigger"), smoke.trigger)


def _kind(place: Loc, smoke: Smoke) -> Iterator[Mistake]:
    for key in _KIND_NEEDS[smoke.kind]:
        if getattr(smoke, key) is None:
            yield Mistake(
                place, f"is of kind {smoke.kind!r} and has no {key}; add {key} = {_EXAMPLES[key]}"
            )
    for key, kinds in _KEY_KINDS.items():
        if key in smoke.model_fields_set and smoke.kind not in kinds:
            problem = f"does not go with kind {smoke.kind!r}; it belongs to kind {' or '.join(map(repr, kinds))}"
            yield Mistake((*place, key), problem, with_value=False)


def _request(place: Loc, request: Smoke | Request) -> Iterator[Mistake]:
    if request.url is not None and not _BEGINNING.match(request.url):
        yield Mistake(
            (*place, "url"), 'is not the URL of a request; write "https://..." or "${APP_URL}/..."'
        )
    texts = [
        (("url",), request.url or ""),
        *((("headers", name), text) for name, text in request.headers.items()),
    ]
    for keys, text in texts:
        if "$" in VARIABLE.sub("", text):
            yield Mistake(
                (*place, *keys), "holds a '$' that is no variable; write ${NAME}", with_value=False
            )


def knob_mistakes(contents: Contents, metrics: Mapping[str, Metric]) -> Iterator[Mistake]:
    """Yield every mistake of the knobs."""
    names = [claim.name for claim in (*contents.expectations, *contents.guardrails) if claim.name]
    for number, knob in enumerate(contents.knobs):
        yield from _when(("knob", number, "when"), knob, names, metrics)
        yield from _turn(("knob", number), knob)


def _when(
    place: Loc, knob: Knob, names: list[str], metrics: Mapping[str, Metric]
) -> Iterator[Mistake]:
    when = knob.when
    if when.name is not None and when.name not in names:
        mend = (
            f"did you mean {nearest(when.name, names)!r}?"
            if names
            else "declare an [[expectation]] first"
        )
        yield Mistake((*place, "name"), f"names no expectation or guardrail; {mend}")
    if when.metric is not None and when.metric not in metrics:
        yield Mistake(
            (*place, "metric"), f"is not known; did you mean {nearest(when.metric, [*metrics])!r}?"
        )
    if not (when.name or when.metric or when.feature or when.source):
        mend = 'write when = "the name of an expectation or guardrail"'
        yield Mistake(place, f"says nothing; {mend}", with_value=False)


def _turn(place: Loc, knob: Knob) -> Iterator[Mistake]:
    if (knob.env is None) == (knob.code is None):
        mend = 'write env = "NAME" for a variable, or code = "what to change" when no variable can do it'
        yield Mistake(place, f"needs either env or code; {mend}")
    if knob.env is not None and knob.new is None:
        yield Mistake(place, "has no to; add to = the value to turn it to")
    if knob.new is not None and knob.old == knob.new:
        yield Mistake((*place, "to"), "is the same as from; write the value to turn it to")
    if knob.cap_ms is not None and knob.slice is not None:
        yield Mistake((*place, "cap_ms"), "stands beside slice; give one of the two")
    if knob.slice is not None and knob.slice.min_ms > knob.slice.cap_ms:
        yield Mistake(
            (*place, "slice", "min_ms"), f"is more than cap_ms = {knob.slice.cap_ms}; write less"
        )
