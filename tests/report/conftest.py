"""The example rollout on a temporary folder, judged and written once for all tests of a process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import analysis
from analysis.config import Settings, load_settings
from analysis.judge import Look
from analysis.report.index import write_index
from analysis.report.reports import run_baseline_report, run_window_report
from analysis.report.sections import WindowSections
from analysis.sample.simulate import simulate_phase_94, write_sample

ROOT = Path(__file__).parents[2]
QUIET = {"on_progress": lambda line: None}


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's rollout.toml and its sample data; braces and a space in its path."""
    folder = tmp_path_factory.mktemp("box") / "a {b} c"
    folder.mkdir()
    shutil.copy(ROOT / "rollout.toml", folder)
    write_sample(simulate_phase_94(), folder / "outputs" / "sample")
    return folder


@pytest.fixture(scope="session")
def example(example_folder: Path) -> Settings:
    """Its settings."""
    return load_settings(example_folder / "rollout.toml")


@pytest.fixture(scope="session")
def look(example: Settings) -> Look:
    """Its look at 24 hours."""
    return analysis.open(example.path).look("24h")


@pytest.fixture(scope="session")
def sections(look: Look) -> WindowSections:
    """The sections of its report."""
    return WindowSections(look)


@pytest.fixture(scope="session")
def written(example):
    """The reports of the baseline and of the last window, and the index."""
    return {
        "baseline": run_baseline_report(example, **QUIET),
        "24h": run_window_report(example, "24h", **QUIET),
        "index": write_index(example),
    }


@pytest.fixture
def rollout(tmp_path, example_folder):
    """A folder of its own on the example's data: edit the file, then load it."""
    text = (
        (example_folder / "rollout.toml")
        .read_text()
        .replace("outputs/sample", f"{example_folder.as_posix()}/outputs/sample")
    )
    (tmp_path / "rollout.toml").write_text(text)

    def load(old="", new=""):
        (tmp_path / "rollout.toml").write_text(text.replace(old, new) if old else text)
        return load_settings(tmp_path / "rollout.toml")

    return load
