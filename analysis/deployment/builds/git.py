"""What git knows of the application's checkout. Read only."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

GIT_SECONDS = 30


def commit_of(checkout: Path) -> str | None:
    """The commit that is checked out, `+changes` when files differ from it; None outside git."""
    commit = _ask(checkout, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    changes = _ask(checkout, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changes else commit


def commit_of_tag(checkout: Path, tag: str) -> tuple[str, datetime] | None:
    """The commit of a tag and when the tag was made; None when there is no such tag.

    A tag without a message has the time of its commit.
    """
    name = f"refs/tags/{tag}"
    commit = _ask(checkout, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    seconds = _ask(checkout, "for-each-ref", "--format=%(creatordate:unix)", name)
    if not commit or not seconds:
        return None
    return commit, datetime.fromtimestamp(int(seconds.split()[0]), UTC)


def changed_files(checkout: Path, base_ref: str, paths: tuple[str, ...]) -> tuple[str, ...] | None:
    """Files of these paths that changed since the work left `base_ref`, new ones too.

    None when git does not know.
    """
    fork = _ask(checkout, "merge-base", "--end-of-options", base_ref, "HEAD")
    if not fork:
        return None
    changed = _ask(
        checkout, "diff", "--name-only", "--relative", "--no-ext-diff", fork, "--", *paths
    )
    added = _ask(checkout, "ls-files", "--others", "--exclude-standard", "--", *paths)
    if changed is None or added is None:
        return None
    return tuple(sorted({*changed.splitlines(), *added.splitlines()}))


def _ask(checkout: Path, *arguments: str) -> str | None:
    """Run git and return what it printed, stripped; None when it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
