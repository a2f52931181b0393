"""The tables of docs/inputs.md are what the code does."""

import csv
import io
import re
from pathlib import Path

import pytest

from analysis.errors import DataNotTrusted, WrongUse
from analysis.telemetry.engines import open_engine
from analysis.telemetry.engines.sqlalchemy.database_url import environment_url
from analysis.telemetry.engines.status_words import STATUS_WORDS
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from tests.fixtures.stores import settings_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "inputs.md"
GOOD = dict.fromkeys(CANONICAL_COLUMNS, "1") | {
    "status": "success",
    "createdAt": "2026-02-03 00:00:00",
}


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its two first lines."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(("url", "result"), [row[:2] for row in table("Database URLs")])
def test_urls(monkeypatch, url, result):
    monkeypatch.setenv("TEST_URL", url.strip("`"))
    if result == "read":
        assert environment_url("TEST_URL", "postgres").database in ("d", "postgres")
    else:
        assert result == "refused"
        with pytest.raises(WrongUse, match="the environment variable TEST_URL"):
            environment_url("TEST_URL", "postgres")


@pytest.mark.parametrize(
    ("column", "value", "result"), [row[:3] for row in table("Values in CSV files")]
)
def test_values(tmp_path, column, value, result):
    lines = io.StringIO()
    csv.writer(lines).writerows([GOOD.keys(), (GOOD | {column: value.strip("`")}).values()])
    (tmp_path / "calls.csv").write_text(lines.getvalue(), encoding="utf-8")
    settings = settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.csv"')
    if result == "read":
        open_engine(settings).close()
    else:
        assert result == "refused"
        with pytest.raises(DataNotTrusted, match=f"{column} of row 1"):
            open_engine(settings)


def test_statuses():
    words = {"success": set(), "error": set()}
    for statuses, meaning in table("Statuses"):
        words[meaning] |= set(re.findall("`(.+?)`", statuses))
    assert words == {meaning: set(known) for meaning, known in STATUS_WORDS.items()}
