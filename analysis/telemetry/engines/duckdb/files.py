"""The files of [source].path: which they are, and each kind as something to SELECT from."""

from __future__ import annotations

import csv
import glob
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from sqlglot import exp

from analysis.errors import WrongUse
from analysis.leaks import quote
from analysis.telemetry.mapping import CANONICAL_COLUMNS

if TYPE_CHECKING:
    from analysis.config import Settings

PARQUET, CSV, DATABASE = "Parquet", "CSV", "a DuckDB file"
NULL_WORDS = ("", "NULL", "null", r"\N", "NaN", "nan", "None", "<NA>", "(null)", "[NULL]")
"""How exports write a missing value: psql, pandas, DBeaver and others."""
_KINDS = {".parquet": PARQUET, ".csv": CSV, ".gz": CSV, ".duckdb": DATABASE, ".db": DATABASE}


def find_source_files(settings: Settings) -> list[Path]:
    """The files of [source].path, in which only * is special, sorted; WrongUse without any."""
    folder, path = settings.folder, settings.source.path or ""
    pattern = path.replace("[", "[[]").replace("?", "[?]")
    # pathlib's glob takes no absolute pattern.
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    files = sorted(file for name in names if (file := folder / name).is_file())
    if not files:
        raise WrongUse(
            f"[source].path {quote(path)} matches no file; "
            "run 'rollout demo' for sample data, or name your own export"
        )
    return files


def file_kind(file: Path, where: str) -> str:
    """What a file is, by the ending of its name; WrongUse for another ending."""
    kind = _KINDS.get(file.suffix.lower())
    if kind is None:
        raise WrongUse(
            f"{where} ends neither in .parquet, .csv, .csv.gz nor .duckdb; name such a file"
        )
    return kind


def rows_of(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    kind: str,
    *,
    table: str,
    where: str,
) -> str:
    """The rows of the files, to stand after FROM; `table` names the table of a .duckdb file.

    Raises WrongUse when a CSV file has no usable header, or a .duckdb file not that table.
    """
    if kind == PARQUET:
        return f"read_parquet({text_list(files)}, union_by_name = true)"
    if kind == CSV:
        return f"({' UNION ALL BY NAME '.join(f'SELECT * FROM {_csv(file)}' for file in files)})"
    if len(files) > 1:
        raise WrongUse(f"{where} matches {len(files)} DuckDB files; name one of them")
    connection.execute(f"ATTACH {_text(str(files[0]))} AS attached (READ_ONLY)")
    schema, _, name = table.rpartition(".")
    schema = schema or "main"
    found = connection.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_catalog = 'attached' AND table_name = ? AND table_schema = ?",
        [name, schema],
    ).fetchall()
    if not found:
        raise WrongUse(f"{where} has no table {table!r}; name its table in [source].table")
    return exp.table_(name, db=schema, catalog="attached", quoted=True).sql("duckdb")


def text_list(files: Sequence[Path]) -> str:
    """The paths of files as a list in DuckDB's SQL."""
    return f"[{', '.join(_text(str(file)) for file in files)}]"


def _csv(file: Path) -> str:
    """A reader that guesses nothing: every column is text, the header names the columns."""
    opened = gzip.open if file.suffix.lower() == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
    except (OSError, EOFError, UnicodeDecodeError):
        raise WrongUse(f"{file.name} cannot be read as CSV in UTF-8; export it again") from None
    delimiter = max(",;\t|", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    canonical = {name.lower(): name for name in CANONICAL_COLUMNS}
    names = [canonical.get(name.lower(), name) for name in names]
    if not names:
        raise WrongUse(
            f"{file.name} is empty; it needs a header row with {', '.join(CANONICAL_COLUMNS)}"
        )
    if len(set(names)) < len(names) or not all(names):
        raise WrongUse(
            f"{file.name} has no header row, or a column in it has no name or the name of another; "
            "export it with a header row"
        )
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)
    nulls = ", ".join(map(_text, NULL_WORDS))
    quoting = "quote = '\"', escape = '\"'"
    return (
        f"read_csv({_text(str(file))}, header = true, auto_detect = false, "
        f"delim = {_text(delimiter)}, {quoting}, nullstr = [{nulls}], columns = {{{columns}}})"
    )


def _text(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")
