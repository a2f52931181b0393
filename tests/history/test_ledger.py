"""The ledger: one event a line, appended only, nothing lost, nothing changed."""

import json
import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from analysis.errors import WrongUse
from analysis.files import LeakRefused
from analysis.history.events import DeployEvent, KnobEvent, LookEvent, SmokeEvent, UnknownEvent
from analysis.history.ledger import Entry, Ledger, open_ledger
from tests.fixtures.clock_file import DEPLOYED_AT

KNOB = KnobEvent(name="CAP", old=45000, new=30000, effective_at=DEPLOYED_AT)


def look(number: int) -> LookEvent:
    end = DEPLOYED_AT + timedelta(hours=number)
    return LookEvent(window=f"{number}h", start=DEPLOYED_AT, end=end, verdict="improved")


def test_an_event_is_one_line_of_json(make_settings, clock_file):
    ledger = open_ledger(make_settings('[ledger]\nwho = "on call"'))
    entry = ledger.append(KNOB)
    text = ledger.path.read_text(encoding="utf-8")
    assert json.loads(text) == {
        "schema": 1,
        "at": "2026-02-02T23:10:16Z",
        "who": "on call",
        "event": "knob",
        "name": "CAP",
        "from": 45000,
        "to": 30000,
        "effective_at": "2026-02-02T23:10:16Z",
        "stage": True,
    }
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert entry == Entry(DEPLOYED_AT, "on call", "knob", KNOB)
    assert ledger.path == ledger.path.parents[2] / "outputs" / "phase" / "ledger.jsonl"


def test_who_is_a_setting_and_never_guessed(make_settings, clock_file, monkeypatch):
    monkeypatch.setenv("USER", "anna")
    open_ledger(make_settings()).append(KNOB)
    assert open_ledger(make_settings()).read().entries[0].who is None


def test_events_are_read_in_order_and_by_kind(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    for number in range(1, 6):
        ledger.append(look(number))
    ledger.append(KNOB)
    history = ledger.read()
    assert history.events(LookEvent) == tuple(look(number) for number in range(1, 6))
    assert history.events(KnobEvent) == (KNOB,)
    assert history.of(KnobEvent)[0].at == DEPLOYED_AT
    assert (history.unreadable_lines, history.warning) == ((), None)


def test_no_ledger_yet_is_an_empty_history(make_settings):
    assert open_ledger(make_settings()).read().entries == ()


WITHOUT_NAME = b'{"schema": 1, "at": "2026-02-03T09:00:00Z", "event": "smoke", "name": []}'
WITHOUT_TIME = b'{"schema": 1, "at": "2026-02-03T09:00:00Z", "event": "deploy", "role": "first"}'


@pytest.mark.parametrize(
    "line",
    [
        b'{"schema": 1, "at": "2026-02-0',
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"event": "look"}',
        b"null",
        WITHOUT_NAME,
        WITHOUT_TIME,
    ],
)
def test_an_unreadable_line_is_reported_and_kept(make_settings, clock_file, line):
    ledger = open_ledger(make_settings())
    ledger.append(look(1))
    with ledger.path.open("ab") as file:
        file.write(line)
    assert ledger.read().unreadable_lines == (2,)
    ledger.append(look(2))
    history = ledger.read()
    assert history.events(LookEvent) == (look(1), look(2))
    assert history.unreadable_lines == (2,)
    assert "line 2 of the ledger is unreadable" in history.warning
    assert ledger.path.read_bytes().split(b"\n")[1] == line


@pytest.mark.parametrize("window", ["../../../etc", "1h/../..", "/etc", "-1h", "", "1h\n", "x"])
def test_a_window_of_an_edited_line_is_no_path(make_settings, clock_file, window):
    ledger = open_ledger(make_settings())
    ledger.append(look(1))
    line = json.loads(ledger.path.read_text()) | {"window": window}
    ledger.path.write_text(json.dumps(line), encoding="utf-8")
    assert ledger.read().unreadable_lines == (1,)


def test_control_characters_of_an_edited_line_are_blanks(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    ledger.append(look(1))
    line = json.loads(ledger.path.read_text()) | {"reason": "a\x1b[2Jb\u202ec\nd"}
    ledger.path.write_text(json.dumps(line), encoding="utf-8")
    assert ledger.read().events(LookEvent)[0].reason == "a [2Jb c d"


def test_a_newer_ledger_is_refused(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    ledger.append(look(1))
    ledger.path.write_text(ledger.path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(WrongUse, match=r"line 1 of the ledger has schema 2, .* install a newer"):
        ledger.read()


def test_events_and_facts_of_a_newer_version_are_kept(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    ledger.append(look(1))
    line = json.loads(ledger.path.read_text())
    newer = {**line, "event": "something_else", "deep": {"list": [1, None]}}
    ledger.path.write_text("\n".join(map(json.dumps, [{**line, "more": 1}, newer])))
    first, second = ledger.read().entries
    assert isinstance(first.event, LookEvent)
    assert first.event.model_extra == {"more": 1}
    assert (second.name, type(second.event)) == ("something_else", UnknownEvent)
    assert second.event.model_extra["deep"] == {"list": [1, None]}


@pytest.mark.parametrize(
    "secret",
    ["Bearer abcd1234efgh5678", "postgresql://anna:pw-123456@db/app", "anna" + "@" + "firm.com"],
)
def test_a_secret_never_gets_in(make_settings, clock_file, secret):
    ledger = open_ledger(make_settings())
    smoke = SmokeEvent(
        name="s", environment="production", state="failed", reason=f"it said {secret}"
    )
    with pytest.raises(LeakRefused):
        ledger.append(smoke)
    assert not ledger.path.exists()


def test_an_event_needs_its_facts():
    with pytest.raises(ValidationError, match="effective_at"):
        DeployEvent(environment="production", role="first")
    with pytest.raises(ValidationError):
        SmokeEvent(name="s", environment="production", state="passed", seconds=float("nan"))


def _write_many(path: Path, writer: int, count: int) -> None:
    ledger = Ledger(path)
    for number in range(count):
        ledger.append(KNOB.model_copy(update={"more": "x" * 3000, "old": writer, "new": number}))


def test_concurrent_writers_lose_nothing(tmp_path):
    path, writers, count = tmp_path / "ledger.jsonl", 6, 25
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_write_many, args=(path, writer, count)) for writer in range(writers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    history = Ledger(path).read()
    assert history.unreadable_lines == ()
    seen = [(turn.old, turn.new) for turn in history.events(KnobEvent)]
    expected = [(writer, number) for writer in range(writers) for number in range(count)]
    assert sorted(seen) == expected
    for writer in range(writers):
        assert [number for one, number in seen if one == writer] == list(range(count))
    times = [entry.at for entry in history.entries]
    assert times == sorted(times)


def test_the_lock_may_be_nested(make_settings, clock_file):
    ledger = open_ledger(make_settings())
    with ledger.locked(), ledger.locked():
        ledger.append(look(1))
    ledger.append(look(2))
    assert len(ledger.read().entries) == 2
