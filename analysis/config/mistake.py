"""A mistake in rollout.toml as one sentence: file, line, table, key, value, rule, and the fix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from analysis.clock import iso
from analysis.config.key_lines import KeyLines, Place
from analysis.leaks import quote


@dataclass(frozen=True)
class Mistake:
    """One broken rule.

    Attributes
    ----------
    place : where it stands: table, index among its [[tables]], key, and so on inward.
    problem : the rule and the fix, as they follow the key and its value.
    shows_value : whether the sentence shows the value; False where it may be a secret.
    """

    place: Place
    problem: str
    shows_value: bool = True


def first_sentence(
    mistakes: Sequence[Mistake], *, file: str, lines: KeyLines, content: Mapping[str, Any]
) -> str:
    """Describe the mistake that comes first in the file, and how many more there are."""
    line, first = min(
        ((lines.line_of(_written_place(one.place, content)[0]), one) for one in mistakes),
        key=lambda located: located[0],
    )
    sentence = f"{_subject(first, content)} {first.problem}".strip()
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{file}, line {line}: {sentence}{more}"


def as_toml(value: Any) -> str:
    """Write a value as the file would, shortened; one that looks like a secret is hidden."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return iso(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, list):
        text = ", ".join(as_toml(item) for item in value)
        return f"[{text}]" if len(text) <= 80 else "[...]"
    return quote(value)


def _subject(mistake: Mistake, content: Mapping[str, Any]) -> str:
    """Name the table (with its own name where it has one), the key inside it and the value."""
    place, value = _written_place(mistake.place, content)
    if not place:
        return _bare(mistake.place[0]) if mistake.place else ""
    entry, inner = content[str(place[0])], place[1:]
    if not isinstance(entry, dict | list):
        table, inner = "", place
    elif inner and isinstance(inner[0], int):
        table = f"[[{_bare(place[0])}]] {_title(entry[inner[0]], inner[0])}"
        inner = inner[1:]
    else:
        table = f"[{_bare(place[0])}]"
    key = ".".join(_bare(part) for part in inner if isinstance(part, str))
    if key and mistake.shows_value and not isinstance(value, dict):
        key = f"{key} = {as_toml(value)}"
    return ": ".join(filter(None, (table, key)))


def _title(entry: Any, index: int) -> str:
    """Name one of several [[tables]]: by its name, its variable, or its number."""
    if isinstance(entry, dict):
        for key in ("name", "env"):
            if isinstance(entry.get(key), str):
                return quote(entry[key])
    return f"number {index + 1}"


def _written_place(place: Place, content: Any) -> tuple[Place, Any]:
    """Drop what a file does not have: pydantic's names for members of a union, items of defaults."""
    written: Place = ()
    for part in place:
        if isinstance(part, int):
            is_there = isinstance(content, list) and part < len(content)
        else:
            is_there = isinstance(content, dict) and part in content
        if is_there:
            written, content = (*written, part), content[part]
    return written, content


def _bare(key: object) -> str:
    """Write a key without quotes; one that looks like a secret is hidden."""
    text = quote(str(key))
    return text[1:-1] if text.startswith("'") else text
