"""PostgreSQL's columns of other types, such as UUID and enums, as the text that queries expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analysis.telemetry.engines.status_words import status_or_message
from analysis.telemetry.mapping import CANONICAL_COLUMNS, TableMapping

_TEXT_COLUMNS = ("id", "clientId", "leadId", "source", "featureId", "model")


def canonical_mapping(mapping: TableMapping, types: Mapping[str, str]) -> TableMapping:
    """The mapping with text for ids and names of other types, and with plain words of status."""
    columns = dict(mapping.columns) or {name: f'"{name}"' for name in CANONICAL_COLUMNS}
    cast = {
        name: f"CAST({columns[name]} AS TEXT)"
        for name in _TEXT_COLUMNS
        if mapping.columns or not types[name].startswith(("TEXT", "VARCHAR"))
    }
    status = {
        name: status_or_message(name, columns[name], columns["status"], mapping.dialect)
        for name in ("status", "errorMessage")
    }
    return replace(mapping, columns=tuple((columns | cast | status).items()))
