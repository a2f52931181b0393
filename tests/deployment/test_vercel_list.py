"""What `vercel list` printed: tables whose ages give the instant or not, and JSON."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.deployment.builds.vercel_list import read_vercel_list
from analysis.errors import WrongUse
from tests.fixtures.listed_builds import FIRST_MS
from tests.fixtures.listed_builds import listed_build as entry

HEADINGS = "Deployment           Status      Environment     Duration     Username"
ROW = (
    "  \x1b[90m{age}\x1b[39m      https://app-9xk2.vercel.app     \x1b[32m● \x1b[39mReady     "
    "Production      \x1b[90m{duration}\x1b[39m           dev"
)
TABLE = f"""Vercel CLI 50.28.0
> Production deployments for app under team  [412ms]
> To list deployments for a project, run `vercel ls [project]`.

  \x1b[1m\x1b[36mAge\x1b[39m\x1b[22m     {HEADINGS}
{ROW}
  3d      https://app-7ab1.vercel.app     ● Ready     Production      1m           dev

https://app-9xk2.vercel.app
https://app-7ab1.vercel.app
"""


def write_table(tmp_path: Path, age: str, duration: str = "1m") -> Path:
    path = tmp_path / "listed.txt"
    path.write_text(TABLE.format(age=age, duration=duration), encoding="utf-8")
    os.utime(path, (FIRST_MS / 1000, FIRST_MS / 1000))
    return path


@pytest.mark.parametrize(
    ("age", "duration", "ready"),
    [
        ("45s", "30s", "23:10:01"),
        ("12m", "2m", "23:00:16"),
        ("3m", "--", "23:07:16"),
        ("3m", "?", "23:07:16"),
    ],
)
def test_a_printed_table_of_minutes_gives_the_instant(tmp_path, age, duration, ready):
    found = read_vercel_list(write_table(tmp_path, age, duration))
    assert found.effective_at == datetime.fromisoformat(f"2026-02-02T{ready}+00:00")
    assert (found.url, found.deployment_id) == ("https://app-9xk2.vercel.app", None)
    assert "the file's time minus the printed age" in found.note


@pytest.mark.parametrize("age", ["2h", "3d"])
def test_a_printed_table_of_hours_does_not(tmp_path, age):
    found = read_vercel_list(write_table(tmp_path, age))
    assert found.effective_at is None
    assert found.note == f"'listed.txt' says only that it was created {age} ago"
    assert found.url == "https://app-9xk2.vercel.app"


def test_only_the_wanted_environment_counts(tmp_path):
    path = tmp_path / "listed.txt"
    path.write_text(
        "  1m   https://app-1.vercel.app   ● Ready   Preview   30s   dev\n"
        "  2m   https://app-2.vercel.app   ● Error   Production   30s\n"
    )
    assert read_vercel_list(path, environment="preview").url == "https://app-1.vercel.app"
    with pytest.raises(WrongUse, match=r"has no production deployment that is Ready"):
        read_vercel_list(path)


def test_only_urls_says_where_the_table_went(tmp_path):
    path = tmp_path / "listed.txt"
    path.write_text("https://app-1.vercel.app\n")
    with pytest.raises(WrongUse, match="the table goes to stderr: save it with 2>&1"):
        read_vercel_list(path)


@pytest.mark.parametrize("wrapped", [True, False])
def test_its_json(tmp_path, wrapped):
    path = tmp_path / "listed.json"
    entries = [entry(3), entry(1, state=None, readyState="READY"), entry(2)]
    path.write_text(
        json.dumps({"deployments": entries, "contextName": "team"} if wrapped else entries)
    )
    found = read_vercel_list(path)
    assert (found.deployment_id, found.previous_id) == ("dpl_1", "dpl_2")
    assert found.effective_at == datetime(2026, 2, 2, 22, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "7", '{"deployments": 5}', "[[1]]", "no table"]
)
def test_a_file_that_holds_nothing(tmp_path, text):
    path = tmp_path / "listed.txt"
    path.write_text(text)
    with pytest.raises(WrongUse, match="has no production deployment"):
        read_vercel_list(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        WrongUse,
        match=r"cannot read 'nowhere.txt': No such file or directory; save what 'vercel list'",
    ):
        read_vercel_list(tmp_path / "nowhere.txt")
