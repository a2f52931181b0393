"""Time arithmetic in whole microseconds: DuckDB spends a third of a scan on intervals."""

from __future__ import annotations

from sqlglot import exp

_MICROSECONDS = {"MINUTE": 60_000_000, "HOUR": 3_600_000_000}


def in_microseconds(query: exp.Select) -> exp.Select:
    """The query with `time - n * INTERVAL '1 millisecond'` and `DATE_TRUNC` as integer arithmetic.

    Equal for times since 1970; DATE_TRUNC is replaced for minutes and hours only.
    """
    query = query.copy()
    for node in reversed(list(query.find_all(exp.Sub, exp.TimestampTrunc))):  # inner ones first
        counted = _moved(node) if isinstance(node, exp.Sub) else _truncated(node)
        if counted is not None:
            node.replace(exp.Anonymous(this="MAKE_TIMESTAMP", expressions=[counted]))
    return query


def _truncated(node: exp.Expr) -> exp.Expr | None:
    length = _MICROSECONDS.get(node.args["unit"].name.upper())
    if length is None:
        return None
    units = exp.IntDiv(this=_since_1970(node), expression=exp.convert(length))
    return exp.Mul(this=units, expression=exp.convert(length))


def _moved(node: exp.Sub) -> exp.Expr | None:
    product = node.expression
    unit = product.expression if isinstance(product, exp.Mul) else None
    if not isinstance(unit, exp.Interval) or unit.sql().upper() != "INTERVAL '1' MILLISECOND":
        return None
    count = exp.cast(product.this.copy(), "BIGINT")
    microseconds = exp.Mul(this=count, expression=exp.convert(1000))
    return exp.Sub(this=_since_1970(node), expression=microseconds)


def _since_1970(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="EPOCH_US", expressions=[node.this.copy()])
