"""A rollout in its own folder. Commands run as a user runs them, and all they write is kept."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from tests.fixtures.small_rollout import CONFIG, DUCKDB, write_calls

ROOT = Path(__file__).parents[2]
WATCHER = Path(__file__).with_name("watcher")
SLOW = """ALTER TABLE "AIInteraction" RENAME TO fast;
CREATE VIEW "AIInteraction" AS SELECT fast.* FROM fast,
LATERAL (SELECT pg_sleep(CASE WHEN fast."id" LIKE '%7' THEN 0.05 ELSE 0 END)) AS waits"""
FAST = 'DROP VIEW "AIInteraction"; ALTER TABLE fast RENAME TO "AIInteraction"'
POSTGRES = 'engine = "postgres"\nurl_env = "DATABASE_URL"\ntimeout = "5s"'


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def last_line(self) -> str:
        return self.err.rstrip("\n").rpartition("\n")[2]

    def check_failure(self, code: int, *words: str) -> Done:
        """Check that it ended with this code and one line that says what to do."""
        assert "Traceback" not in self.err + self.out, self.err
        assert self.code == code, (self.code, self.err[-2000:], self.out[-500:])
        assert self.last_line.startswith("rollout: "), self.err[-2000:]
        for word in words:
            assert word in self.last_line, (word, self.last_line)
        assert self.err.count("rollout: ") == 1, self.err
        return self


@dataclass(frozen=True)
class Workspace:
    """A folder with a rollout.toml; `kept` holds what its commands removed or replaced."""

    folder: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "rollout.toml"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs" / "small"

    @property
    def kept(self) -> Path:
        return self.folder / "kept"

    def start(
        self,
        *arguments: str,
        fault: str = "",
        environment: Mapping[str, str] | None = None,
        limits: Callable[[], None] | None = None,
        program: tuple[str, ...] = ("-m", "analysis"),
        out: str | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command; stdout goes to the file `out` when it is given."""
        variables = self.environment_of(fault) | self.environment | dict(environment or {})
        with contextlib.ExitStack() as opened:
            stdout = opened.enter_context(Path(out).open("w")) if out else subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, *program, *arguments],
                cwd=self.folder,
                env=variables,
                stdout=stdout,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                preexec_fn=partial(_prepare_process, limits),
            )

    def environment_of(self, fault: str = "") -> dict[str, str]:
        """The environment of a command: nothing of the tests' own except where programs are."""
        temporary = self.folder / "tmp"
        for folder in (temporary, self.kept):
            folder.mkdir(exist_ok=True)
        inherited = {
            key: value
            for key, value in os.environ.items()
            if key in ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
        }
        return inherited | {
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "KEPT": str(self.kept),
            "FAULT": fault,
            "PYTHONPATH": os.pathsep.join((str(WATCHER), str(ROOT))),
            "OPENBLAS_NUM_THREADS": "1",
        }

    def run(self, *arguments: str, longest_s: float = 240, **how: object) -> Done:
        """Run a command to its end; a hanging one is an error."""
        began = time.monotonic()
        process = self.start(*arguments, **how)
        return wait_for(process, longest_s=longest_s, began=began)

    def wait_until_paused(self, process: subprocess.Popen[str], *, longest_s: float = 60) -> None:
        """Wait for the pause of a fault."""
        ends_at = time.monotonic() + longest_s
        while not (self.kept / "paused").exists():
            if process.poll() is not None or time.monotonic() > ends_at:
                raise AssertionError(f"the command did not pause: {process.communicate(timeout=5)}")
            time.sleep(0.01)

    def resume(self) -> None:
        """End the pause."""
        (self.kept / "paused").unlink(missing_ok=True)

    def complete_files(self) -> dict[str, bytes]:
        """The files of outputs/, without those that change with each run.

        A half-written file is an error.
        """
        files = {
            path.relative_to(self.folder).as_posix(): path
            for path in (self.folder / "outputs").rglob("*")
            if path.is_file()
        }
        half_written = [name for name in files if ".tmp" in name]
        assert half_written == []
        return {
            name: path.read_bytes()
            for name, path in files.items()
            if not name.endswith((".lock", "index.html", "failed.html"))
        }

    def tmp_is_empty(self) -> bool:
        """Whether the commands removed all their temporary files."""
        return not any((self.folder / "tmp").iterdir())


def _prepare_process(limits: Callable[[], None] | None) -> None:
    """Accept SIGINT, which a shell's background jobs ignore, and set the limits."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if limits:
        limits()


def wait_for(
    process: subprocess.Popen[str], *, longest_s: float, began: float | None = None
) -> Done:
    began = time.monotonic() if began is None else began
    try:
        out, err = process.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the command hung for {longest_s} s: {err[-2000:]}") from None
    return Done(process.returncode, out or "", err, time.monotonic() - began)


@contextmanager
def temporary_workspace(
    home: Path, *, config: str | None = None, rows: pd.DataFrame | None = None
) -> Iterator[Workspace]:
    """A workspace with a short path: a kernel's sockets must fit in it."""
    folder = Path(tempfile.mkdtemp(prefix="rf-"))
    try:
        workspace = Workspace(folder, home)
        workspace.config.write_text(config or CONFIG.format(source=DUCKDB), encoding="utf-8")
        if rows is not None:
            write_calls(folder / "calls.parquet", rows)
        yield workspace
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def edited_notebook(workspace: Workspace, name: str, *cells: str) -> str:
    """A program that runs a command with copies of the notebooks, one of them with more cells."""
    shutil.copytree(ROOT / "notebooks", workspace.folder / "notebooks", dirs_exist_ok=True)
    path = workspace.folder / "notebooks" / f"{name}.ipynb"
    content = json.loads(path.read_text())
    for number, source in enumerate(cells):
        cell = {
            "cell_type": "code",
            "id": f"own-{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        content["cells"].insert(-1, cell)
    path.write_text(json.dumps(content))
    return (
        "from pathlib import Path; from analysis.report import reports; "
        "from analysis.cli import main; "
        f"reports.NOTEBOOKS = Path({str(workspace.folder / 'notebooks')!r}); main()"
    )


def file_size_limit(n_bytes: int) -> Callable[[], None]:
    """No file may become larger, which is how a writer sees a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


def memory_limit(n_bytes: int) -> Callable[[], None]:
    """No process may have more memory."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
