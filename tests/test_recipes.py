"""The recipes of CONTRIBUTING.md, carried out in a copy of the source."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.fixtures.recipe_steps import apply_step, run_rollout, run_step, steps_of
from tests.fixtures.small_rollout import CONFIG, DUCKDB, simple_calls, write_calls
from tests.house.source_tree import ROOT


@pytest.fixture
def source(tmp_path):
    """A copy of the source, with its bytecode."""
    folder = tmp_path / "source"
    for name in ("analysis", "sql", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture
def project(tmp_path):
    """A folder with a small rollout."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "rollout.toml").write_text(CONFIG.format(source=DUCKDB), encoding="utf-8")
    write_calls(folder / "calls.parquet", simple_calls())
    return folder


def carry_out(recipe, source, project):
    """Carry out every step; the edited files of the source, and what the commands print."""
    edited, printed = set(), ""
    for step in steps_of(recipe):
        if step.is_command:
            printed += run_step(step, source, project)
        elif step.path == "rollout.toml":
            with (project / "rollout.toml").open("a", encoding="utf-8") as file:
                file.write(step.blocks[0][1])
        else:
            apply_step(step, source)
            edited.add(step.path)
    check_style([source / path for path in edited if path.endswith(".py")])
    return edited, printed


def check_style(files):
    """The edited files pass the linter."""
    for command in (("check", "--quiet"), ("format", "--check", "--quiet")):
        config = ("--config", str(ROOT / "pyproject.toml"))
        ruff = [sys.executable, "-m", "ruff", *command, *config, *map(str, files)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def finding_named(name, printed):
    result = json.loads(printed)
    findings = [*result["expectations"], *result["guardrails"]]
    return next(finding for finding in findings if finding["name"] == name)


def test_add_a_metric(source, project):
    edited, printed = carry_out("Add a metric", source, project)
    finding = finding_named("failures stay fast", printed)
    assert finding["metric"] == "time_to_failure"
    assert finding["baseline"]["value"] > 1000
    assert "ean time until a call fails of alpha" in finding["sentence"]
    assert len(edited) == 1


def test_add_an_error_class(source, project):
    rows = simple_calls()
    failed = rows.index[rows["status"] == "error"]
    rows.loc[failed[::4], "errorMessage"] = "stopped in a tool loop"
    write_calls(project / "calls.parquet", rows)
    edited, printed = carry_out("Add an error class", source, project)
    finding = finding_named("no more tool loops", printed)
    assert finding["baseline"]["events"] > 10
    assert "alls stopped in a tool loop of alpha" in finding["sentence"]
    assert len(edited) == 2


def test_add_a_claim_kind(source, project):
    edited, printed = carry_out("Add a claim kind", source, project)
    finding = finding_named("traffic stays up", printed)
    assert (finding["claim"], finding["limit"], finding["finding"]) == ("above", 5, "met")
    assert finding["post"]["value"] > 5
    schema = (source / "analysis/results/result.schema.json").read_text(encoding="utf-8")
    assert '"above"' in schema
    assert len(edited) == 2


def test_add_a_section_of_the_window_report(source, project):
    edited, _ = carry_out("Add a section of the window report", source, project)
    page = (project / "outputs/small/windows/4h/report.html").read_text(encoding="utf-8")
    assert "How many calls were there?" in page
    assert "calls before the deploy." in page
    assert len(edited) == 3


def test_add_a_figure(source, project):
    edited, printed = carry_out("Add a figure", source, project)
    figures = project / "outputs/small/windows/4h/figures"
    assert (figures / "hours-calls-per-hour-alpha.svg").is_file()
    assert "before" in printed
    assert "after" in printed
    assert len(edited) == 5


def test_add_an_engine(source, project):
    expected = json.loads(run_rollout(source, project, "compare", "--window", "4h", "--json"))
    rows = simple_calls()
    rows["createdAt"] = rows["createdAt"].dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    rows.to_json(project / "calls.jsonl", orient="records", lines=True)
    jsonl = DUCKDB.replace("duckdb", "jsonl").replace("parquet", "jsonl")
    (project / "rollout.toml").write_text(CONFIG.format(source=jsonl), encoding="utf-8")
    shutil.rmtree(project / "outputs")
    edited, printed = carry_out("Add an engine", source, project)
    result = json.loads(printed)
    assert result["provenance"]["engine"] == "jsonl"
    assert result["expectations"] == expected["expectations"]
    folder = "analysis/telemetry/engines/jsonl/"
    assert [path for path in edited if not path.startswith(folder)] == [
        "analysis/config/engines.py"
    ]
