"""Preflight on a small real npm project: lint, build, how they fail, and a changed schema."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from analysis.deployment.preflight import run_preflight
from analysis.deployment.shell_command import count_warnings
from analysis.errors import StepFailed, WrongUse
from analysis.history.events import Event, PreflightEvent, SchemaPushEvent
from analysis.history.ledger import open_ledger
from tests.fixtures.npm_project import git
from tests.fixtures.rollout_steps import PREFLIGHT


def recorded(settings, kind: type[Event] = PreflightEvent) -> list[dict]:
    return [event.facts() for event in open_ledger(settings).read().events(kind)]


# ---- a real npm project ----------------------------------------------------------------------
def test_lint_and_build_of_an_npm_project(make_settings, project):
    settings, lines = make_settings(PREFLIGHT), []
    report = run_preflight(settings, on_line=lines.append)
    report.check()
    assert [(step.name, step.state, step.exit_code, step.warnings) for step in report.steps] == [
        ("lint", "passed", 0, 2),
        ("build", "passed", 0, 0),
    ]
    assert all(step.seconds > 0 for step in report.steps)
    assert report.commit == git(project, "rev-parse", "HEAD")
    assert report.tools.keys() == {"npm", "node"}
    assert report.tools["node"].startswith("v")
    assert report.schema_push is None
    assert "built dist.js" in lines
    assert lines[0] == "$ npm run lint"
    assert (project / "dist.js").exists()
    events = recorded(settings)
    assert events[0].pop("seconds") > 0
    assert events[0] == {
        "name": "lint",
        "state": "passed",
        "exit_code": 0,
        "warnings": 2,
        "commit": report.commit,
        "tools": dict(report.tools),
    }
    assert [event["name"] for event in events] == ["lint", "build"]


def test_a_failing_command_stops_the_rest(make_settings, project):
    (project / "index.js").write_text("debugger;\n")
    settings = make_settings(PREFLIGHT)
    report = run_preflight(settings)
    with pytest.raises(
        StepFailed, match="preflight step 'lint' failed: it ended with exit code 1; not run: build"
    ) as caught:
        report.check()
    assert caught.value.exit_code == 6
    assert [
        (event["name"], event["state"], event["exit_code"]) for event in recorded(settings)
    ] == [("lint", "failed", 1)]
    assert not (project / "dist.js").exists()
    assert report.commit.endswith("+changes")


def test_warnings_fail_where_they_are_not_allowed(make_settings, project):
    report = run_preflight(make_settings(PREFLIGHT.replace("allow_warnings = true", "")))
    assert report.steps[0].reason == "it gave 2 warnings; allow_warnings is not set"


# ---- the schema ------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["changed", "committed", "added"])
def test_a_changed_schema_is_reported_and_not_pushed(make_settings, project, how):
    text = PREFLIGHT
    if how == "added":
        (project / "prisma" / "more.prisma").write_text("model More {}\n")
        text = PREFLIGHT.replace("prisma/schema.prisma", "prisma/*.prisma")
    else:
        (project / "prisma" / "schema.prisma").write_text("model Call { id String }\n")
    if how == "committed":
        git(project, "commit", "-q", "-am", "schema")
    settings = make_settings(
        text.replace('base_ref = "main"', 'base_ref = "main"\nschema_command = "touch pushed"')
    )
    report = run_preflight(settings)
    file = "prisma/more.prisma" if how == "added" else "prisma/schema.prisma"
    assert (
        report.schema_push
        == f"{file} changed since main: the schema push is due; run 'touch pushed' in the checkout"
    )
    assert not (project / "pushed").exists()
    assert recorded(settings, SchemaPushEvent)[0]["command"] == "touch pushed"
    report.check()


def test_what_changed_on_the_base_since_does_not_count(make_settings, project):
    git(project, "checkout", "-q", "main")
    (project / "prisma" / "schema.prisma").write_text("model Other {}\n")
    git(project, "commit", "-q", "-am", "elsewhere")
    git(project, "checkout", "-q", "work")
    assert run_preflight(make_settings(PREFLIGHT)).schema_push is None


@pytest.mark.parametrize("base", ["origin/nowhere", "--output=stolen"])
def test_a_base_that_git_does_not_know_is_reported(make_settings, project, base):
    report = run_preflight(
        make_settings(PREFLIGHT.replace('base_ref = "main"', f'base_ref = "{base}"'))
    )
    assert report.schema_push.startswith(
        f"git cannot compare prisma/schema.prisma with {base}; check it yourself"
    )
    assert not (project / "stolen").exists()


# ---- commands that misbehave -----------------------------------------------------------------
def one(run: str, *, timeout: str = "20s", more: str = "") -> str:
    return f'[[preflight]]\nname = "one"\nrun = {json.dumps(run)}\ntimeout = "{timeout}"\n{more}\n'


def test_a_command_that_hangs_is_ended_with_its_children(make_settings, tmp_path):
    began = time.monotonic()
    report = run_preflight(
        make_settings(
            one("(trap '' TERM; sleep 300) & echo $! > child.pid; sleep 300", timeout="500ms")
        )
    )
    assert time.monotonic() - began < 10
    assert report.steps[0].reason == "it did not end within its limit of 0.5 s"
    assert report.steps[0].exit_code is None
    child = int((tmp_path / "child.pid").read_text())
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split(")")[-1].split()[0]


def test_output_is_shown_while_it_comes(make_settings):
    seen = []
    run_preflight(
        make_settings(one("echo early; sleep 0.6; echo late")),
        on_line=lambda line: seen.append((line, time.monotonic())),
    )
    times = dict(seen)
    assert times["late"] - times["early"] > 0.4


def test_a_child_that_keeps_the_output_open_does_not_hold_it_up(make_settings):
    began = time.monotonic()
    run_preflight(make_settings(one("sleep 60 & echo done"))).check()
    assert time.monotonic() - began < 8


def test_a_secret_in_the_output_is_hidden_and_never_kept(make_settings, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://anna:planted-7Kq@db/app")
    settings, lines = (
        make_settings(one("echo url $DATABASE_URL; printf 'bin\\377ary\\n'; exit 3")),
        [],
    )
    report = run_preflight(settings, on_line=lines.append)
    assert "(line hidden: URL with credentials)" in lines
    assert "bin\ufffdary" in lines
    assert report.steps[0].exit_code == 3
    kept = open_ledger(settings).path.read_text() + repr(report) + "".join(lines[1:])
    assert "planted" not in kept


def test_a_command_that_is_not_there(make_settings):
    assert (
        run_preflight(make_settings(one("no-such-program --x"))).steps[0].reason
        == "it ended with exit code 127"
    )


def test_a_command_that_waits_for_input_gets_none(make_settings):
    run_preflight(make_settings(one("read line || echo nothing", timeout="5s"))).check()


def test_its_folder(make_settings, tmp_path):
    (tmp_path / "web").mkdir()
    lines = []
    run_preflight(make_settings(one("pwd", more='cwd = "web"')), on_line=lines.append)
    assert lines[1].endswith("/web")
    assert (
        "its folder 'nowhere' is not in the checkout"
        in run_preflight(make_settings(one("pwd", more='cwd = "nowhere"'))).steps[0].reason
    )


def test_no_checkout_and_no_command_are_refused(make_settings):
    with pytest.raises(
        WrongUse, match=re.escape("[application].checkout = 'nowhere' is not a folder")
    ):
        run_preflight(make_settings('[application]\ncheckout = "nowhere"\n' + one("true")))
    with pytest.raises(WrongUse, match=re.escape("has no [[preflight]]")):
        run_preflight(make_settings())


def test_outside_git_there_is_no_commit(make_settings, tmp_path):
    if (
        subprocess.run(["git", "-C", str(tmp_path), "rev-parse"], capture_output=True).returncode
        == 0
    ):
        pytest.skip("the temporary folder lies in a checkout")
    assert run_preflight(make_settings(one("true"))).commit is None


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        (["all good", "0 warnings"], 0),
        (["npm warn deprecated a", "npm WARN old b"], 2),
        (
            [
                "Warning: slow",
                "[warn] x",
                "⚠ Compiled with remarks",
                "no forewarning here",
                "warnings.js was built",
            ],
            3,
        ),
        (["a.js: 1:1 warning x", "✖ 2 problems (1 error, 1 warning)"], 1),
        (["\x1b[33mWarning\x1b[39m: x"], 1),
        (["webpack compiled with 4 warnings"], 4),
    ],
)
def test_counting_warnings(lines, count):
    assert count_warnings(lines) == count
