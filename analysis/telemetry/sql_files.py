"""The queries of sql/: where they lie, their syntax trees, and a fingerprint of their text."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path

from sqlglot import exp, parse_one

from analysis.telemetry.error_classes import SHIPPED_RULES

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
CALLS = "calls"
"""The relation of classified calls: sql/calls.sql with the rules of `error_classes` inserted."""


@cache
def parsed_query(name: str) -> exp.Select:
    """The syntax tree of ``sql/<name>.sql``, shared by all callers: copy it before a change."""
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return parse_one(text, read="postgres", into=exp.Select)


def sql_sha256(names: Collection[str] | None = None) -> str:
    """A fingerprint of these queries, or of all, and of the rules for error classes.

    It is stored with a result and with frozen counts: another fingerprint, another question.
    """
    digest = hashlib.sha256()
    for path in sorted(SQL_FOLDER.glob("*.sql")):
        if names is None or path.stem in names:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    if names is None or CALLS in names:
        digest.update(repr(SHIPPED_RULES).encode())
    return digest.hexdigest()
