"""The databases that calls are counted in: one package each, listed in `config.engines`.

The module `engine` of a package has two functions: `open_engine(settings, origin, session)` returns
its Engine; `source_origin(settings)` identifies the rows, apart from
table and mapping.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.config.engines import ENGINES
from analysis.errors import WrongUse
from analysis.telemetry.engines.engine import Engine
from analysis.telemetry.mapping_file import source_mapping

if TYPE_CHECKING:
    from types import ModuleType

    from analysis.config import Settings

__all__ = ["Engine", "open_engine", "source_origin"]


def open_engine(settings: Settings, *, spark: Any = None) -> Engine:
    """The engine of [source], opened read-only; only its own library is imported.

    `spark` is a session of Apache Spark that the user has already. Raises WrongUse when the
    engine is another one, or when the source, the table or a column is missing; DataNotTrusted
    when a latency or a time cannot be read.
    """
    name = settings.source.engine
    if spark is not None and name != "spark":
        raise WrongUse(
            f"a Spark session was passed, but [source] has engine = {name!r}; "
            'write engine = "spark", or pass no session'
        )
    origin = source_origin(settings)  # before it is opened, so that a later change is seen
    engine: Engine = _module(settings).open_engine(settings, origin, spark)
    return engine


def source_origin(settings: Settings) -> dict[str, Any]:
    """What the rows come from: equal origins mean equal rows, as far as known without reading.

    A file that was written again is another origin, so is a changed mapping; a database stays the
    same. Raises WrongUse when the mapping or the files do not exist.
    """
    source = settings.source
    mapping = source_mapping(settings)
    shared = {"engine": source.engine, "table": source.table, "mapping": mapping.fingerprint}
    return {**shared, **_module(settings).source_origin(settings)}


def _module(settings: Settings) -> ModuleType:
    return import_module(f"{__name__}.{ENGINES[settings.source.engine].package}.engine")
