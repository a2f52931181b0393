"""Windows are half-open and in UTC; hours count from the deploy; lengths have units."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import WrongUse
from analysis.window import (
    HOUR,
    Window,
    format_duration,
    hour_from,
    hours_between,
    next_hour_from,
    parse_duration,
    window_after,
    window_of_hours,
)

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)


def minutes(number):
    return timedelta(minutes=number)


# ---- windows ----------------------------------------------------------------------------------
def test_a_window_holds_its_start_and_not_its_end():
    window = window_after(DEPLOY, 4 * HOUR)
    assert DEPLOY in window
    assert DEPLOY + 4 * HOUR not in window
    assert window.length == 4 * HOUR
    assert str(window) == "2026-02-02T23:10:16Z to 2026-02-03T03:10:16Z"


def test_a_window_is_kept_in_utc():
    window = Window(datetime(2026, 2, 3, 0, 10, 16, tzinfo=timezone(HOUR)), DEPLOY + HOUR)
    assert window == window_after(DEPLOY, HOUR)
    assert window.start.tzinfo is UTC


def test_the_label_of_an_unplanned_window_is_a_folder_name():
    assert Window(DEPLOY, DEPLOY + HOUR).label == "2026-02-02T231016Z--2026-02-03T001016Z"


@pytest.mark.parametrize("end", [DEPLOY, DEPLOY - HOUR])
def test_a_window_that_ends_too_early_is_refused(end):
    with pytest.raises(
        WrongUse,
        match=r"window ends at .*, not after its start 2026-02-02T23:10:16Z; give a later end",
    ):
        Window(DEPLOY, end)


def test_a_window_without_a_zone_is_refused():
    with pytest.raises(WrongUse, match="has no time zone"):
        Window(DEPLOY.replace(tzinfo=None), DEPLOY)


# ---- hours counted from the deploy ------------------------------------------------------------
@pytest.mark.parametrize(
    ("after", "hour", "next_hour"),
    [(0, 0, 0), (59, 0, 1), (60, 1, 1), (-1, -1, 0), (-60, -1, -1), (-61, -2, -1)],
)
def test_hours_count_from_the_deploy(after, hour, next_hour):
    assert hour_from(DEPLOY, DEPLOY + minutes(after)) == hour
    assert next_hour_from(DEPLOY, DEPLOY + minutes(after)) == next_hour


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [(0, 60, range(0, 1)), (-1, 1, range(-1, 1)), (-60, 0, range(-1, 0)), (10, 130, range(0, 3))],
)
def test_a_stretch_touches_every_hour_that_it_has_a_part_of(start, end, hours):
    assert hours_between(DEPLOY, DEPLOY + minutes(start), DEPLOY + minutes(end)) == hours


def test_a_window_of_whole_hours_touches_just_these():
    window = window_of_hours(DEPLOY, -3, 2)
    assert window == Window(DEPLOY - 3 * HOUR, DEPLOY + 2 * HOUR)
    assert hours_between(DEPLOY, window.start, window.end) == range(-3, 2)


# ---- lengths ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("0m", timedelta(0)),
        ("4h", 4 * HOUR),
        ("2d", 48 * HOUR),
        ("1w", 168 * HOUR),
        ("250ms", timedelta(milliseconds=250)),
        ("1h30m", 1.5 * HOUR),
        ("1.5h", 1.5 * HOUR),
    ],
)
def test_lengths_are_read(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-5m", "'-5m' is negative"),
        ("5", "'5' is not a number with a unit"),
        ("", "'' is not a number with a unit"),
        ("4 h", "'4 h' is not a number with a unit"),
        ("٤h", "'٤h' is not a number with a unit"),
        ("143000000w", "'143000000w' is longer than ten years"),
        ("4000d", "'4000d' is longer than ten years"),
        ("9" * 5000 + "s", f"'{'9' * 60}...' is not a number with a unit"),
    ],
)
def test_other_texts_are_refused(text, problem):
    with pytest.raises(WrongUse) as refused:
        parse_duration(text)
    assert str(refused.value) == f"duration {problem}; write one such as '90s', '4h' or '2d'"


@given(st.integers(0, 10**11))
def test_a_length_survives_writing_and_reading(milliseconds):
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length
    assert format_duration(-length) == ("-" if milliseconds else "") + format_duration(length)


@given(st.text(alphabet="0123456789.smhdw -+e", max_size=30))
def test_any_text_is_a_length_or_wrong_use(text):
    try:
        assert timedelta(0) <= parse_duration(text) <= timedelta(days=3650)
    except WrongUse as refused:
        assert "write one such as" in str(refused)  # noqa: PT017
