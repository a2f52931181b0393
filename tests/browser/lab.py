"""JupyterLab on the example, as `rollout lab` starts it, and what a person does in it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from analysis.config import Settings
from analysis.report.explore.lab import copy_notebook, lab_command, lab_environment

WAIT_MS = 120_000


@contextlib.contextmanager
def lab_address(settings: Settings, home: Path) -> Iterator[str]:
    """Start it with a home of its own; yields the address of explore.ipynb."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.open_browser=False",
        "--IdentityProvider.token=test",
    ]
    own = {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "JUPYTERLAB_SETTINGS_DIR": str(home)}
    environment = lab_environment(settings) | own
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*lab_command(copy_notebook(settings)), *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token=test")
        yield f"http://127.0.0.1:{port}/lab/tree/explore.ipynb?token=test"
    finally:
        process.terminate()
        process.wait(timeout=30)


def run_all(page: Page) -> None:
    """Run every cell, once the kernel is idle."""
    page.get_by_text("| Idle").first.wait_for(timeout=WAIT_MS)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def _wait_for(url: str) -> None:
    ends_at = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < ends_at:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.25)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start within {WAIT_MS // 1000} s")
