"""Whether a call completed: asked of the telemetry table, as a number."""

from contextlib import closing
from datetime import UTC, datetime

from analysis.config.settings import Settings
from analysis.telemetry.engines import open_engine


def count_completed(settings: Settings, feature: str, since: datetime) -> int:
    """Count successful calls of a feature that started at or after `since` and are written by now."""
    with closing(open_engine(settings)) as engine:
        parameters = {"feature": feature, "since": since.astimezone(UTC).replace(tzinfo=None)}
        return int(engine.fetch(engine.queries.statement("successes_since", parameters))["calls"].iloc[0])
