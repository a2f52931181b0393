"""The kinds of values rollout.toml holds. Each check raises `Broken`: rule and mend, to be said after key and value."""

import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict

from analysis.clock import in_utc, parse_instant
from analysis.errors import WrongUse
from analysis.window import parse_duration

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""An environment variable inside a URL or a header: expanded when it is used, never before."""
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CLASS_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DURATION_MEND = "write a number with a unit such as '90s', '4h' or '2d'"
_INSTANT_MEND = "write a time with its zone such as 2026-02-02T23:10:16Z"


class Broken(ValueError):
    """A value breaks a rule: the rule and the mend, to be said after `key = value`."""

    def __init__(self, problem: str, *, secret: bool = False) -> None:
        super().__init__(problem)
        self.secret = secret  # the value itself must not be told


class Table(BaseModel):
    """One table of rollout.toml: no other keys than its own, nothing changed later."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
    )


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Return the known name that is most like the given one, small and capital letters alike."""
    folded = {one.casefold(): one for one in reversed(known)}
    return folded[get_close_matches(name.casefold(), folded, n=1, cutoff=0.0)[0]]


def _check_text(text: str) -> str:
    if not text.strip():
        raise Broken("is empty; write some text or leave the key out")
    if _CONTROL.search(text):
        raise Broken("holds a line break or a control character; write it on one line")
    if len(text) > 2000:
        raise Broken("is longer than 2000 characters; shorten it")
    return text


def _check_variable_name(text: str) -> str:
    if "://" in text:
        raise Broken(
            "holds a URL; write only the NAME of the environment variable that holds it",
            secret=True,
        )
    if not _VARIABLE_NAME.fullmatch(text):
        raise Broken(
            "is not the name of an environment variable; write a name such as DATABASE_URL",
            secret=True,
        )
    return text


def _check_folder_name(text: str) -> str:
    if not _FOLDER_NAME.fullmatch(text):
        raise Broken(
            "cannot be the name of a folder; use letters, digits, '.', '_' and '-' only, 64 at most"
        )
    return text


def _check_class_name(text: str) -> str:
    if not _CLASS_NAME.fullmatch(text):
        raise Broken(
            "is not a class name; use small letters, digits and '_', beginning with a letter"
        )
    return text


def _read_duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise Broken(f"has no unit; {_DURATION_MEND}")
    try:
        return parse_duration(value)
    except WrongUse:
        problem = (
            "is negative" if value.startswith("-") else "is not a length of time up to ten years"
        )
        raise Broken(f"{problem}; {_DURATION_MEND}") from None


def _check_positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise Broken(f"is not longer than nothing; {_DURATION_MEND}")
    return length


def _read_instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Broken(
                "has no time zone; end it with Z for UTC, or with an offset such as +01:00"
            )
        text = value.isoformat()
    elif isinstance(value, str):
        text = value
    else:
        raise Broken(f"is not a time; {_INSTANT_MEND}")
    try:
        return in_utc(value) if isinstance(value, datetime) else parse_instant(text)
    except WrongUse as error:
        problem = (
            "has no time zone" if "no time zone" in str(error) else "is not a time that makes sense"
        )
        raise Broken(f"{problem}; {_INSTANT_MEND}") from None


def _read_choice(value: Any) -> Any:
    if isinstance(value, str) and value not in ("auto", "off"):
        mend = nearest(value, ("auto", "off"))
        raise Broken(
            f"is not known; did you mean {mend!r}? (known: auto, off, or a list of features)"
        )
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(feature, str) for feature in value):
        raise Broken('is neither "auto", "off" nor a list of features; write use = "auto"')
    return tuple(_check_text(feature) for feature in value)


def _read_knob_value(value: Any) -> Any:
    if isinstance(value, str):
        return _check_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise Broken("is neither a number nor text; write the value as the variable has it")
    return value


def _check_json(value: Any) -> Any:
    """Refuse what JSON does not know: times, nan, infinities."""
    if isinstance(value, dict):
        return {key: _check_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_check_json(item) for item in value]
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value)):
        return value
    raise Broken("holds a value that JSON does not know; write text, a number, true or false")


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> AfterValidator:
    """Check that a number lies between bounds, and say all of them when it does not."""
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (
            ("above", above),
            ("at least", least),
            ("below", below),
            ("at most", most),
        )
        if bound is not None
    ]

    def check(value: float) -> float:
        good = (
            (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
            and (most is None or value <= most)
        )
        if not good:
            raise Broken(f"is not {' and '.join(bounds)}")
        return value

    return AfterValidator(check)


def one_of(*known: str) -> AfterValidator:
    """Check that a text is one of the known ones, and name the nearest when it is not."""

    def check(value: str) -> str:
        if value not in known:
            raise Broken(
                f"is not known; did you mean {nearest(value, known)!r}? (known: {', '.join(known)})"
            )
        return value

    return AfterValidator(check)


def listed() -> BeforeValidator:
    """Take a single value as a list of one."""
    return BeforeValidator(lambda value: value if isinstance(value, (list, dict)) else [value])


Text = Annotated[str, Strict(), AfterValidator(_check_text)]
VariableName = Annotated[str, Strict(), AfterValidator(_check_variable_name)]
FolderName = Annotated[str, Strict(), AfterValidator(_check_folder_name)]
ClassName = Annotated[str, Strict(), AfterValidator(_check_class_name)]
Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
PositiveDuration = Annotated[
    timedelta, BeforeValidator(_read_duration), AfterValidator(_check_positive)
]
Instant = Annotated[datetime, BeforeValidator(_read_instant)]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Milliseconds = Annotated[int, Strict(), number(above=0, most=86_400_000)]
Share = Annotated[float, Strict(), number(above=0, below=1)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_check_json)]
ControlChoice = Annotated[str | tuple[str, ...], BeforeValidator(_read_choice)]
KnobValue = Annotated[int | float | str, BeforeValidator(_read_knob_value)]
