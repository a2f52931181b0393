"""A query of sql/ as text for psql, with the values of the baseline or of a window written in."""

from __future__ import annotations

from datetime import datetime

from analysis.config import Settings
from analysis.counting.baseline import asked_window, grid_of
from analysis.counting.baseline_tables import published_window
from analysis.counting.load import LIMIT_COLUMNS
from analysis.decision.plan import planned_window
from analysis.errors import WrongUse
from analysis.telemetry.mapping import load_mapping
from analysis.telemetry.queries import SQL_FOLDER, ErrorClass, Queries, Relation
from analysis.telemetry.vocabulary import vocabulary

PUBLISHED = ("errors_by_source", "latency_distribution")
NOT_ALONE = (
    "calls",
    "completed",
    "cron_minutes",
    "known_names",
    "doctor_span",
    "doctor_days",
    "doctor_privileges",
)
"""Parts of other queries, and those that need what only a run of rollout knows."""


def list_queries() -> dict[str, str]:
    """The queries that stand alone, each with the first line of its file: what it counts."""
    paths = [path for path in sorted(SQL_FOLDER.glob("*.sql")) if path.stem not in NOT_ALONE]
    firsts = (path.read_text(encoding="utf-8").split("\n", 1)[0] for path in paths)
    return {
        path.stem: first.removeprefix("-- What:").strip()
        for path, first in zip(paths, firsts, strict=True)
    }


def query_text(settings: Settings, deployed_at: datetime, name: str, window: str | None) -> str:
    """The text of `sql/<name>.sql`; it opens no connection. The tables of phase 94a are of the 24 h before the deploy."""
    if name in NOT_ALONE:
        raise WrongUse(
            f"query {name} does not stand alone: read sql/{name}.sql, or take one of {', '.join(list_queries())}"
        )
    if name not in list_queries():
        raise WrongUse(f"there is no query {name!r}; take one of {', '.join(list_queries())}")
    grid = grid_of(settings, deployed_at)
    if name in PUBLISHED and window is None:
        parameters = grid.written_parameters(published_window(deployed_at))
    else:
        asked = (
            asked_window(settings, deployed_at)
            if window is None
            else planned_window(settings, deployed_at, window)
        )
        parameters = grid.parameters(asked)
    classes = tuple(
        ErrorClass(item.name, tuple(item.contains), item.pattern) for item in settings.error_classes
    )
    mapping = load_mapping(
        settings.source.mapping, folder=settings.folder, table=settings.source.table
    )
    relations = {"limits": Relation(LIMIT_COLUMNS, []), "vocabulary": vocabulary()}
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    needed = {key: relation for key, relation in relations.items() if f"JOIN {key} " in text}
    return (
        Queries(mapping, classes).statement(name, parameters, relations=needed).text_with_values()
        + ";"
    )
