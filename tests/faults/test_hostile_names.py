"""Names from the data are data: hostile names stop nothing and break no page."""

import contextlib
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from analysis import files
from analysis.cli.gate import gated
from analysis.counting.scope import Scope, exactly
from analysis.leaks import without_controls
from analysis.report.page_templates import escape_markdown
from tests.faults.workspace import POSTGRES
from tests.fixtures.small_rollout import CONFIG, DUCKDB, simple_calls, write_calls

NAMES = (
    "",
    "   ",
    "x" * 5000,
    "two\nlines",
    "tab\there",
    "clear\x1b[2Jscreen",
    "title\x1b]0;stolen\x07",
    "c1\x9b31m",
    "bidi\u202efdp.exe",
    "\u2066isolate",
    "line\u2028separator",
    "<script>alert(1)</script>",
    "]]>--><svg onload=alert(1)>",
    "a|b`c`[x](javascript:alert(1)) @team #1",
    "$x^{",
    "%s{0}{{7*7}}{% raw %}",
    "*",
    "alpha*",
    "a[*]b",
    "../../../etc/passwd",
    "-rf",
    "'; DROP TABLE x; --",
)
CONTROLS = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def calls_with(names):
    """The calls of the small rollout, and some of a feature, source and model of each name."""
    rows = simple_calls()
    beta = rows[rows["featureId"] == "beta"]
    parts = [rows]
    for number, name in enumerate(names):
        part = beta.sample(frac=0.5, random_state=number)
        ids = [f"{number}-{row}" for row in range(len(part))]
        parts.append(part.assign(featureId=name, source=name, model=name, id=ids))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.faults
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_hostile_names_stop_no_verdict_and_break_no_page(
    request, workspace, rollout, monkeypatch, tally, engine
):
    rows = calls_with(NAMES)
    if engine == "postgres":
        database = request.getfixturevalue("database")
        database.load_interactions(rows)
        monkeypatch.setenv("DATABASE_URL", database.url)
    else:
        write_calls(workspace.folder / "calls.parquet", rows)
    source = DUCKDB if engine == "duckdb" else POSTGRES
    workspace.config.write_text(CONFIG.format(source=source), encoding="utf-8")
    doctor = rollout(workspace, "doctor")
    assert doctor.code == 0, doctor
    assert "warning  names: 11 features and 11 sources are empty" in doctor.out
    for arguments, codes in (
        (("baseline",), {0}),
        (("compare", "--window", "4h"), {0, 3, 4, 5}),
        (("compare", "--window", "4h", "--json"), {0, 3, 4, 5}),
        (("report", "--window", "4h"), {0, 3, 4, 5}),
    ):
        done = rollout(workspace, *arguments)
        assert done.code in codes, (arguments, done.err[-2000:])
        assert "internal error" not in done.err
        assert not CONTROLS.search(done.out + done.err), arguments
    result = json.loads(next(workspace.outputs.rglob("windows/4h/result.json")).read_text())
    assert result["verdict"] != "untrusted"
    texts = [path for path in workspace.outputs.rglob("*") if path.suffix in (".html", ".md")]
    assert len(texts) >= 3
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not CONTROLS.search(text), path
        assert "<script>alert(1)" not in text, path
        assert "<svg onload" not in text, path
    drawings = list(workspace.outputs.rglob("*.svg"))
    for path in drawings:
        root = ElementTree.fromstring(path.read_bytes())
        assert not any("onload" in node.attrib for node in root.iter()), path
    assert drawings
    tally(inputs=len(NAMES))


def test_a_name_of_the_data_is_no_pattern():
    for name in NAMES:
        scope = Scope(exactly(name))
        assert scope.matches(name, None)
        assert not scope.is_pattern
        assert not any(scope.matches(other, None) for other in (*NAMES, "alpha") if other != name)


CONTROL_TEXTS = [
    ("a\x1b[31mb\x1b[0m", "ab"),
    ("a\x1b]0;title\x07b", "ab"),
    ("a\x1b]8;;https://evil.example\x1b\\b", "ab"),
    ("a\x9d0;title\x9cb", "ab"),
    ("a\x1bP1$r\x1b\\b", "ab"),
    ("a\x9b2Jb", "ab"),
    ("a\x1b\x1b[2J[2Jb", "a[2Jb"),
    ("a\x1b]52;c;never ends", "a]52;c;never ends"),
    ("a\u202eb\u2066c\u200f", "abc"),
    ("a\rb\x08c\x00\x7f", "abc"),
    ("a\tb\r\nc\nü", "a\tb\r\nc\nü"),
]


@pytest.mark.parametrize(("text", "clean"), CONTROL_TEXTS)
def test_no_control_character_is_printed_or_written(monkeypatch, tmp_path, text, clean):
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        with contextlib.suppress(ValueError), gated():
            getattr(sys, name).write(text)
            getattr(sys, name).flush()
            written = raw.getvalue().decode()
        assert written.replace("\r\n", "\n") == clean.replace("\r\n", "\n")
    files.write_text(tmp_path / "page.html", text)
    assert (tmp_path / "page.html").read_bytes().decode() == clean
    assert without_controls(clean) == clean


def test_a_control_character_hides_no_address(tmp_path):
    for text in ("anna\x1b[0m@example.com", "anna@exam\u202eple.com", "anna@\x9b1mexample.com"):
        with pytest.raises(files.LeakRefused):
            files.write_text(tmp_path / "page.html", text)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("[x](javascript:alert(1))", r"(?<!\\)\[|(?<!\\)\("),
        ("![x](https://evil.example)", r"(?<!\\)!|https://"),
        ("see https://evil.example", "https://"),
        ("www.evil.example", r"www\.(?!\\)e"),
        ("@team", "@t"),
        ("fixes #12", "#1"),
        ("a|b", r"(?<!\\)\|"),
        ("`code`", r"(?<!\\)`"),
        ("<img src=x>", r"(?<!\\)<"),
        ("&lt;script&gt;", r"(?<!\\)&l"),
        ("~~gone~~", r"(?<!\\)~"),
        ("$math$", r"(?<!\\)\$"),
        ("one\n# heading", "\n"),
    ],
)
def test_markdown_of_a_name_is_text(text, refused):
    assert not re.search(refused, escape_markdown(text))
