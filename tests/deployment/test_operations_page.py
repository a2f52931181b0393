"""The examples of docs/operations.md, run as they are written there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analysis.history.events import EVENTS
from tests.fixtures.rollout_file import TOML

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"


def block(language: str) -> str:
    """The first fenced block of that language."""
    match = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    return match[1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the real command, a rollout whose first look is not due yet, and its .env."""
    folder = tmp_path / "rollout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "outputs").mkdir()
    (folder / "rollout.toml").write_text(
        TOML.format(deployed_at="deployed_at = 2026-02-02T23:10:16Z", more="")
    )
    (folder / ".venv" / "bin" / "rollout").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m analysis "$@"\n'
    )
    (folder / ".venv" / "bin" / "rollout").chmod(0o755)
    (tmp_path / "clock.txt").write_text("2026-02-02T23:40:00Z")
    (folder / ".env").write_text(
        f"ROLLOUT_CLOCK={tmp_path}/clock.txt\nPYTHONPATH={ROOT}\n"
        "TEST_SOURCE_URL=postgresql://nobody@127.0.0.1:9/none\n"
    )
    return tmp_path


def run_in(
    home: Path,
    script: str,
    *,
    shell: tuple[str, ...] = ("sh",),
    folder: Path | None = None,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """Run a script with nothing in the environment but HOME and PATH."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], **more}
    return subprocess.run(
        [*shell, "-c", script],
        cwd=folder or home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


# ---- cron ------------------------------------------------------------------------------------
def test_the_line_for_cron_runs_as_written(home):
    when, command = re.fullmatch(r"((?:\S+ ){5})(.*)\n", block("crontab")).groups()
    assert when == "*/5 * * * * "
    assert "%" not in command, "cron takes a % as the end of the line"
    done = run_in(home, command)
    log = (home / "rollout" / "outputs" / "cron.log").read_text()
    assert done.returncode == 3, log
    assert "due" in log
    assert (done.stdout, done.stderr) == ("", "")


# ---- GitHub Actions --------------------------------------------------------------------------
@pytest.fixture
def workflow() -> dict:
    return yaml.safe_load(block("yaml"))


def test_the_workflow_is_one(workflow):
    assert workflow.keys() == {
        "name",
        True,
        "permissions",
        "concurrency",
        "jobs",
    }  # YAML 1.1 reads `on` as true
    assert workflow[True] == {"schedule": [{"cron": "*/15 * * * *"}], "workflow_dispatch": None}
    (job,) = workflow["jobs"].values()
    assert job.keys() == {"runs-on", "timeout-minutes", "steps"}
    for step in job["steps"]:
        assert step.keys() <= {"name", "uses", "with", "run", "env", "if"}
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@v\d+", step["uses"])
        else:
            assert (
                subprocess.run(["bash", "-n", "-c", step["run"]], capture_output=True).returncode
                == 0
            )
    uses = [step.get("uses", "").split("@")[0] for step in job["steps"]]
    assert uses.index("actions/cache/restore") < uses.index("actions/cache/save")
    always = {step["uses"].split("@")[0] for step in job["steps"] if step.get("if") == "always()"}
    assert always == {"actions/cache/save", "actions/upload-artifact"}, (
        "a red run keeps its ledger too"
    )


def looks_step(workflow) -> str:
    (job,) = workflow["jobs"].values()
    return next(step["run"] for step in job["steps"] if step.get("name") == "looks that are due")


@pytest.mark.parametrize(
    ("code", "ends_with"), [(0, 0), (1, 1), (2, 2), (3, 0), (4, 4), (5, 5), (70, 70)]
)
def test_a_run_is_green_while_it_waits_and_red_when_somebody_must_look(
    home, workflow, code, ends_with
):
    command = home / "rollout" / ".venv" / "bin" / "rollout"
    command.write_text(f'#!/bin/sh\necho "$@" > asked.txt\nexit {code}\n')
    done = run_in(
        home,
        looks_step(workflow),
        shell=("bash", "--noprofile", "--norc", "-eo", "pipefail"),
        folder=home / "rollout",
    )
    assert done.returncode == ends_with
    assert (home / "rollout" / "asked.txt").read_text() == "report --due --github\n"


def test_the_real_command_waits_there(home, workflow):
    more = dict(line.split("=", 1) for line in (home / "rollout" / ".env").read_text().splitlines())
    done = run_in(
        home,
        looks_step(workflow),
        shell=("bash", "--noprofile", "--norc", "-eo", "pipefail"),
        folder=home / "rollout",
        **more,
    )
    assert done.returncode == 0
    assert "due" in done.stderr + done.stdout


def test_what_the_workflow_names_is_there(workflow):
    (job,) = workflow["jobs"].values()
    install = next(step["run"] for step in job["steps"] if step.get("name") == "install")
    assert "requirements.lock" in install
    assert (ROOT / "requirements.lock").exists()
    assert "hatchling==" in (ROOT / "requirements.lock").read_text(), (
        "the editable install builds without isolation"
    )


# ---- the ledger --------------------------------------------------------------------------------
def test_the_events_of_the_page_are_those_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", page, re.MULTILINE)
    assert {name for name, _ in documented} == set(EVENTS)
    for name, facts in documented:
        fields = EVENTS[name].model_fields
        keys = {field.alias or field_name for field_name, field in fields.items()}
        assert set(re.sub(r" \(.*?\)", "", facts).split(", ")) == keys
