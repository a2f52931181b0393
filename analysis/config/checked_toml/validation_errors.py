"""What pydantic found wrong in rollout.toml, as mistakes with their fix."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from analysis.config.checked_toml.key_lines import Place
from analysis.config.checked_toml.mistake import Mistake, written_place
from analysis.config.checked_toml.value_types import (
    BROKEN_RULE,
    BROKEN_SECRET_RULE,
    TomlTable,
    meant_name,
    unknown_name,
)

_WORDS = {  # where pydantic speaks of Python rather than of TOML
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a table { }",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "invalid-json-value": "must be a JSON value",
}
_VALUE = r'(?:"[^"]*"|\[.*\]|\{.*\}|[^\s,}]+)'
_NO_MISTAKE = "default_factory_not_called"


def validation_mistakes(
    error: ValidationError, content: Mapping[str, Any], schema: type[TomlTable]
) -> list[Mistake]:
    """Translate the errors of pydantic, the first of each place."""
    mistakes: dict[Place, Mistake] = {}
    for details in error.errors(include_url=False):
        if details["type"] != _NO_MISTAKE:
            mistake = _mistake(details, content, schema)
            mistakes.setdefault(mistake.place, mistake)
    return list(mistakes.values())


def _mistake(details: ErrorDetails, content: Mapping[str, Any], schema: type[TomlTable]) -> Mistake:
    kind, loc = details["type"], details["loc"]
    place, _ = written_place(loc, content)
    if kind in (BROKEN_RULE, BROKEN_SECRET_RULE):
        return Mistake(place, details["msg"], shows_value=kind == BROKEN_RULE)
    if kind == "extra_forbidden":
        return Mistake(place, _unknown_key(loc, schema), shows_value=False)
    if kind in ("missing", "union_tag_not_found"):
        return _missing_key(
            place, "kind" if kind == "union_tag_not_found" else str(loc[-1]), schema
        )
    if kind == "union_tag_invalid":
        known = _quoted(details["ctx"]["expected_tags"])
        return Mistake((*place, "kind"), unknown_name(details["ctx"]["tag"], known))
    if kind == "literal_error":
        known = _quoted(details["ctx"]["expected"])
        return Mistake(place, unknown_name(str(details["input"]), known))
    if len(place) == 1 and _is_table(str(place[0]), schema):
        problem = f"must be written as {_heading(str(place[0]), schema)}"
        return Mistake(place, problem, shows_value=False)
    problem = _WORDS.get(kind) or details["msg"].replace("Input should be", "must be")
    key = next(part for part in reversed(place) if isinstance(part, str))
    return Mistake(place, f"{problem}; write {example_of(schema.example(), str(place[0]), key)}")


def _unknown_key(loc: Place, schema: type[TomlTable]) -> str:
    known = _fields(_table_at(loc[:-1], schema))
    meant = meant_name(str(loc[-1]), known)
    is_table = len(loc) == 1 and all(_is_table(key, schema) for key in known)
    kind, question = "table of this file" if is_table else "key of this table", ""
    if meant:
        shown = _heading(meant, schema) if is_table else repr(meant)
        question = f"; did you mean {shown}?"
    return f"is not a {kind}{question} (known: {', '.join(known)})"


def _missing_key(place: Place, key: str, schema: type[TomlTable]) -> Mistake:
    if not place:
        return Mistake((key,), f"is missing; add the table [{key}]", shows_value=False)
    problem = f"has no {key}; add {example_of(schema.example(), str(place[0]), key)}"
    return Mistake(place, problem, shows_value=False)


def _is_table(key: str, schema: type[TomlTable]) -> bool:
    return any(_tables_in(_fields(schema)[key].annotation))


def _heading(key: str, schema: type[TomlTable]) -> str:
    """Write the heading of a table: [[several]] or [one]."""
    return f"[[{key}]]" if get_origin(_fields(schema)[key].annotation) is tuple else f"[{key}]"


def example_of(example: str, table: str, key: str) -> str:
    """How a TOML text writes a key of a table, or the same key of another table."""
    parts = re.split(r"^(?:# )?\[+(\w+)\]+", example, flags=re.MULTILINE)
    sections = zip(["", *parts[1::2]], parts[::2], strict=True)
    for _, section in sorted(sections, key=lambda section: section[0] != table):
        if found := re.search(rf"(?<!\w){key} = {_VALUE}", section):
            return found[0]
    return "another value"


def _quoted(text: str) -> list[str]:
    """The names in pydantic's text "'http', 'overlap' or 'completes'"."""
    return re.findall(r"'([^']*)'", text)


def _fields(table: type[TomlTable]) -> dict[str, FieldInfo]:
    """The fields of a table by the keys of the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _table_at(loc: Place, schema: type[TomlTable]) -> type[TomlTable]:
    """The innermost table that a place lies in; in a union, a part of it names the kind."""
    tables = [schema]
    for part in (part for part in loc if isinstance(part, str)):
        if len(tables) > 1:
            tables = [one for one in tables if part in get_args(_fields(one)["kind"].annotation)]
        elif field := _fields(tables[0]).get(part):
            tables = list(_tables_in(field.annotation)) or tables
    return tables[0]


def _tables_in(annotation: Any) -> Iterator[type[TomlTable]]:
    if isinstance(annotation, type) and issubclass(annotation, TomlTable):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)
