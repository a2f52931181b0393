"""Are the names of features and sources names? A blank or an escape sequence is shown cleaned."""

from __future__ import annotations

from analysis.doctor.source_check import SourceCheck, passed, warned
from analysis.formatting import count
from analysis.leaks import display_name
from analysis.telemetry.engines import Engine


def check_names(engine: Engine) -> SourceCheck:
    """Count the names that cannot be shown as they are; every one is counted as a name."""
    rows = engine.fetch(engine.queries.statement("features_and_sources", {}))
    names = {key: set(rows[key].dropna().astype(str)) for key in ("feature", "source")}
    odd = {key: sum(display_name(name) != name for name in found) for key, found in names.items()}
    if not any(odd.values()):
        found = f"{count(len(names['feature']))} features, {count(len(names['source']))} sources"
        return passed("names", found)
    number = f"{count(odd['feature'])} features and {count(odd['source'])} sources"
    return warned(
        "names",
        f"{number} are empty, very long, or hold line breaks or control characters; they are "
        "counted and shown cleaned; look at what the application writes there",
    )
