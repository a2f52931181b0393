"""Queries that can be interrupted: drivers wait in C, where Ctrl-C and SIGTERM are not noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_interruptible(work: Callable[[], T], *, cancel: Callable[[], None]) -> T:
    """Run `work` in a thread; when this thread is interrupted, call `cancel` to end it."""
    with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
        running = pool.submit(work)
        try:
            return running.result()
        except BaseException:
            if not running.done():
                cancel()
            raise


def interruption_behind(error: BaseException) -> BaseException | None:
    """The interruption that led to an error, such as one in a rollback; None without any."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (KeyboardInterrupt, SystemExit)):
        cause = cause.__context__
    return cause


def finishes_within(work: Callable[[], object], *, seconds: float) -> bool:
    """Whether `work`, which may hang, succeeds in that time; its thread is left behind if not."""
    finished = threading.Event()

    def attempt() -> None:
        try:
            work()
        except Exception:
            return
        finished.set()

    threading.Thread(target=attempt, daemon=True).start()
    return finished.wait(seconds)
