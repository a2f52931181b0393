"""Markdown tables, and the parts of a page between ``x: begin`` and ``x: end`` comments."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.files import write_text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replace_part(page: Path, name: str, text: str) -> None:
    """Put the text between the marks of a part. Raises SystemExit when they are missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    if begin not in whole or end not in whole:
        raise SystemExit(f"{page.name} has no part {name!r}; add {begin} and {end}")
    before, after = whole.split(begin)[0], whole.split(end)[1]
    write_text(page, f"{before}{begin}\n{text.rstrip()}\n{end}{after}")
