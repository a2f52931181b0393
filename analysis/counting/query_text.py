"""A query of sql/ as text for psql, with the values of the baseline or of a window in it."""

from __future__ import annotations

from datetime import datetime

from analysis.config import Settings
from analysis.counting.baseline import asked_window
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.scans.baseline_tables import published_window
from analysis.errors import WrongUse
from analysis.telemetry.mapping_file import source_mapping
from analysis.telemetry.queries import Queries
from analysis.telemetry.sql_files import SQL_FOLDER
from analysis.telemetry.statements import Relation
from analysis.telemetry.vocabulary import vocabulary
from analysis.window import window_after

PUBLISHED = ("errors_by_source", "latency_distribution")
NOT_ALONE = (
    "calls",
    "successes_since",
    "cron_minutes",
    "features_and_sources",
    "doctor_span",
    "doctor_days",
    "doctor_early_times",
    "doctor_policies",
    "doctor_privileges",
    "doctor_statuses",
)
"""Parts of other queries, and queries with values that only a run of rollout knows."""


def list_queries() -> dict[str, str]:
    """The queries that work alone, each with what it counts: the first line of its file."""
    queries = {}
    for path in sorted(SQL_FOLDER.glob("*.sql")):
        if path.stem not in NOT_ALONE:
            first_line = path.read_text(encoding="utf-8").split("\n", 1)[0]
            queries[path.stem] = first_line.removeprefix("-- What:").strip()
    return queries


def query_text(settings: Settings, deployed_at: datetime, name: str, window: str | None) -> str:
    """The text of ``sql/<name>.sql`` for a planned window, or for the baseline without one.

    The published tables are those of the 24 hours before the deploy. No connection is opened.
    Raises WrongUse for a query that is not there or does not work alone.
    """
    queries = list_queries()
    if name in NOT_ALONE:
        raise WrongUse(
            f"query {name} does not work alone: read sql/{name}.sql, "
            f"or take one of {', '.join(queries)}"
        )
    if name not in queries:
        raise WrongUse(f"there is no query {name!r}; take one of {', '.join(queries)}")
    grid = Grid.of(settings, deployed_at)
    if window is not None:
        planned = window_after(deployed_at, settings.window_length(window))
        parameters = grid.parameters(planned)
    elif name in PUBLISHED:
        parameters = grid.written_parameters(published_window(deployed_at))
    else:
        parameters = grid.parameters(asked_window(settings, deployed_at))
    mapping = source_mapping(settings)
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    relations = {"limits": Relation(LIMIT_COLUMNS, []), "vocabulary": vocabulary()}
    joined = {key: relation for key, relation in relations.items() if f"JOIN {key} " in text}
    statement = Queries(mapping, settings.error_classes).statement(
        name, parameters, relations=joined
    )
    return statement.text_with_values() + ";"
