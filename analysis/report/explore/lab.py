"""JupyterLab on one rollout, with a copy of explore.ipynb next to its pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from analysis import files
from analysis.config import Settings
from analysis.report.explore.explorer import CONFIG_VARIABLE
from analysis.report.reports import NOTEBOOKS

JUPYTER = Path(__file__).with_name("jupyter")
"""Settings of JupyterLab for this start alone: it does not look for news or updates."""


def open_lab(settings: Settings) -> int:
    """Start JupyterLab with the rollout's notebook open; returns its exit code."""
    command = lab_command(copy_notebook(settings))
    try:
        return subprocess.run(command, env=lab_environment(settings), check=False).returncode
    except KeyboardInterrupt:
        return 0


def copy_notebook(settings: Settings) -> Path:
    """The analyst's own explore.ipynb; it is copied once and never overwritten."""
    notebook = settings.paths.explore_notebook
    if not notebook.exists():
        files.write_text(notebook, (NOTEBOOKS / notebook.name).read_text(encoding="utf-8"))
    return notebook


def lab_environment(settings: Settings) -> dict[str, str]:
    """The environment of JupyterLab and its kernel: the rollout, and our settings."""
    folders = [str(JUPYTER), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return os.environ | {
        CONFIG_VARIABLE: str(settings.folder / settings.path.name),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, folders)),
    }


def lab_command(notebook: Path) -> list[str]:
    """The command that starts JupyterLab on a notebook; it requests nothing from any host."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        *(sys.executable, "-m", "jupyterlab"),
        *(["--allow-root"] if is_root else []),
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.root_dir={notebook.parent}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
    ]
