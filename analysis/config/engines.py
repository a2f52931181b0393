"""The engines that [source].engine may name. To add one: a package in telemetry/engines, a line."""

from typing import NamedTuple


class EngineEntry(NamedTuple):
    """How an engine is configured and where its code is.

    Attributes
    ----------
    package : the package in analysis/telemetry/engines.
    needs : keys of [source], of which one must be there.
    takes : further keys that only some engines read.
    """

    package: str
    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()

    def reads(self, key: str) -> bool:
        """Whether the engine reads this key of [source]."""
        return key in self.needs or key in self.takes


ENGINES = {
    "duckdb": EngineEntry("duckdb", needs=("path",)),
    "postgres": EngineEntry("sqlalchemy", needs=("url_env",)),
    "sqlalchemy": EngineEntry("sqlalchemy", needs=("url_env",)),
    "spark": EngineEntry("spark", needs=("path", "table"), takes=("remote", "master")),
}
