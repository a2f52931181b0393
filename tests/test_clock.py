"""One clock, which a test can set; instants have a time zone."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.clock import CLOCK_VARIABLE, iso, now, parse_instant, wait_until
from analysis.errors import WrongUse

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def clock_file(tmp_path, monkeypatch):
    path = tmp_path / "clock"
    path.write_text("2026-02-03T12:00:00Z\n")
    monkeypatch.setenv(CLOCK_VARIABLE, str(path))
    return path


# ---- now and waiting ---------------------------------------------------------------------------
def test_now_is_the_real_time_in_utc(monkeypatch):
    monkeypatch.delenv(CLOCK_VARIABLE, raising=False)
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert now().tzinfo is UTC


def test_a_clock_file_replaces_the_real_time_and_may_change(clock_file):
    assert now() == NOON
    clock_file.write_text("2026-02-03T13:30:00+01:00")
    assert now() == NOON + timedelta(minutes=30)


def test_a_clock_file_that_is_being_rewritten_is_read_again(clock_file):
    clock_file.write_text("")
    threading.Timer(0.02, clock_file.write_text, ["2026-02-03T12:00:00Z"]).start()
    assert now() == NOON


def test_a_clock_file_without_an_instant_is_an_error(clock_file):
    clock_file.unlink()
    with pytest.raises(
        WrongUse, match="ROLLOUT_CLOCK names a file without an instant; write one such as 2026"
    ):
        now()


def test_waiting_ends_at_the_instant_in_the_clock_file(clock_file):
    threading.Timer(0.05, clock_file.write_text, ["2026-02-03T13:00:00Z"]).start()
    started = time.monotonic()
    assert wait_until(NOON + timedelta(hours=1))
    assert 0.04 < time.monotonic() - started < 2


def test_waiting_gives_up_after_the_longest(clock_file):
    assert not wait_until(NOON + timedelta(hours=1), longest=timedelta(milliseconds=30))


def test_the_past_and_the_real_clock_need_no_file(monkeypatch):
    monkeypatch.delenv(CLOCK_VARIABLE, raising=False)
    assert wait_until(now() - timedelta(hours=1), longest=timedelta(0))
    assert wait_until(now() + timedelta(milliseconds=30))


# ---- writing and reading -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC), "2026-02-02T23:10:16Z"),
        (
            datetime(2026, 2, 3, 0, 10, 16, tzinfo=timezone(timedelta(hours=1))),
            "2026-02-02T23:10:16Z",
        ),
        (datetime(2026, 2, 2, 23, 10, 16, 120_000, tzinfo=UTC), "2026-02-02T23:10:16.120Z"),
        (datetime(2026, 2, 2, 23, 10, 16, 999, tzinfo=UTC), "2026-02-02T23:10:16Z"),
    ],
)
def test_an_instant_is_written_in_utc(instant, text):
    assert iso(instant) == text


def test_an_instant_without_a_zone_cannot_be_written():
    with pytest.raises(ValueError, match="time zone"):
        iso(datetime(2026, 2, 2))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "2026-02-02T23:10:16",
            "'2026-02-02T23:10:16' has no time zone; write '2026-02-02T23:10:16Z' if it is UTC",
        ),
        (
            "2026-02-02",
            "'2026-02-02T00:00:00' has no time zone; write '2026-02-02T00:00:00Z' if it is UTC",
        ),
        ("soon", "'soon' is not an ISO time; write it as 2026-02-02T23:10:16Z"),
        ("", "'' is not an ISO time"),
        ("2026-13-02T23:10:16Z", "'2026-13-02T23:10:16Z' is not an ISO time"),
        ("9999-12-31T23:59:59Z", "is not between the years 1970 and 2999"),
        ("0001-01-01T00:00:00+14:00", "is not between the years 1970 and 2999"),
        ("postgresql://u:p@h/d", "(hidden: URL with credentials) is not an ISO time"),
    ],
)
def test_other_texts_are_refused(text, problem):
    with pytest.raises(WrongUse, match=f"^time .*{re.escape(problem)}"):
        parse_instant(text)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2998, 1, 1), timezones=st.timezones()))
def test_an_instant_survives_writing_and_reading(instant):
    assert parse_instant(iso(instant)) == instant.astimezone(UTC).replace(
        microsecond=instant.microsecond // 1000 * 1000
    )


@given(st.text())
def test_any_text_is_an_instant_or_refused(text):
    try:
        assert parse_instant(text).tzinfo is UTC
    except WrongUse as refused:
        assert "\n" not in str(refused)  # noqa: PT017
