"""The application's checkout, asked by git: commit, changed files. Read only."""

import subprocess
from pathlib import Path

GIT_SECONDS = 30


def ask_git(checkout: Path, *arguments: str) -> str | None:
    """Run git there and return what it printed, stripped; None when it fails or is not installed."""
    command = ["git", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=GIT_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def commit_of(checkout: Path) -> str | None:
    """The commit that is checked out, with `+changes` when files differ from it; None outside git."""
    commit = ask_git(checkout, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    return (
        f"{commit}+changes"
        if ask_git(checkout, "status", "--porcelain", "--untracked-files=no")
        else commit
    )


def changed_files(checkout: Path, base_ref: str, paths: tuple[str, ...]) -> tuple[str, ...] | None:
    """Files of these paths that differ from where the work left `base_ref`, new ones too; None when git cannot tell."""
    fork = ask_git(checkout, "merge-base", "--end-of-options", base_ref, "HEAD")
    if not fork:
        return None
    changed = ask_git(
        checkout, "diff", "--name-only", "--relative", "--no-ext-diff", fork, "--", *paths
    )
    added = ask_git(checkout, "ls-files", "--others", "--exclude-standard", "--", *paths)
    if changed is None or added is None:
        return None
    return tuple(sorted({*changed.splitlines(), *added.splitlines()}))
