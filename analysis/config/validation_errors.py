"""What pydantic found wrong in rollout.toml, as mistakes with their fix."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from analysis.config.key_lines import Place
from analysis.config.mistake import Mistake, as_toml
from analysis.config.value_types import (
    BROKEN_RULE,
    BROKEN_SECRET_RULE,
    Table,
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


def validation_mistakes(error: ValidationError, schema: type[Table]) -> Iterator[Mistake]:
    """Translate each error of pydantic; a default that could not be made is no mistake."""
    for details in error.errors(include_url=False):
        if details["type"] != "default_factory_not_called":
            yield _mistake(details, schema)


def _mistake(details: ErrorDetails, schema: type[Table]) -> Mistake:
    kind, place = details["type"], details["loc"]
    if kind in (BROKEN_RULE, BROKEN_SECRET_RULE):
        return Mistake(place, details["msg"], shows_value=kind == BROKEN_RULE)
    if kind == "extra_forbidden":
        return Mistake(place, _unknown_key(place, schema), shows_value=False)
    if kind == "missing":
        return _missing_key(place, schema)
    if kind == "union_tag_not_found":
        return _missing_key((*place, "kind"), schema)
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
    return Mistake(place, f"{problem}; write {_example(place, schema)}")


def _unknown_key(place: Place, schema: type[Table]) -> str:
    known = _fields(_table_at(place[:-1], schema))
    meant = meant_name(str(place[-1]), known)
    if len(place) == 1 and all(_is_table(key, schema) for key in known):
        problem, meant = "is not a table of this file", meant and _heading(meant, schema)
    else:
        problem, meant = "is not a key of this table", meant and repr(meant)
    question = f"; did you mean {meant}?" if meant else ""
    return f"{problem}{question} (known: {', '.join(known)})"


def _missing_key(place: Place, schema: type[Table]) -> Mistake:
    key = str(place[-1])
    if len(place) == 1:
        return Mistake(place, f"is missing; add the table [{key}]", shows_value=False)
    problem = f"has no {key}; add {_example(place, schema)}"
    return Mistake(place[:-1], problem, shows_value=False)


def _is_table(key: str, schema: type[Table]) -> bool:
    return any(_tables_in(_fields(schema)[key].annotation))


def _heading(key: str, schema: type[Table]) -> str:
    """Write the heading of a table: [[several]] or [one]."""
    return f"[[{key}]]" if get_origin(_fields(schema)[key].annotation) is tuple else f"[{key}]"


def _example(place: Place, schema: type[Table]) -> str:
    """Show how a key is written, from the example beside its definition."""
    keys = [index for index, part in enumerate(place) if isinstance(part, str)]
    key = str(place[keys[-1]])
    field = _fields(_table_at(place[: keys[-1]], schema)).get(key)
    return f"{key} = {_written(field.examples[0])}" if field and field.examples else "another value"


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value if value[:4].isdigit() and value.endswith("Z") else f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(_written(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(item)}" for key, item in value.items()) + "}"
    return as_toml(value)


def _quoted(text: str) -> list[str]:
    """The names in pydantic's text "'http', 'overlap' or 'completes'"."""
    return re.findall(r"'([^']*)'", text)


def _fields(table: type[Table]) -> dict[str, FieldInfo]:
    """The fields of a table by the keys of the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _table_at(place: Place, schema: type[Table]) -> type[Table]:
    """The innermost table that a place lies in; in a union, a part of it names the kind."""
    tables = [schema]
    for part in (part for part in place if isinstance(part, str)):
        if len(tables) > 1:
            tables = [one for one in tables if part in get_args(_fields(one)["kind"].annotation)]
        elif field := _fields(tables[0]).get(part):
            tables = list(_tables_in(field.annotation)) or tables
    return tables[0]


def _tables_in(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)
