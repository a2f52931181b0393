"""A mistake in rollout.toml as one sentence: file, line, table, key, value, rule, and the fix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from analysis.clock import iso
from analysis.config.checked_toml.key_lines import KeyLines, Place
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
    first = min(mistakes, key=lambda mistake: lines.line_of(mistake.place))
    sentence = f"{_subject(first, content)} {first.problem}".strip()
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{file}, line {lines.line_of(first.place)}: {sentence}{more}"


def written_place(place: Place, content: Any) -> tuple[Place, Any]:
    """The part of a place that the file has, and the value there.

    pydantic adds names for the members of a union, and items of values that are no list.
    """
    written: Place = ()
    for part in place:
        is_index = isinstance(content, list) and isinstance(part, int) and part < len(content)
        if is_index or (isinstance(content, dict) and part in content):
            written, content = (*written, part), content[part]
    return written, content


def _subject(mistake: Mistake, content: Mapping[str, Any]) -> str:
    """Name the table (with its own name where it has one), the key inside it and the value."""
    place, value = written_place(mistake.place, content)
    if not place:
        return _bare(mistake.place[0]) if mistake.place else ""
    entry, inner, table = content[str(place[0])], place[1:], f"[{_bare(place[0])}]"
    if not isinstance(entry, dict | list):
        table, inner = "", place
    elif inner and isinstance(inner[0], int):
        table = f"[{table}] {_title(entry[inner[0]], inner[0])}"
    key = ".".join(_bare(part) for part in inner if isinstance(part, str))
    if key and mistake.shows_value and not isinstance(value, dict):
        key = f"{key} = {_as_toml(value)}"
    return ": ".join(filter(None, (table, key)))


def _title(entry: Any, index: int) -> str:
    """Name one of several [[tables]]: by its name, its variable, or its number."""
    names = [entry.get(key) for key in ("name", "env")] if isinstance(entry, dict) else []
    return next((quote(name) for name in names if isinstance(name, str)), f"number {index + 1}")


def _as_toml(value: Any) -> str:
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
        text = ", ".join(_as_toml(item) for item in value)
        return f"[{text}]" if len(text) <= 80 else "[...]"
    return quote(value)


def _bare(key: object) -> str:
    """Write a key without quotes; one that looks like a secret is hidden."""
    text = quote(str(key))
    return text[1:-1] if text.startswith("'") else text
