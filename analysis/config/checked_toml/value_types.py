"""Types of the values in rollout.toml. The text of a broken rule follows `key = value`."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, Strict
from pydantic_core import PydanticCustomError

from analysis.clock import in_utc, parse_instant
from analysis.errors import WrongUse
from analysis.window import HOUR, parse_duration

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""An environment variable in a URL, a header or a body: expanded when it is used, never before."""
BROKEN_RULE, BROKEN_SECRET_RULE = "broken_rule", "broken_secret_rule"
"""Types of our own validation errors; the value of the second is never shown."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DURATION_FIX = "write a number with a unit such as '90s', '4h' or '2d'"
_WINDOW_FIX = "write windows such as '1h', '4h' or '1d'"
_INSTANT_FIX = "write a time with its zone such as 2026-02-02T23:10:16Z"


class TomlTable(BaseModel):
    """One table of rollout.toml: no other keys than its own, nothing changed later."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
    )

    @classmethod
    def example(cls) -> str:
        """A TOML file with every key of this table, of which error messages show one."""
        return ""


def meant_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant; case does not matter, None if none is near."""
    folded = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Say that a name is not among the known ones, and which of them was probably meant."""
    known = tuple(known)
    meant = meant_name(name, known)
    question = f"; did you mean {meant!r}?" if meant else ""
    return f"is not known{question} (known: {', '.join(known)})"


def one_of(known: Iterable[str]) -> AfterValidator:
    """Check that a text is a known name."""
    known = tuple(known)
    return _rule(lambda text: None if text in known else unknown_name(text, known))


def _rule(problem: Callable[[str], str | None], *, is_secret: bool = False) -> AfterValidator:
    """Check that a text has no problem; `is_secret` hides the text when it has one."""

    def check(text: str) -> str:
        if found := problem(text):
            raise PydanticCustomError(BROKEN_SECRET_RULE if is_secret else BROKEN_RULE, found)
        return text

    return AfterValidator(check)


def _matching(pattern: str, problem: str, *, is_secret: bool = False) -> AfterValidator:
    compiled = re.compile(pattern)
    return _rule(lambda text: None if compiled.fullmatch(text) else problem, is_secret=is_secret)


def _text_problem(text: str) -> str | None:
    if not text.strip():
        return "is empty; write some text or remove the key"
    if _CONTROL.search(text):
        return "contains a line break or a control character; write it on one line"
    return "is longer than 2000 characters; shorten it" if len(text) > 2000 else None


def _window_problem(label: str) -> str | None:
    try:
        length = parse_duration(label)
    except WrongUse:
        return f"is not a duration; {_WINDOW_FIX}"
    is_whole = length >= HOUR and not length % HOUR
    return None if is_whole else f"is not a number of whole hours; {_WINDOW_FIX}"


def _pattern_problem(pattern: str) -> str | None:
    """Allow only patterns that mean the same in PostgreSQL, DuckDB and Spark."""
    plain = re.sub(r"\\[.^$*+?()\[\]{}|/-]", "", pattern)
    outside_classes = re.sub(r"\[\^?\]?[^\]]*\]", "", plain)
    if "\\" in plain:
        return "has an escape that engines read differently; write classes such as [0-9] or [a-z]"
    if "." in outside_classes:
        return "has a '.', which engines end at different places; write a class such as [^,]"
    if "(?" in outside_classes:
        return "has '(?', which engines read differently; write plain groups"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "is not a regular expression; check its brackets"
    return None


def _read_duration(value: Any) -> timedelta:
    if not isinstance(value, str):
        raise PydanticCustomError(BROKEN_RULE, f"has no unit; {_DURATION_FIX}")
    try:
        return parse_duration(value)
    except WrongUse:
        problem = "must be a duration from 0s to ten years"
        raise PydanticCustomError(BROKEN_RULE, f"{problem}; {_DURATION_FIX}") from None


def _check_positive(duration: timedelta) -> timedelta:
    if not duration:
        raise PydanticCustomError(BROKEN_RULE, f"must be longer than 0s; {_DURATION_FIX}")
    return duration


def _read_instant(value: Any) -> datetime:
    try:
        return in_utc(value) if isinstance(value, datetime) else parse_instant(str(value))
    except WrongUse as error:
        has_no_zone = "no time zone" in str(error)
        problem = "has no time zone" if has_no_zone else "is not a valid time"
        raise PydanticCustomError(BROKEN_RULE, f"{problem}; {_INSTANT_FIX}") from None


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | dict) else [value]


OneOrMore = BeforeValidator(_as_list)
"""Takes a single value as a list of one."""
Text = Annotated[str, Strict(), _rule(_text_problem)]
Template = Annotated[
    Text,
    _rule(
        lambda text: (
            "contains a '$' that is not a variable; write ${NAME}"
            if "$" in VARIABLE.sub("", text)
            else None
        ),
        is_secret=True,
    ),
]
"""Text with ${VARIABLES}, still unexpanded."""
LowerText = Annotated[
    Text,
    _rule(
        lambda text: (
            None
            if text == text.lower()
            else "has capital letters, but messages are compared in lower case; "
            f"write {text.lower()!r}"
        )
    ),
]
Pattern = Annotated[LowerText, _rule(_pattern_problem)]
"""A regular expression that means the same in every engine."""
WindowLabel = Annotated[Text, _rule(_window_problem)]
RequestUrl = Annotated[
    Template,
    _matching(
        r"(?:https?://[^/\s]|\$\{).*",
        'is not a request URL; write "https://..." or "${APP_URL}/..."',
    ),
]
HostPattern = Annotated[
    str,
    Strict(),
    _matching(
        r"(?:\*\.[a-z0-9-]+\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|::1",
        "is not a host; write one in lower case such as 'app.example.com' or '*.example.com'",
    ),
]
"""A host, or `*.` and the domain whose hosts are meant."""
VariableName = Annotated[
    str,
    Strict(),
    _matching(
        r"[A-Za-z_][A-Za-z0-9_]{0,127}",
        "must be the NAME of an environment variable such as DATABASE_URL, never its value; "
        "set the variable and write its name",
        is_secret=True,
    ),
]
FolderName = Annotated[
    str,
    Strict(),
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "cannot be a folder name; use at most 64 letters, digits, '.', '_' and '-'",
    ),
]
ClassName = Annotated[
    str,
    Strict(),
    _matching(
        r"[a-z][a-z0-9_]{0,39}",
        "is not a class name; use lower-case letters, digits and '_', starting with a letter",
    ),
]
Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
PositiveDuration = Annotated[Duration, AfterValidator(_check_positive)]
Instant = Annotated[datetime, BeforeValidator(_read_instant)]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Milliseconds = Annotated[Whole, Gt(0), Le(86_400_000)]
Share = Annotated[Number, Gt(0), Lt(1)]
HttpStatus = Annotated[Whole, Ge(100), Le(599)]
JsonObject = dict[str, JsonValue]
ControlChoice = Literal["auto", "off"] | tuple[Text, ...]
KnobValue = Whole | Number | Text
