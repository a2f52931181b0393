"""The fluent questions, the chooser of drop-downs, the lab, and every notebook run plainly."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from analysis.counting.scope import Scope
from analysis.counts import LatencyCounts
from analysis.errors import WrongUse
from analysis.report.explore.explorer import CONFIG_VARIABLE, find_config, open_rollout
from analysis.report.explore.feature_view import QUESTIONS, FeatureView
from analysis.report.explore.lab import copy_notebook, lab_command
from analysis.report.explore.widgets import VIEWS, FigureChooser, page_style, sortable
from analysis.report.tables import Column, ReportTable
from analysis.text.next_steps import cap_sentence
from tests.fixtures.example_results import THIN

ROOT = Path(__file__).parents[3]
STEP_3 = "draft.verify.email.step3"


@pytest.fixture(scope="module")
def rollout(example):
    with open_rollout(example.path) as opened:
        yield opened


def test_features_hold_every_call(rollout):
    table, look = rollout.features(), rollout.cached_look()
    assert sum(row["baseline_calls"] for row in table.rows) == look.baseline.calls
    assert sum(row["post_calls"] for row in table.rows) == look.post.calls
    assert [row["post_calls"] for row in table.rows] == sorted(
        (row["post_calls"] for row in table.rows), reverse=True
    )
    step_3 = next(row for row in table.rows if row["feature"] == STEP_3)
    assert step_3["post_rate"] == pytest.approx(0.13, abs=0.01)


def test_sources_add_up_to_their_feature(rollout):
    feature = rollout.feature(STEP_3)
    found = {row["source"]: row["post_calls"] for row in feature.sources().rows}
    assert set(found) == {
        "background-job/email-inbound-post-process",
        "action:message.regenerate_draft",
        "no source",
    }
    jobs = feature.source("background-job/*")
    assert jobs.n_calls[1] == found["background-job/email-inbound-post-process"]
    assert sum(found.values()) == feature.n_calls[1]


def test_every_question_has_an_answer(rollout):
    feature = rollout.feature(STEP_3, source="background-job/*")
    arguments = {"source": ("background-job/*",), "what_if": ("30s",), "compare": ("timeout_rate",)}
    for question in QUESTIONS:
        answer = getattr(feature, question)(*arguments.get(question, ()))
        assert (
            isinstance(answer, str)
            or hasattr(answer, "_repr_mimebundle_")
            or isinstance(answer, FeatureView)
        ), question
    assert repr(feature).startswith(f"{STEP_3} from background-job/*, 24h: ask .cap, .cap_curve")
    assert len(QUESTIONS) == 14


def test_the_same_numbers_as_the_judge(rollout, look):
    feature = rollout.feature(STEP_3)
    assert feature.what_if("30s") == cap_sentence(look.what_if(STEP_3, 30_000.0))
    text = feature.compare("timeout_rate").text.replace(THIN, " ")
    found = look.result.expectations[0]
    assert f"{found.baseline.value:.1%}".replace("%", " %") in text
    assert text.endswith("Exploratory: it decides nothing.")


def test_quantiles_say_what_cannot_be_known(rollout):
    rows = {row["q"]: row for row in rollout.feature(STEP_3).quantiles([0.5, 0.99]).rows}
    assert rows["p50"]["before"] == "not identifiable"
    assert rows["p50"]["after"].replace(THIN, " ").endswith(" s")
    assert rows["p99"] == {
        "q": "p99",
        "before": "not identifiable",
        "after": "not identifiable",
        "change": "–",
    }


def test_a_feature_that_is_not_there_is_refused(rollout):
    with pytest.raises(
        WrongUse, match=r"feature 'nope' is not in the data; it has calendar\.suggest_slots"
    ):
        rollout.feature("nope")


def test_a_table_is_sorted_by_any_column():
    table = ReportTable(
        "t",
        (Column("a"), Column("n", "count")),
        ({"a": "x", "n": 1}, {"a": "b", "n": None}, {"a": "c", "n": 5}),
    )
    assert [row["a"] for row in table.sorted_by("n").rows] == ["c", "x", "b"]
    assert [row["a"] for row in table.sorted_by("n", descending=False).rows] == ["x", "c", "b"]
    assert [row["a"] for row in table.sorted_by("a").rows] == ["b", "c", "x"]
    with pytest.raises(WrongUse, match="has no column 'z'; it has a, n"):
        table.sorted_by("z")
    assert table._repr_mimebundle_()["text/plain"] == "a | n\nx | 1\nb | –\nc | 5"


# ---- the chooser -----------------------------------------------------------------------------
def test_each_view_of_the_chooser_is_a_call_that_a_cell_can_make(rollout):
    chooser = FigureChooser(rollout)
    chooser.metric.value = "latency_mean"
    seen = set()
    for view in VIEWS:
        chooser.view.value = view
        call = (
            chooser.call.value.removeprefix("<code>").removesuffix("</code>").replace("&#x27;", "'")
        )
        answer = eval(call, {"rollout": rollout})  # what it says is what it shows
        assert answer._repr_mimebundle_()["text/html"] == chooser.figure.value
        seen.add(chooser.figure.value)
    assert len(seen) == len(VIEWS)


def test_a_change_is_seen(rollout):
    chooser = FigureChooser(rollout)
    before = chooser.figure.value
    chooser.feature.value = STEP_3
    assert chooser.figure.value != before
    assert "background-job/email-inbound-post-process" in chooser.source.options
    before = chooser.figure.value
    chooser.source.value = "action:message.regenerate_draft"
    assert chooser.figure.value != before
    assert ".source(" in chooser.call.value
    chooser.view.value = "what if the cap were"
    chooser.cap.value = "25s"
    assert "A cap of 25.0" in chooser.figure.value
    assert chooser.box.children[2] is chooser.figure


def test_a_table_with_a_drop_down_for_its_order(rollout):
    box = sortable(rollout.features())
    order, turned = box.children[0].children
    first = box.children[1].value
    order.value = "post_calls"
    second = box.children[1].value
    turned.value = True
    assert len({first, second, box.children[1].value}) == 3
    assert "@scope" in page_style().value


def test_a_change_redraws_quickly_on_ten_million_calls(look):
    rng = np.random.default_rng(7)
    groups = 500_000
    rows = pd.DataFrame(
        {
            "feature": np.repeat([f"feature.{number}" for number in range(10)], groups // 10),
            "source": np.tile(["web", "job"], groups // 2),
            "outcome": np.where(rng.random(groups) < 0.1, 1, 0),
            "latency_ms": np.tile(np.arange(groups // 10), 10),
            "calls": rng.integers(1, 40, groups),
        }
    )
    large = LatencyCounts.of(rows)
    assert large.rows["calls"].sum() > 9_000_000
    arms = replace(
        look.arms,
        baseline=replace(look.baseline, latency=large),
        post=replace(look.post, latency=large),
    )
    comparator = replace(look.comparator, arms=arms)
    feature = FeatureView(replace(look, comparator=comparator), Scope("feature.3", "web"))
    for question in ("km", "latency", "cliff", "shift", "quantiles"):
        took = []
        for _ in range(3):
            started = time.process_time()
            getattr(feature, question)()
            took.append(time.process_time() - started)
        assert min(took) < 0.3, question


# ---- the lab and the notebooks ---------------------------------------------------------------
def test_the_lab_opens_a_copy(example, tmp_path):
    settings = example.model_copy(update={"folder": tmp_path})
    notebook = copy_notebook(settings)
    assert notebook == tmp_path / "outputs" / "phase-94" / "explore.ipynb"
    notebook.write_text("mine")
    assert copy_notebook(settings).read_text() == "mine"
    command = lab_command(notebook)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[-1] == "--LabApp.default_url=/lab/tree/explore.ipynb"


def test_the_file_is_found_above(tmp_path, monkeypatch):
    (tmp_path / "rollout.toml").write_text("")
    inner = tmp_path / "outputs" / "phase-94"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_config(Path("rollout.toml")) == tmp_path / "rollout.toml"
    assert find_config(Path("other.toml")) == Path("other.toml")
    monkeypatch.setenv(CONFIG_VARIABLE, "/elsewhere/mine.toml")
    assert find_config(Path("rollout.toml")) == Path("/elsewhere/mine.toml")


@pytest.mark.parametrize("name", ["window", "baseline", "explore"])
def test_a_notebook_runs_by_plain_papermill(name, example_folder, tmp_path):
    out = tmp_path / "out.ipynb"
    window = ["-p", "window", "4h"] if name == "window" else []
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / f"{name}.ipynb"),
        str(out),
        *window,
    ]
    run = subprocess.run(
        command,
        cwd=example_folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    notebook = nbformat.read(out, as_version=4)
    text = nbformat.writes(notebook)
    assert "<svg" in text
    if name == "window":
        assert '"4h"' in text
