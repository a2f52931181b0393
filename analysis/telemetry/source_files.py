"""The files that `[source].path` names."""

from __future__ import annotations

import glob
from pathlib import Path

from analysis.errors import WrongUse


def find_source_files(folder: Path, path: str | None) -> list[Path]:
    """The files of a path with or without *, relative to the folder of rollout.toml, sorted by name; WrongUse when there is none."""
    if not path:
        raise WrongUse("[source] has engine 'duckdb' and no path; name the Parquet, CSV or .duckdb file")
    files = sorted(glob.glob(str(folder / path), recursive=True))
    if not files:
        raise WrongUse(f"[source].path {path!r} matches no file; run 'rollout demo' for the sample, or name your own export")
    return [Path(file) for file in files]
