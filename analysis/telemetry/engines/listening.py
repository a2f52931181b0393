"""A query that does not make the program deaf: drivers wait in C, where neither Ctrl-C nor SIGTERM is heard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def while_listening(work: Callable[[], T], *, stop: Callable[[], None]) -> T:
    """Do the work in a thread of its own; when this one is asked to stop, call `stop`, which must end the work, and pass the request on."""
    with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
        working = pool.submit(work)
        try:
            return working.result()
        except BaseException:
            if not working.done():
                stop()
            raise


def request_behind(error: BaseException) -> BaseException | None:
    """The request to stop that an error came from, such as a rollback on a line that was hung up; None when there was none."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, (KeyboardInterrupt, SystemExit)):
        seen = seen.__context__
    return seen


def try_for(work: Callable[[], object], *, seconds: float) -> bool:
    """Do something that may hang, in a thread that nobody waits for longer; tell whether it ended."""
    ended = threading.Event()

    def attempt() -> None:
        try:
            work()
        except Exception:
            return
        ended.set()

    threading.Thread(target=attempt, daemon=True).start()
    return ended.wait(seconds)
