"""The ledger: appended only, one event a line, nothing lost, nothing changed."""

import json
import multiprocessing
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.errors import WrongUse
from analysis.files import LeakRefused
from analysis.history.ledger import Event, Ledger, only_one, open_ledger


def test_an_event_is_one_line_of_json(make_settings, clock_file):
    ledger = open_ledger(make_settings('[ledger]\nwho = "on call"'))
    event = ledger.append("knob", {"name": "CAP", "from": 45000, "to": 30000})
    text = ledger.path.read_text(encoding="utf-8")
    assert json.loads(text) == {
        "schema": 1,
        "at": "2026-02-02T23:10:16Z",
        "who": "on call",
        "event": "knob",
        "name": "CAP",
        "from": 45000,
        "to": 30000,
    }
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert event == Event(
        datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC), "on call", "knob", event.facts
    )
    assert ledger.path == ledger.path.parents[2] / "outputs" / "phase" / "ledger.jsonl"


def test_who_is_a_setting_and_never_guessed(make_settings, clock_file, monkeypatch):
    monkeypatch.setenv("USER", "anna")
    open_ledger(make_settings()).append("deploy")
    assert open_ledger(make_settings()).read().events[0].who is None


def test_what_was_written_is_read_in_order(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    for number in range(5):
        ledger.append("look", {"number": number})
    ledger.append("deploy", {"at_ms": clock_file.now()})
    history = ledger.read()
    assert [event.facts["number"] for event in history.of("look")] == [0, 1, 2, 3, 4]
    assert [event.line for event in history.events] == [1, 2, 3, 4, 5, 6]
    assert history.events[-1].facts == {"at_ms": "2026-02-02T23:10:16Z"}
    assert history.torn_lines == ()
    assert history.warning is None


def test_no_ledger_yet_is_an_empty_history(make_settings):
    assert open_ledger(make_settings()).read().events == ()


OF_NO_TEXT = b'{"schema": 1, "at": "2026-02-03T09:00:00Z", "who": null, "event": "smoke", "name": [], "state": "passed"}'


@pytest.mark.parametrize(
    "torn",
    [
        b'{"schema": 1, "at": "2026-02-0',
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"event": "look"}',
        b"null",
        OF_NO_TEXT,
    ],
)
def test_a_torn_last_line_is_told_and_kept(make_settings, clock_file, torn):
    ledger = open_ledger(make_settings())
    ledger.append("look", {"number": 1})
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert ledger.read().torn_lines == (2,)
    ledger.append("look", {"number": 2})
    history = ledger.read()
    assert [event.facts["number"] for event in history.events] == [1, 2]
    assert history.torn_lines == (2,)
    assert "line 2 of the ledger is torn" in history.warning
    assert ledger.path.read_bytes().split(b"\n")[1] == torn


def test_a_newer_ledger_is_refused(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    ledger.append("look")
    ledger.path.write_text(ledger.path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(
        WrongUse, match="line 1 of the ledger has schema 2, known is 1; install a newer rollout"
    ):
        ledger.read()


def test_an_event_that_this_version_does_not_know_is_kept(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    ledger.append("something_else", {"deep": {"list": [1, None]}})
    assert ledger.read().events[0].facts == {"deep": {"list": [1, None]}}


@pytest.mark.parametrize(
    "secret",
    ["Bearer abcd1234efgh5678", "postgresql://anna:pw-123456@db/app", "anna" + "@" + "firm.com"],
)
def test_a_secret_never_gets_in(make_settings, clock_file, secret):
    ledger = open_ledger(make_settings())
    with pytest.raises(LeakRefused):
        ledger.append("smoke", {"reason": f"it said {secret}"})
    assert not ledger.path.exists()


def test_a_fact_cannot_take_the_place_of_the_time(make_settings):
    with pytest.raises(ValueError, match="may not be called at"):
        open_ledger(make_settings()).append("look", {"at": "yesterday"})
    with pytest.raises(ValueError):
        open_ledger(make_settings()).append("look", {"value": float("nan")})


def _write_many(path: Path, writer: int, count: int) -> None:
    ledger = Ledger(path)
    for number in range(count):
        ledger.append("look", {"writer": writer, "number": number, "text": "x" * 3000})


def test_concurrent_writers_lose_nothing(tmp_path):
    path, writers, count = tmp_path / "ledger.jsonl", 6, 25
    processes = [
        multiprocessing.get_context("spawn").Process(target=_write_many, args=(path, writer, count))
        for writer in range(writers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    history = Ledger(path).read()
    assert history.torn_lines == ()
    seen = [(event.facts["writer"], event.facts["number"]) for event in history.events]
    assert sorted(seen) == [
        (writer, number) for writer in range(writers) for number in range(count)
    ]
    for writer in range(writers):
        assert [number for one, number in seen if one == writer] == list(range(count))
    assert [event.at for event in history.events] == sorted(event.at for event in history.events)


def test_the_lock_can_be_taken_again_inside(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    with ledger.locked(), ledger.locked():
        ledger.append("look")
    ledger.append("look")
    assert len(ledger.read().events) == 2


def test_a_task_is_done_by_one_process(make_settings):
    settings = make_settings()
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold_task, args=(settings.path, held, release))
    process.start()
    assert held.wait(30)
    with (
        pytest.raises(WrongUse, match=re.escape("another 'rollout watch' of phase is running")),
        only_one(settings, "watch"),
    ):
        pass
    process.kill()
    process.join(timeout=30)
    with only_one(settings, "watch"):
        pass


def _hold_task(path, held, release) -> None:
    from analysis.config import load_settings

    with only_one(load_settings(path), "watch"):
        held.set()
        release.wait(30)
