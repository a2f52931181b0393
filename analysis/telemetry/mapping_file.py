"""Mapping files: TOML, shipped or beside rollout.toml, checked before anything is read with them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlglot.dialects import Dialect

from analysis.errors import WrongUse
from analysis.leaks import quote
from analysis.telemetry.expressions import expression_problem
from analysis.telemetry.mapping import (
    CANONICAL_COLUMNS,
    CANONICAL_TABLE,
    MS_PER_UNIT,
    TableMapping,
)

SHIPPED = Path(__file__).parent / "mappings"
_MAX_BYTES = 1_000_000
_DIALECT_NAME = re.compile("[a-z0-9]{1,30}")  # sqlglot imports a dialect by its name


def _known_dialect(name: str) -> str:
    if not (_DIALECT_NAME.fullmatch(name) and Dialect.get(name)):
        raise ValueError(_unknown(name, sorted(filter(None, Dialect.classes))))
    return name


def _known_unit(name: str) -> str:
    if name not in MS_PER_UNIT:
        raise ValueError(_unknown(name, MS_PER_UNIT))
    return name


def _unknown(value: str, known: Iterable[str]) -> str:
    return f"{quote(value)} is not known; use one of {', '.join(known)}"


def _all_columns(columns: dict[str, str]) -> dict[str, str]:
    surplus = [column for column in columns if column not in CANONICAL_COLUMNS]
    missing = [column for column in CANONICAL_COLUMNS if column not in columns]
    if columns and (surplus or missing):
        problem = f"has the unknown column {quote(surplus[0])}" if surplus else ""
        problem = problem or f"has no {missing[0]!r}"
        raise ValueError(f"{problem}; give exactly {', '.join(CANONICAL_COLUMNS)}")
    return columns


_Text = Annotated[str, Field(min_length=1, strict=True)]


class _LeftOut(BaseModel):
    model_config = ConfigDict(extra="forbid")
    what: _Text
    where: _Text


class MappingFile(BaseModel):
    """The keys of a mapping file; `TableMapping` says what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    table: _Text = CANONICAL_TABLE
    dialect: Annotated[_Text, AfterValidator(_known_dialect)] = "postgres"
    latency_unit: Annotated[_Text, AfterValidator(_known_unit)] = "ms"
    indexed: _Text | None = None
    where: _Text | None = None
    left_out: list[_LeftOut] = []
    notes: list[_Text] = []
    columns: Annotated[dict[str, str], AfterValidator(_all_columns)] = {}


_WRITE = {
    "columns": "[columns] gives each canonical column an SQL expression in quotes",
    "left_out": 'left_out is a list such as [{what = "calls without an end", where = "end IS NULL"}]',
    "notes": "notes is a list of texts in quotes",
}


def load_mapping(name: str | None, *, folder: Path, table: str | None) -> TableMapping:
    """The mapping of that name: a shipped one, or a .toml file in `folder`, the rollout.toml's.

    `table` replaces the mapping's own. Raises WrongUse with the file, the key and what to write.
    """
    shipped = SHIPPED / f"{name or 'aiinteraction'}.toml"
    path = shipped if shipped.exists() else folder / str(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
        raise WrongUse(
            f"mapping {quote(name)} is neither shipped ({known}) nor a file beside rollout.toml; "
            "write one of these names, or the path of your own file"
        )
    file = _validated(_parsed(path), path)
    mapping = TableMapping(
        name=path.stem,
        table=table or file.table,
        columns=tuple(file.columns.items()),
        where=file.where,
        notes=tuple(file.notes),
        dialect=file.dialect,
        latency_unit=file.latency_unit,
        indexed=file.indexed,
        left_out=tuple((rows.what, rows.where) for rows in file.left_out),
    )
    for place, sql in mapping.expressions:
        if problem := expression_problem(sql, mapping.dialect):
            raise WrongUse(f"mapping {path.name}: {place} {problem}")
    return mapping


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise WrongUse(
            f"mapping {path.name} cannot be read ({error.strerror}); check its permissions"
        ) from None
    if len(raw) > _MAX_BYTES:
        raise WrongUse(
            f"mapping {path.name} is larger than {_MAX_BYTES:,} bytes, so it is no mapping; "
            "name your mapping in [source].mapping"
        )
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except RecursionError:
        raise WrongUse(
            f"mapping {path.name} is nested too deeply; see docs/mappings.md for its form"
        ) from None
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise WrongUse(
            f"mapping {path.name} is not valid TOML: {error}; correct that line"
        ) from None


def _validated(content: dict[str, Any], path: Path) -> MappingFile:
    try:
        file = MappingFile.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            keys = ", ".join(MappingFile.model_fields)
            problem = f"has the unknown key {quote(key)}; it takes {keys}"
            raise WrongUse(f"mapping {path.name} {problem}") from None
        if first["type"] == "value_error":
            place = "[columns]" if key == "columns" else key
            raise WrongUse(f"mapping {path.name}: {place} {first['ctx']['error']}") from None
        rule = _WRITE.get(key, f"{key} is one text in quotes, not empty")
        raise WrongUse(f"mapping {path.name}: {rule}; correct it") from None
    needless = file.model_fields_set - {"table", "notes", "columns", "left_out"}
    if needless and not file.columns:
        raise WrongUse(
            f"mapping {path.name}: {min(needless)} has no effect without [columns]; "
            "add [columns], or remove the line"
        )
    return file
