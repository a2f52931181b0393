"""The index of a rollout and of all rollouts, and the summary of a report."""

import json
import time

import pytest

from analysis import clock
from analysis.errors import WrongUse
from analysis.report.index import all_rollouts_index, rollout_index, write_index
from analysis.report.summary import STEP_SUMMARY, append_to_step_summary, summary_of
from tests.fixtures.example_results import LOOK, finding, result
from tests.fixtures.page_elements import Page, text_of


def put(settings, label, **changes):
    folder = settings.paths.window(label)
    folder.path.mkdir(parents=True, exist_ok=True)
    content = result().as_json() | changes
    folder.result.write_text(json.dumps(content, default=lambda record: record.as_json()))
    folder.page.write_text("<!doctype html>")


def test_the_index_has_a_row_for_every_window(rollout, monkeypatch, tmp_path):
    settings = rollout()
    (tmp_path / "clock").write_text("2026-02-03T04:00:00Z")
    monkeypatch.setenv(clock.CLOCK_VARIABLE, str(tmp_path / "clock"))
    put(settings, "4h", verdict="untrusted")
    stretch = settings.paths.window("2026-02-03T021016Z--2026-02-03T061016Z")
    stretch.path.mkdir()
    stretch.failed.write_text("x")
    settings.paths.ledger.write_text(
        '{"schema": 1, "at": "2026-02-02T23:11:00Z", "event": "schema_push_due", '
        '"command": "npm run push", "who": "b"}\n{"torn'
    )
    page = rollout_index(settings)
    text = text_of(page)
    assert "1h ! Due no report yet: rollout report --due" in text
    assert "4h ? Not trusted 1 of 1 expectations met: " in text
    assert "24h … Not due yet due 2026-02-03 23:11:46 UTC" in text
    assert "2026-02-03T021016Z--2026-02-03T061016Z ✗ Failed the last run failed" in text
    assert "2026-02-02 23:11:00 UTC schema_push_due command npm run push, by b" in text
    Page(page)


def test_the_verdict_now_is_that_of_the_last_planned_look(rollout):
    settings = rollout()
    early = LOOK | {"window": "1h", "end": "2026-02-03T00:10:16Z", "number": 1}
    put(settings, "1h", verdict="roll_back", look=early)
    put(settings, "4h", verdict="improved")
    put(
        settings,
        "odd",
        verdict="not_fixed",
        look=LOOK | {"end": "2026-02-05T00:10:16Z", "planned": None, "number": None},
    )
    assert "<title>Improved · phase-94</title>" in rollout_index(settings)
    write_index(settings)
    assert "Improved" in all_rollouts_index(settings.outputs.parent)


@pytest.mark.parametrize(
    ("verdict", "step"),
    [
        ("sustained", "rollout handoff"),
        ("roll_back", "rollout handoff"),
        ("untrusted", "rollout doctor"),
        ("keep_watching", "rollout watch"),
    ],
)
def test_the_index_says_what_to_do_now_and_that_it_is_no_trial(rollout, verdict, step):
    settings = rollout()
    put(settings, "4h", verdict=verdict)
    page = rollout_index(settings)
    assert f"<code>{step}" in page
    assert "not a randomised trial" in page
    Page(page)


@pytest.mark.parametrize("path", ["outputs/sample/calls.parquet", "calls.parquet"])
def test_the_index_says_when_the_calls_are_simulated(rollout, path):
    settings = rollout()
    settings = settings.model_copy(
        update={"source": settings.source.model_copy(update={"path": path})}
    )
    assert "simulated" not in rollout_index(settings)
    put(settings, "4h")
    assert ("simulated sample data" in rollout_index(settings)) == path.startswith("outputs/sample")


def test_a_stored_knob_without_its_value_is_advised_all_the_same(rollout):
    settings = rollout()
    put(
        settings,
        "4h",
        verdict="roll_back",
        advice=[{"knob": "CAP_MS", "to": 5, "because": "of it"}],
    )
    assert "Turn back CAP_MS." in rollout_index(settings)


def test_a_rollout_without_a_look(rollout):
    settings = rollout()
    assert "No planned look has been made yet." in rollout_index(settings)
    assert "There is no rollout yet" in all_rollouts_index(settings.folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"look": {}},
        {"deployed_at": None},
        {"verdict": "fine"},
        {"expectations": [{"finding": "met"}]},
    ],
)
def test_a_result_that_cannot_be_read_is_a_row(rollout, changed):
    settings = rollout()
    put(settings, "4h")
    assert "its result cannot be read" not in rollout_index(settings)
    put(settings, "4h", **changed)
    assert "its result cannot be read; run the report again" in rollout_index(settings)


def test_a_guardrail_that_does_not_say_whether_it_is_critical_is_not(rollout):
    settings = rollout()
    guardrail = {key: value for key, value in finding().as_json().items() if key != "critical"}
    put(settings, "4h", guardrails=[guardrail])
    assert "its result cannot be read" not in rollout_index(settings)


def test_names_are_escaped(rollout):
    settings = rollout()
    put(
        settings,
        "4h",
        expectations=[finding(name="<script>alert(1)</script>")],
        reason="<b>bold</b>",
    )
    page = rollout_index(settings)
    assert "<script" not in page
    assert "<b>" not in page


def test_an_index_of_200_windows_and_50_rollouts_is_quick(rollout, tmp_path):
    settings = rollout()
    large = [finding(name=f"number {index}") for index in range(60)]
    for hour in range(200):
        end = f"2026-02-{3 + hour // 24:02d}T{hour % 24:02d}:10:16Z"
        put(
            settings,
            f"{hour + 1}h",
            look=LOOK | {"window": f"{hour + 1}h", "end": end, "number": hour + 1, "planned": 200},
            exploratory=large,
        )
    for number in range(50):
        other = settings.outputs.parent / f"rollout-{number}" / "windows" / "4h"
        other.mkdir(parents=True)
        (other / "result.json").write_text(json.dumps(result().as_json()))
        (other.parents[1] / "index.html").write_text("x")
    started = time.process_time()
    write_index(settings)
    assert time.process_time() - started < 2


def test_the_summary_is_markdown(written):
    text = summary_of(result(expectations=[finding(name="a | b <i>")])).replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )
    assert text.splitlines()[0] == "## ✓ Improved: AI timeouts, 4h after the deploy"
    row = next(line for line in text.splitlines() if line.startswith("| a"))
    for words in (
        "| a \\| b \\<i\\> | ✓ met |",
        "| 80.0 % (80 of 100 calls) | 20.0 % (10 of 50 calls) |",
        "| −60.0 points (−70.0 to −50.0 points) |",
    ):
        assert words in row
    assert "not a randomised trial" in text
    assert (
        summary_of(written["24h"].result) == written["24h"].page.with_name("summary.md").read_text()
    )
    assert (
        written["baseline"]
        .page.with_name("summary.md")
        .read_text()
        .startswith("## Baseline: AI timeouts")
    )


def test_the_step_summary_of_github(monkeypatch, tmp_path):
    monkeypatch.setenv(STEP_SUMMARY, str(tmp_path / "summary"))
    (tmp_path / "summary").write_text("before\n")
    append_to_step_summary("## a\n\nb\n")
    assert (tmp_path / "summary").read_text() == "before\n## a\n\nb\n"
    monkeypatch.delenv(STEP_SUMMARY)
    with pytest.raises(WrongUse, match="--github needs a GitHub Actions run"):
        append_to_step_summary("x")
