"""The files of the project: which there are, and their text."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_GENERATED = {
    ".git",
    ".venv",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "outputs",
}


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is tracked or about to be, relative to the root.

    Without git: every file outside the generated folders.
    """
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files"]
    listed = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = set(listed.stdout.splitlines())
    else:
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = {path.as_posix() for path in paths if not _GENERATED & set(path.parts)}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def files_of(folder: str, ending: str) -> list[str]:
    """The files below a folder with that ending."""
    return [
        name for name in project_files() if name.startswith(f"{folder}/") and name.endswith(ending)
    ]


@cache
def read(name: str) -> str:
    """The text of a file, by its name relative to the root."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def parsed(text: str) -> ast.Module:
    """The syntax tree of a Python file, parsed once for all rules."""
    return ast.parse(text)
