"""Connections with start-up options, or without them where a pooler refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.telemetry.engines.sqlalchemy.database_url import routing_options
from analysis.telemetry.engines.sqlalchemy.errors import refuses_options


class StartUpOptions:
    """Connects again without start-up options where a pooler refuses them.

    Each transaction makes the settings itself, so nothing is lost. Later connections do not try
    the options again.
    """

    def __init__(self) -> None:
        self._are_refused = False

    def __call__(
        self, dialect: Any, record: object, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> Any:
        """Connect, as SQLAlchemy's event do_connect asks for it."""
        options = str(keywords.get("options", ""))
        if not self._are_refused:
            try:
                return dialect.connect(*arguments, **keywords)
            except dialect.loaded_dbapi.OperationalError as error:
                if not (options and refuses_options(str(error))):
                    raise
                self._are_refused = True
        return dialect.connect(*arguments, **keywords | {"options": routing_options(options)})
