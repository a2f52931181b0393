"""A mistake in rollout.toml as one sentence: file, line, table, key, value, the rule it breaks and the mend."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, get_args

from pydantic import ValidationError

from analysis.clock import iso
from analysis.config.kinds import Broken, Table, nearest
from analysis.config.lines import KeyLines, Loc
from analysis.leaks import quote

_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list in [ ]",
    "list_type": "a list in [ ]",
    "dict_type": "a table { }",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


@dataclass(frozen=True)
class Mistake:
    """One broken rule.

    Attributes
    ----------
    place : where it stands: table, index among its [[tables]], key, and so on inward.
    problem : the rule and the mend, to be said after the key (and its value).
    with_value : the sentence tells what stands there; not when it does not matter or may be a secret.
    """

    place: Loc
    problem: str
    with_value: bool = True


def sentence(
    mistakes: list[Mistake], *, file: str, lines: KeyLines, content: Mapping[str, Any]
) -> str:
    """Say the mistake that stands first in the file, and how many more there are."""
    first = min(mistakes, key=lambda mistake: lines.line_of(mistake.place))
    said = f"{_subject(first, content)} {first.problem}".strip()
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{file}, line {lines.line_of(first.place)}: {said}{more}"


def pydantic_mistakes(error: ValidationError, contents: type[Table]) -> Iterator[Mistake]:
    """Translate what pydantic found into mistakes with their mend."""
    for found in error.errors(include_url=False):
        place, kind = found["loc"], found["type"]
        if kind == "extra_forbidden":
            yield _unknown_key(place, contents)
        elif kind == "missing":
            yield _missing_key(place, contents)
        elif kind == "value_error" and isinstance(found["ctx"]["error"], Broken):
            broken = found["ctx"]["error"]
            mend = "" if ";" in str(broken) else f"; {_example(place, contents)}"
            yield Mistake(place, f"{broken}{mend}", with_value=not broken.secret)
        elif kind in ("tuple_type", "model_type", "model_attributes_type") and len(place) == 1:
            yield _wrong_brackets(place, contents)
        else:
            wanted = _WANTED.get(kind)
            problem = f"is not {wanted}" if wanted else f"is not possible ({found['msg']})"
            yield Mistake(place, f"{problem}; {_example(place, contents)}")


def as_toml(value: Any) -> str:
    """Write a value as the file would, shortened; one that looks like a secret is hidden."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return iso(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, (list, tuple)):
        text = ", ".join(as_toml(item) for item in value)
        return f"[{text}]" if len(text) <= 80 else "[...]"
    return quote(value)


def _subject(mistake: Mistake, content: Mapping[str, Any]) -> str:
    """Say what is wrong: the table, with its own name where it has one, the key inside it and the value."""
    place, value = _written_at(mistake.place, content)
    if not place:
        return shown_key(mistake.place[0]) if mistake.place else ""
    entry = content[str(place[0])]
    table, inner = (
        (f"[{shown_key(place[0])}]", place[1:]) if isinstance(entry, (dict, list)) else ("", place)
    )
    if inner and isinstance(inner[0], int):
        title = next(
            (entry[inner[0]][key] for key in ("name", "env") if _has_text(entry[inner[0]], key)),
            None,
        )
        table = f"[{table}] {f'number {inner[0] + 1}' if title is None else quote(title)}"
        inner = inner[1:]
    key = ".".join(shown_key(part) for part in inner if isinstance(part, str))
    with_value = mistake.with_value and key and not isinstance(value, dict)
    return ": ".join(filter(None, (table, f"{key} = {as_toml(value)}" if with_value else key)))


def _has_text(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(key), str)


def _written_at(place: Loc, content: Any) -> tuple[Loc, Any]:
    """Follow a place as far as the file goes: a checked value may lie deeper than the written one."""
    for depth, part in enumerate(place):
        inside = isinstance(content, dict) and part in content
        if not inside and not (
            isinstance(content, list) and isinstance(part, int) and part < len(content)
        ):
            return place[:depth], content
        content = content[part]
    return place, content


def shown_key(key: object) -> str:
    """Write a key; one that looks like a secret is hidden."""
    text = quote(str(key))
    return text[1:-1] if text.startswith("'") else text


def _unknown_key(place: Loc, contents: type[Table]) -> Mistake:
    known = [
        field.alias or name for name, field in _table_at(place[:-1], contents).model_fields.items()
    ]
    given = str(place[-1])
    mend = f"did you mean {_bracketed(nearest(given, known), place, contents)}? (known: {', '.join(known)})"
    if len(place) == 1:
        return Mistake(place, f"is not a table of this file; {mend}", with_value=False)
    return Mistake(place, f"is not a key of this table; {mend}", with_value=False)


def _missing_key(place: Loc, contents: type[Table]) -> Mistake:
    key = str(place[-1])
    if len(place) == 1:
        return Mistake(place, f"is missing; add the table [{key}]", with_value=False)
    return Mistake(
        place[:-1],
        f"has no {key}; {_example(place, contents).replace('write', 'add', 1)}",
        with_value=False,
    )


def _wrong_brackets(place: Loc, contents: type[Table]) -> Mistake:
    key = str(place[0])
    return Mistake(
        place,
        f"is not the table it should be; write {_bracketed(key, place, contents)}",
        with_value=False,
    )


def _bracketed(key: str, place: Loc, contents: type[Table]) -> str:
    """Write a table's name as its heading, and any other key in quotes."""
    if len(place) > 1:
        return repr(key)
    return f"[[{key}]]" if _is_list(key, contents) else f"[{key}]"


def _is_list(key: str, contents: type[Table]) -> bool:
    return any(field.alias == key for field in contents.model_fields.values())


def _example(place: Loc, contents: type[Table]) -> str:
    """Show how a key is written, from the example beside its definition."""
    keys = [part for part in place if isinstance(part, str)]
    table = _table_at(
        place[: place.index(keys[-1], len(place) - 1 - place[::-1].index(keys[-1]))], contents
    )
    field = next(
        (field for name, field in table.model_fields.items() if keys[-1] in (field.alias, name)),
        None,
    )
    if field is None or not field.examples:
        return "write another value"
    return f"write {keys[-1]} = {_written(field.examples[0])}"


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value if value[:4].isdigit() and value.endswith("Z") else f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(_written(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(item)}" for key, item in value.items()) + "}"
    return as_toml(value)


def _table_at(place: Loc, contents: type[Table]) -> type[Table]:
    """Find the definition of the table at a place."""
    table = contents
    for part in place:
        if isinstance(part, str):
            fields = table.model_fields
            field = next(
                (field for name, field in fields.items() if part in (field.alias, name)), None
            )
            inner = _tables_in(field.annotation) if field is not None else []
            if not inner:
                break
            table = inner[0]
    return table


def _tables_in(annotation: Any) -> list[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [table for inner in get_args(annotation) for table in _tables_in(inner)]
