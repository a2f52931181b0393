"""One process at a time does a task; a killed process leaves no lock behind."""

import multiprocessing
import re

import pytest

from analysis.config import load_settings
from analysis.errors import WrongUse
from analysis.history.locks import only_one


def _hold_task(path, is_held, release) -> None:
    with only_one(load_settings(path), "watch"):
        is_held.set()
        release.wait(30)


def test_a_task_is_done_by_one_process(make_settings):
    settings = make_settings()
    context = multiprocessing.get_context("spawn")
    is_held, release = context.Event(), context.Event()
    process = context.Process(target=_hold_task, args=(settings.path, is_held, release))
    process.start()
    assert is_held.wait(30)
    running = re.escape("another 'rollout watch' of phase is running")
    with pytest.raises(WrongUse, match=running), only_one(settings, "watch"):
        pass
    process.kill()
    process.join(timeout=30)
    with only_one(settings, "watch"):
        pass
