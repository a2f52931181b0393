"""What PostgreSQL, DuckDB and Spark understand alike: a list of what a shared query may use; everything else is a fault.

Kept out on purpose, for it runs everywhere and means something else: `/` (whole numbers in PostgreSQL, fractions in Spark), AVG (a
decimal, a fraction), a SUM that is not cast (DuckDB's 128 bits become a float), percentiles (exact, interpolated, approximate),
EXTRACT (a number of another type), LIKE with a backslash (DuckDB finds nothing), a pattern with `.`, `\\` or (?...) (three
dialects of patterns).
"""

import re
from collections.abc import Iterator

from sqlglot import exp

SHARED = (
    exp.Count,
    exp.Sum,
    exp.Min,
    exp.Max,
    exp.Coalesce,
    exp.Greatest,
    exp.Case,
    exp.If,
    exp.Cast,
    exp.MD5,
    exp.Lower,
    exp.SplitPart,
    exp.StrPosition,
    exp.Replace,
    exp.Chr,
    exp.Mod,
    exp.TimestampTrunc,
    exp.RegexpLike,
    exp.Exists,
    exp.And,
    exp.Or,
    exp.Nullif,
)
UNSHARED = (
    exp.Lateral,
    exp.Array,
    exp.Bracket,
    exp.AtTimeZone,
    exp.Collate,
    exp.Escape,
    exp.Unnest,
    exp.ILike,
    exp.SimilarTo,
)
TRUNCATED_TO = {"DAY", "HOUR", "MINUTE", "SECOND"}
CAST_TO = {"BIGINT", "INT", "TEXT", "TIMESTAMP"}
INTERVALS = {"MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"}
JOINS = {"INNER", "LEFT", ""}


def shared_sql_faults(query: exp.Query) -> list[str]:
    """Every use of something that the engines do not share."""
    return sorted(set(_faults(query)))


def _faults(query: exp.Query) -> Iterator[str]:
    for function in query.find_all(exp.Func):
        if not isinstance(function, SHARED):
            name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
            yield f"uses {name.upper()}, which is not on the list of what the engines share (tests/sql_rules.py)"
    for node in query.walk():
        yield from _faults_of(node)


def _faults_of(node: exp.Expression) -> Iterator[str]:
    if isinstance(node, exp.Div | exp.IntDiv):
        yield "divides by '/', which cuts whole numbers on some engines only; let Python divide"
    elif isinstance(node, exp.Sum):
        cast = node.find_ancestor(exp.Cast, exp.Select)
        if not (isinstance(cast, exp.Cast) and cast.to.sql("postgres") == "BIGINT"):
            yield f"{node.sql('postgres')} is not in a CAST(... AS BIGINT)"
    elif isinstance(node, exp.Cast) and node.to.sql("postgres") not in CAST_TO:
        yield f"casts to {node.to.sql('postgres')}; the engines share {', '.join(sorted(CAST_TO))}"
    elif isinstance(node, exp.TimestampTrunc) and node.unit.name.upper() not in TRUNCATED_TO:
        yield f"DATE_TRUNC to {node.unit.name}; weeks and months begin and end differently"
    elif isinstance(node, exp.Interval) and (
        not node.unit or node.unit.name.upper().removesuffix("S") not in INTERVALS
    ):
        yield f"{node.sql('postgres')} has no length that is the same everywhere"
    elif isinstance(node, exp.Like) and "\\" in node.expression.sql():
        yield "LIKE with a backslash, which DuckDB takes for a backslash"
    elif isinstance(node, exp.RegexpLike):
        yield from _pattern_faults(node.expression)
    elif isinstance(node, exp.Join) and (node.side or node.kind or "").upper() not in JOINS:
        yield f"a join of the kind {node.side or node.kind}; the engines share INNER and LEFT"
    elif isinstance(node, UNSHARED):
        yield f"uses {type(node).__name__}, which is not shared"
    elif isinstance(node, exp.Distinct) and node.args.get("on"):
        yield "DISTINCT ON, which only PostgreSQL and DuckDB have"


def _pattern_faults(pattern: exp.Expression) -> Iterator[str]:
    for literal in pattern.find_all(exp.Literal):
        outside = re.sub(r"\[[^\]]*\]", "", literal.name)
        if (
            "\\" in literal.name
            or "(?" in literal.name
            or "[:" in literal.name
            or re.search(r"[.{]", outside)
        ):
            yield f"the pattern {literal.name!r} holds '.', '{{', a backslash, (? or [: outside what the engines share"
