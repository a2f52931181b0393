"""What the rows of a rollout come from: equal origins, equal rows, as far as can be told without reading them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from analysis.telemetry.mapping import load_mapping
from analysis.telemetry.source_files import find_source_files

if TYPE_CHECKING:
    from analysis.config import Settings


def origin(settings: Settings) -> dict[str, Any]:
    """A file that was written again is another origin, a database is the same one, a changed mapping is not.

    WrongUse when the mapping or the files are not there.
    """
    source = settings.source
    mapping = load_mapping(source.mapping, folder=settings.folder, table=source.table)
    found: dict[str, Any] = {
        "engine": source.engine,
        "table": source.table,
        "mapping": mapping.fingerprint,
    }
    if source.engine in ("postgres", "sqlalchemy"):
        found["url_env"] = source.url_env
    if source.engine == "spark":
        found["path"] = source.path
    if source.engine == "duckdb":
        files = [
            (os.path.relpath(file, settings.folder), file.stat())
            for file in find_source_files(settings.folder, source.path)
        ]
        found["files"] = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    return found
