"""Where a store keeps the columns the queries read: the canonical name of each column -> an SQL expression over the store's table."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp, parse, parse_one
from sqlglot.dialects import Dialect
from sqlglot.errors import SqlglotError

from analysis.errors import WrongUse
from analysis.leaks import quote

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
LATENCY_UNITS = {"ms": "1", "s": "1000", "us": "0.001", "ns": "0.000001"}
"""What latencyMs may be given in -> milliseconds a unit."""
_ONE_WORD = re.compile("[a-z0-9]{1,30}")  # sqlglot imports a dialect by its name
KEYS = ("table", "dialect", "latency_unit", "indexed", "where", "left_out", "notes", "columns")
SHIPPED = Path(__file__).parent / "mappings"
_LONGEST_FILE = 1_000_000
_LONGEST_EXPRESSION, _DEEPEST = 4_000, 50
_ACTING = re.compile(
    r"(?i)(pg_|lo_|dblink|xp_|http|read_|write|load_|query_to_|cursor_to_|table_to_|schema_to_|database_to_)"
    r"|(set_config|setval|nextval|sleep|benchmark|system|reflect|java_method|getenv|fts_main)$"
)
"""Functions that act, by name, on the engines that are known: a read-only transaction stops most of them, not all."""


@dataclass(frozen=True)
class Mapping:
    """How the canonical table is made from a store's table.

    Attributes
    ----------
    name : for provenance.
    table : the store's table, perhaps with catalog and schema before dots; or a relation that an engine has made.
    columns : canonical column -> SQL expression over the store's columns; empty when the names are the canonical ones.
    where : SQL condition that picks the calls among the rows, or None.
    notes : what `doctor` says about the store.
    dialect : the SQL that `columns`, `where` and `indexed` are written in; the engine gets its own.
    latency_unit : what the expression of latencyMs gives: ms, s, us or ns.
    indexed : a time column of the store that lies between a day before createdAt and createdAt, to look rows up by its index.
    left_out : (what they are, SQL condition) of rows that `where` drops and `doctor` should count, such as calls without an end.
    """

    name: str
    table: str | exp.Expression
    columns: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    notes: tuple[str, ...] = ()
    dialect: str = "postgres"
    latency_unit: str = "ms"
    indexed: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """A short text that is another one whenever the calls could be others; the notes do not count."""
        made_of = (str(self.table), self.columns, self.where, self.dialect, self.latency_unit)
        return f"{self.name}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]}"

    def relation(self, written: Sequence[exp.Binary] = ()) -> exp.Expression:
        """The store's table as the canonical one, to stand where a query says FROM "AIInteraction".

        `written` are the query's own conditions on createdAt; the store's indexed column is held against them too.
        """
        relation = _table(self.table)
        if self.columns:
            select = exp.select(
                *(
                    exp.alias_(self._expression(column), column, quoted=True)
                    for column, _ in self.columns
                )
            ).from_(relation)
            conditions = [parse_one(self.where, read=self.dialect)] if self.where else []
            conditions += (
                [self._looked_up(condition) for condition in written] if self.indexed else []
            )
            relation = exp.Subquery(this=select.where(*conditions))
        relation.set("alias", exp.TableAlias(this=exp.to_identifier(CANONICAL_TABLE, quoted=True)))
        return relation

    def left_out_query(self, condition: str) -> exp.Select:
        """How many rows of the store meet a condition of `left_out`; with an indexed column, of those since :written_from."""
        query = (
            exp.select("COUNT(*) AS calls")
            .from_(_table(self.table))
            .where(parse_one(condition, read=self.dialect))
        )
        if self.indexed:
            since = exp.GTE(
                this=exp.column("createdAt"), expression=exp.Placeholder(this="written_from")
            )
            query = query.where(self._looked_up(since))
        return query

    def check_fits(self, stored: Collection[str], where: str) -> None:
        """Raise WrongUse when an expression reads a column that the store does not have; `where` names the store in the sentence."""
        known = {column.lower() for column in stored}
        expressions = [
            *self.columns,
            *((key, getattr(self, key)) for key in ("where", "indexed") if getattr(self, key)),
            *self.left_out,
        ]
        for place, sql in expressions:
            for column in parse_one(sql, read=self.dialect).find_all(exp.Column):
                if column.parts[0].name.lower() not in known:
                    lacking = (
                        f"{place} reads {quote(column.parts[0].name)}, which {where} does not have"
                    )
                    raise WrongUse(
                        f"mapping {self.name!r}: {lacking}; write a mapping of your own with another expression there"
                    )

    def _expression(self, column: str) -> exp.Expression:
        expression = parse_one(dict(self.columns)[column], read=self.dialect)
        if column != "latencyMs" or self.latency_unit == "ms":
            return expression
        factor = parse_one(LATENCY_UNITS[self.latency_unit], read="postgres")
        return exp.cast(
            exp.func("ROUND", exp.Mul(this=exp.paren(expression), expression=factor)), "BIGINT"
        )

    def _looked_up(self, condition: exp.Binary) -> exp.Expression:
        """A condition on createdAt as one on the indexed column: a call lasts a day at most."""
        bound = condition.expression.copy()
        if isinstance(condition, exp.GT | exp.GTE):
            bound = exp.Sub(
                this=bound,
                expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")),
            )
        return type(condition)(
            this=exp.paren(parse_one(self.indexed, read=self.dialect)), expression=bound
        )


def load_mapping(name: str | None, *, folder: Path, table: str | None) -> Mapping:
    """The mapping of that name (a shipped one, or the path of a .toml file beside rollout.toml), over `table` when given.

    Raises WrongUse with the file, the key and the mend when the mapping does not give every canonical column.
    """
    shipped = SHIPPED / f"{name or 'aiinteraction'}.toml"
    path = shipped if shipped.exists() else folder / str(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
        raise WrongUse(
            f"mapping {quote(name)} is neither shipped ({known}) nor a file beside rollout.toml; name one of these"
        )
    return _checked(_parsed(path), path=path, table=table)


def acts(query: exp.Expression) -> bool:
    """Whether an expression calls a function that does more than compute: one that waits, writes, or reaches files and other servers."""
    return any(_ACTING.match(function.name) for function in query.find_all(exp.Anonymous))


def _parsed(path: Path) -> dict:
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise WrongUse(
            f"mapping {path.name} cannot be read ({error.strerror}); make it readable"
        ) from None
    if len(raw) > _LONGEST_FILE:
        raise WrongUse(
            f"mapping {path.name} is larger than {_LONGEST_FILE:,} bytes, which no mapping is; name yours in [source].mapping"
        )
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except RecursionError:
        raise WrongUse(
            f"mapping {path.name} is nested too deeply; write it as the shipped ones"
        ) from None
    except ValueError as error:  # not TOML, not UTF-8, a number of thousands of digits
        raise WrongUse(f"mapping {path.name} is not valid TOML: {error}; mend that line") from None


def _checked(text: dict, *, path: Path, table: str | None) -> Mapping:
    unknown = set(text) - set(KEYS)
    if unknown:
        raise WrongUse(
            f"mapping {path.name} has the unknown key {quote(sorted(unknown)[0])}; it takes {', '.join(KEYS)}"
        )
    columns = text.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(sql, str) for sql in columns.values()):
        raise WrongUse(
            f"mapping {path.name}: [columns] gives each canonical column an SQL expression in quotes"
        )
    missing = [column for column in CANONICAL_COLUMNS if columns and column not in columns]
    surplus = [column for column in columns if column not in CANONICAL_COLUMNS]
    if missing or surplus:
        rule = (
            f"has no {missing[0]!r}" if missing else f"has the unknown column {quote(surplus[0])}"
        )
        raise WrongUse(
            f"mapping {path.name}: [columns] {rule}; it gives exactly {', '.join(CANONICAL_COLUMNS)}"
        )
    given = {
        key: text[key]
        for key in ("table", "dialect", "latency_unit", "indexed", "where")
        if key in text
    }
    for key, value in given.items():
        if not isinstance(value, str) or not value:
            raise WrongUse(f"mapping {path.name}: {key} is one text in quotes")
    _check_words(given, has_columns=bool(columns), path=path)
    left_out = _left_out(text.get("left_out", []), path=path)
    expressions = [
        *columns.items(),
        *((key, given[key]) for key in ("where", "indexed") if key in given),
        *left_out,
    ]
    for place, sql in expressions:
        _check_expression(sql, path=path, where=place, dialect=given.get("dialect", "postgres"))
    notes = text.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise WrongUse(f"mapping {path.name}: notes is a list of texts in quotes")
    given["table"] = table or given.get("table", CANONICAL_TABLE)
    return Mapping(
        path.stem, columns=tuple(columns.items()), notes=tuple(notes), left_out=left_out, **given
    )


def _left_out(rows: Any, *, path: Path) -> tuple[tuple[str, str], ...]:
    good = isinstance(rows, list) and all(
        isinstance(row, dict) and set(row) == {"what", "where"} for row in rows
    )
    if not good or not all(isinstance(value, str) for row in rows for value in row.values()):
        raise WrongUse(
            f'mapping {path.name}: left_out is a list such as [{{what = "calls without an end", where = "ended IS NULL"}}]'
        )
    return tuple((row["what"], row["where"]) for row in rows)


def _check_words(given: dict[str, str], *, has_columns: bool, path: Path) -> None:
    if "dialect" in given and not (
        _ONE_WORD.fullmatch(given["dialect"]) and Dialect.get(given["dialect"])
    ):
        every = sorted(
            name for name in Dialect.classes if name
        )  # all of them are loaded for it, so only now
        raise WrongUse(_unknown(path, "dialect", given["dialect"], every))
    if "latency_unit" in given and given["latency_unit"] not in LATENCY_UNITS:
        raise WrongUse(_unknown(path, "latency_unit", given["latency_unit"], LATENCY_UNITS))
    alone = [key for key in given if key != "table" and not has_columns]
    if alone:
        raise WrongUse(
            f"mapping {path.name}: {alone[0]} says nothing without [columns]; give them, or take the line out"
        )


def _unknown(path: Path, key: str, value: str, known: Collection[str]) -> str:
    return f"mapping {path.name}: {key} {quote(value)} is not known; use one of {', '.join(known)}"


def _check_expression(sql: str, *, path: Path, where: str, dialect: str) -> None:
    too_much = WrongUse(
        f"mapping {path.name}: {where} is longer or deeper than an expression may be; make a view and map that"
    )
    if (
        len(sql) > _LONGEST_EXPRESSION or sql.count("[") > _DEEPEST
    ):  # the parser takes minutes for a few hundred brackets
        raise too_much
    try:
        expressions = parse(sql, read=dialect)
    except (SqlglotError, TypeError, AttributeError, ValueError, LookupError, RecursionError):
        expressions = []
    refused = (
        exp.Query,
        exp.Command,
        exp.DML,
        exp.DDL,
        exp.Drop,
        exp.Placeholder,
        exp.Alias,
        exp.AggFunc,
        exp.Window,
        exp.Star,
    )
    if (
        len(expressions) != 1
        or not isinstance(expressions[0], exp.Expression)
        or expressions[0].find(*refused)
    ):
        raise WrongUse(
            f"mapping {path.name}: {where} is not one SQL expression over the table's columns; give one without SELECT and sums"
        )
    if _is_deep(expressions[0]):
        raise too_much
    for engine in (dialect, "postgres", "duckdb", "spark"):
        if not _can_be_written(expressions[0], engine):
            raise WrongUse(
                f"mapping {path.name}: {where} cannot be written as SQL for {engine}; put it more plainly"
            )
    if acts(expressions[0]):
        raise WrongUse(
            f"mapping {path.name}: {where} calls a function that does more than compute; give an expression over the columns"
        )


def _can_be_written(expression: exp.Expression, dialect: str) -> bool:
    """Whether what a dialect's text of it says can be read back; a query that cannot is never sent."""
    try:
        return isinstance(parse_one(expression.sql(dialect=dialect), read=dialect), exp.Expression)
    except (SqlglotError, TypeError, AttributeError, ValueError, LookupError, RecursionError):
        return False


def _is_deep(expression: exp.Expression) -> bool:
    """Whether it has more levels than can be worked on."""
    level = [expression]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in one.iter_expressions()]
    return bool(level)


def _table(name: str | exp.Expression) -> exp.Expression:
    if isinstance(name, exp.Expression):
        return name.copy()
    *above, table = (exp.to_identifier(part, quoted=True) for part in name.split("."))
    above = [None] * (2 - len(above)) + above
    return exp.Table(this=table, db=above[-1], catalog=above[-2])
