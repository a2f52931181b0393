"""JupyterLab on one rollout: a copy of explore.ipynb beside its pages, so that the repository's own stays clean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import files
from analysis.report.explore import CONFIG_VARIABLE
from analysis.report.reports import NOTEBOOKS

if TYPE_CHECKING:
    from analysis.config import Settings

NOTEBOOK = "explore.ipynb"
JUPYTER = Path(__file__).with_name("jupyter")
"""Settings of JupyterLab, for this start alone: it asks nobody whether there is news, and the analyst not whether it may."""


def open_lab(settings: Settings) -> int:
    """Start JupyterLab with the rollout's explore.ipynb open; returns its exit code when it is closed."""
    notebook = copy_notebook(settings)
    try:
        return subprocess.run(
            lab_command(notebook), env=lab_environment(settings), check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


def copy_notebook(settings: Settings) -> Path:
    """outputs/<rollout>/explore.ipynb; one that is there already is the analyst's own and stays."""
    notebook = settings.paths.explore_notebook
    if not notebook.exists():
        files.write_text(notebook, (NOTEBOOKS / NOTEBOOK).read_text(encoding="utf-8"))
    return notebook


def lab_environment(settings: Settings) -> dict[str, str]:
    """What JupyterLab and its kernel find in the environment: the rollout, and our settings beside the user's."""
    paths = [str(JUPYTER), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    there = {
        CONFIG_VARIABLE: str(settings.folder / settings.path.name),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths)),
    }
    return os.environ | there


def lab_command(notebook: Path) -> list[str]:
    """The command that starts JupyterLab on a notebook."""
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    quiet = [
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # it asks no host
    place = [
        f"--ServerApp.root_dir={notebook.parent}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
    ]
    return [sys.executable, "-m", "jupyterlab", *root, *quiet, *place]
