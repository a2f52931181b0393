"""Mapping files: TOML, shipped or next to rollout.toml, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, Strict
from sqlglot.dialects import Dialect

from analysis.config import Settings
from analysis.config.checked_toml.key_lines import Place
from analysis.config.checked_toml.mistake import Mistake
from analysis.config.checked_toml.toml_file import TomlFile
from analysis.config.checked_toml.value_types import Text, TomlTable, one_of, unknown_name
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
_DIALECT_NAME = re.compile("[a-z0-9]{1,30}")  # sqlglot imports a dialect by its name
_EXAMPLE = """
table = "llm_calls"
dialect = "duckdb"
latency_unit = "s"
indexed = "started"
where = "kind = 'chat'"
left_out = [{what = "calls without an end", where = "ended IS NULL"}]
notes = ["seconds is wall time"]
columns = {id = "call_id"}
"""
_Sql = Annotated[str, Strict()]


class LeftOutRows(TomlTable):
    """Rows that are no calls but that doctor counts."""

    what: Text
    where: _Sql


class MappingFile(TomlTable):
    """The keys of a mapping file; `TableMapping` says what each means."""

    table: Text = CANONICAL_TABLE
    dialect: Text = "postgres"
    latency_unit: Annotated[Text, one_of(MS_PER_UNIT)] = "ms"
    indexed: _Sql | None = None
    where: _Sql | None = None
    left_out: tuple[LeftOutRows, ...] = ()
    notes: tuple[Text, ...] = ()
    columns: dict[str, _Sql] = Field({})

    @classmethod
    def example(cls) -> str:
        """A file with every key."""
        return _EXAMPLE


def source_mapping(settings: Settings) -> TableMapping:
    """The mapping that [source] names, over its table; see `load_mapping`."""
    source = settings.source
    return load_mapping(source.mapping, folder=settings.folder, table=source.table)


def load_mapping(name: str | None, *, folder: Path, table: str | None) -> TableMapping:
    """The mapping of that name: a shipped one, or a .toml file in `folder`, the rollout.toml's.

    `table` replaces the mapping's own. Raises WrongUse with the file, the line and what to write.
    """
    shipped = SHIPPED / f"{name or 'aiinteraction'}.toml"
    path = shipped if shipped.exists() else folder / str(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
        raise WrongUse(
            f"mapping {quote(name)} is neither shipped ({known}) nor a file next to rollout.toml; "
            "write one of these names, or the path of your own file"
        )
    toml = TomlFile.read(path, f"mapping {path.name}", advice="name yours in [source].mapping")
    file = toml.validated(MappingFile)
    if mistakes := list(_mistakes(file)):
        raise toml.error(mistakes)
    return TableMapping(
        name=path.stem,
        table=table or file.table,
        columns=tuple(file.columns.items()),
        where=file.where,
        notes=file.notes,
        dialect=file.dialect,
        latency_unit=file.latency_unit,
        indexed=file.indexed,
        left_out=tuple((rows.what, rows.where) for rows in file.left_out),
    )


def _mistakes(file: MappingFile) -> Iterator[Mistake]:
    if not (_DIALECT_NAME.fullmatch(file.dialect) and Dialect.get(file.dialect)):
        known = sorted(filter(None, Dialect.classes))
        yield Mistake(("dialect",), unknown_name(file.dialect, known))
        return  # no expression can be read
    exactly = f"give exactly {', '.join(CANONICAL_COLUMNS)}"
    for column in file.columns.keys() - set(CANONICAL_COLUMNS):
        yield Mistake(("columns", column), f"is no canonical column; {exactly}", shows_value=False)
    for column in CANONICAL_COLUMNS:
        if file.columns and column not in file.columns:
            yield Mistake(("columns",), f"has no {column!r}; {exactly}")
    needless = file.model_fields_set - {"table", "notes", "columns", "left_out"}
    for key in sorted(needless if not file.columns else ()):
        no_effect = "has no effect without [columns]; add [columns], or remove the line"
        yield Mistake((key,), no_effect, shows_value=False)
    for place, sql in _expressions(file):
        if problem := expression_problem(sql, file.dialect):
            yield Mistake(place, problem)


def _expressions(file: MappingFile) -> Iterator[tuple[Place, str]]:
    for column, sql in file.columns.items():
        yield ("columns", column), sql
    if file.where is not None:
        yield ("where",), file.where
    if file.indexed is not None:
        yield ("indexed",), file.indexed
    for number, left_out in enumerate(file.left_out):
        yield ("left_out", number, "where"), left_out.where
