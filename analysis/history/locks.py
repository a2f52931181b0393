"""Locks between processes. The operating system frees them when a process is killed."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from analysis.config import Settings
from analysis.errors import RolloutError, WrongUse


@contextlib.contextmanager
def hold(path: Path, *, seconds: float, busy: RolloutError) -> Iterator[None]:
    """Hold a lock file; raise `busy` when it is not free in time.

    Within one process and thread it may be taken again.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=seconds, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as reason:
        raise RolloutError(
            f"cannot lock '{path.name}': {reason.strerror}; "
            "free space or make its folder writable, then run again"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def only_one(
    settings: Settings, task: str, *, part: str | None = None, busy: type[RolloutError] = WrongUse
) -> Iterator[None]:
    """Let one process at a time do a task, or a part of it, for this rollout."""
    subject = settings.rollout.name if part is None else f"{part} of {settings.rollout.name}"
    name = task if part is None else f"{task}-{part.replace('/', '-')}"
    running = busy(
        f"another 'rollout {task}' of {subject} is running; wait until it ends, or stop it first"
    )
    with hold(settings.paths.lock(name), seconds=0, busy=running):
        yield
