"""The last check before the terminal, and a command that is asked to stop."""

import io
import json
import os
import signal
import sys

import pytest

from analysis.cli.gate import Stopped, gated
from analysis.files import LeakRefused
from tests.fixtures.planted_secrets import CASES


@pytest.fixture
def streams(monkeypatch):
    def make(encoding="utf-8"):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return lambda: tuple(stream.buffer.getvalue().decode(encoding) for stream in (out, err))

    return make


@pytest.mark.parametrize(("rule", "planted"), CASES)
def test_a_secret_is_refused_on_stdout_and_hidden_on_stderr(streams, rule, planted):
    written = streams()
    with gated():
        with pytest.raises(LeakRefused) as refused:
            print(json.dumps({"feature": planted}, ensure_ascii=False))
        print(f"before\nfeature {planted} is odd\nafter", file=sys.stderr)
    assert refused.value.rule == rule
    assert written() == ("", f"before\n(hidden: {rule})\nafter\n")


def test_a_character_that_the_terminal_lacks_is_written_as_its_code(streams):
    written = streams("ascii")
    with gated():
        print("−36 points, ≥ 1")
    assert written()[0] == "\\u221236 points, \\u2265 1\n"


def test_the_streams_are_restored(streams):
    streams()
    before = (sys.stdout, sys.stderr)
    with gated():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before
    print("still open")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_stop_ends_the_command_in_order(streams, name):
    number = getattr(signal, name)
    streams()
    outside = signal.signal(number, signal.SIG_DFL)  # a run started by nohup ignores SIGHUP
    try:
        with pytest.raises(Stopped) as stopped, gated():
            os.kill(os.getpid(), number)
        assert stopped.value.exit_code == 128 + number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, outside)


def test_a_signal_that_nohup_ignores_stays_ignored(streams, monkeypatch):
    streams()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with gated():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
