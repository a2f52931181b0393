"""How the table is read: its mapping, the mapping's notes, and the types of its columns."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.doctor.source_check import SourceCheck, passed
from analysis.telemetry.engines import Engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS, TableMapping


def describe_columns(engine: Engine, mapping: TableMapping) -> Iterator[SourceCheck]:
    """Say how the table is read, and whether createdAt has a time zone."""
    how = "; it has the canonical columns"
    if mapping.columns:
        expressions = ", ".join(f"{column} = {sql}" for column, sql in mapping.columns)
        how = f" by mapping {mapping.name}: {expressions}"
    yield passed("mapping", f"{engine.source}{how}")
    for note in mapping.notes:
        yield passed("mapping", note)
    types = engine.columns()
    canonical = [f"{column} {types[column]}" for column in CANONICAL_COLUMNS if column in types]
    yield passed("columns", ", ".join(canonical) or f"{len(types)} columns, all mapped")
    created_type = types.get("createdAt", "").upper()
    if "WITH TIME ZONE" in created_type or "TIMESTAMPTZ" in created_type:
        yield passed("columns", "createdAt has a time zone; it is read as UTC")
