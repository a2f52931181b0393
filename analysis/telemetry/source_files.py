"""The files that `[source].path` names."""

from __future__ import annotations

import glob
from pathlib import Path

from analysis.errors import WrongUse
from analysis.leaks import quote


def find_source_files(folder: Path, path: str | None) -> list[Path]:
    """The files of a path with or without *, relative to the folder of rollout.toml, sorted by name; WrongUse when there is none."""
    if not path:
        raise WrongUse(
            "[source] has engine 'duckdb' and no path; name the Parquet, CSV or .duckdb file"
        )
    only_stars = path.replace("[", "[[]").replace("?", "[?]")
    files = sorted(
        file
        for name in glob.glob(only_stars, root_dir=folder, recursive=True)  # noqa: PTH207
        if (file := folder / name).is_file()
    )
    if not files:
        raise WrongUse(
            f"[source].path {quote(path)} matches no file; run 'rollout demo' for the sample, or name your own export"
        )
    return files
