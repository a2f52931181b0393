"""Where a store keeps the columns the queries read: the canonical name of each column -> an SQL expression over the store's table."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from analysis.errors import WrongUse

CANONICAL_TABLE = "AIInteraction"
CANONICAL_COLUMNS = (
    "id",
    "clientId",
    "leadId",
    "source",
    "featureId",
    "model",
    "latencyMs",
    "status",
    "errorMessage",
    "outputTokens",
    "totalTokens",
    "createdAt",
)
"""The columns of the telemetry table that the queries in sql/ read."""
SHIPPED = Path(__file__).parent / "mappings"


@dataclass(frozen=True)
class Mapping:
    """How the canonical table is made from a store's table.

    Attributes
    ----------
    name : for provenance.
    table : the store's table, perhaps with a schema before a dot.
    columns : canonical column -> SQL expression (PostgreSQL) over the store's columns; empty when the names are the canonical ones.
    where : SQL condition that picks the calls among the rows, or None.
    notes : what `doctor` says about the store.
    """

    name: str
    table: str
    columns: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    notes: tuple[str, ...] = ()

    def relation(self) -> exp.Expression:
        """The store's table as the canonical one, to stand where a query says FROM "AIInteraction"."""
        table = _table(self.table)
        if not self.columns:
            return exp.alias_(table, CANONICAL_TABLE, quoted=True, table=True)
        select = exp.select(
            *(exp.alias_(parse_one(sql, read="postgres"), column, quoted=True) for column, sql in self.columns)
        ).from_(table)
        if self.where:
            select = select.where(parse_one(self.where, read="postgres"))
        return exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(CANONICAL_TABLE, quoted=True)))


def load_mapping(name: str | None, *, folder: Path, table: str | None) -> Mapping:
    """The mapping of that name (a shipped one, or the path of a .toml file beside rollout.toml), over `table` when given.

    Raises WrongUse with the file, the key and the mend when the mapping does not give every canonical column.
    """
    shipped = SHIPPED / f"{name or 'aiinteraction'}.toml"
    path = shipped if shipped.exists() else folder / str(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
        raise WrongUse(f"mapping {name!r} is neither shipped ({known}) nor a file beside rollout.toml; name one of these")
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"mapping {path.name} is not valid TOML: {error}; mend that line") from None
    return _checked(text, path=path, table=table)


def _checked(text: dict, *, path: Path, table: str | None) -> Mapping:
    unknown = set(text) - {"table", "columns", "where", "notes"}
    if unknown:
        raise WrongUse(f"mapping {path.name} has the unknown key {sorted(unknown)[0]!r}; it takes table, columns, where, notes")
    columns = text.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(sql, str) for sql in columns.values()):
        raise WrongUse(f"mapping {path.name}: [columns] gives each canonical column an SQL expression in quotes")
    missing = [column for column in CANONICAL_COLUMNS if columns and column not in columns]
    surplus = [column for column in columns if column not in CANONICAL_COLUMNS]
    if missing or surplus:
        rule = f"has no {missing[0]!r}" if missing else f"has the unknown column {surplus[0]!r}"
        raise WrongUse(f"mapping {path.name}: [columns] {rule}; it gives exactly {', '.join(CANONICAL_COLUMNS)}")
    for where, sql in [*columns.items(), *([("where", text["where"])] if "where" in text else [])]:
        _check_expression(sql, path=path, where=where)
    name = table or text.get("table") or CANONICAL_TABLE
    if not isinstance(name, str):
        raise WrongUse(f"mapping {path.name}: table is a name in quotes")
    notes = tuple(str(note) for note in text.get("notes", ()))
    return Mapping(path.stem, name, tuple(columns.items()), text.get("where"), notes)


def _check_expression(sql: str, *, path: Path, where: str) -> None:
    try:
        expression = parse_one(sql, read="postgres")
    except (SqlglotError, TypeError, AttributeError):
        expression = None
    refused = (exp.Query, exp.Command, exp.DML, exp.DDL)
    if expression is None or isinstance(expression, refused) or expression.find(*refused):
        raise WrongUse(f"mapping {path.name}: {where} is not one SQL expression over the table's columns; give one without SELECT")


def _table(name: str) -> exp.Table:
    schema, _, table = name.rpartition(".")
    return exp.Table(
        this=exp.to_identifier(table, quoted=True), db=exp.to_identifier(schema, quoted=True) if schema else None
    )
