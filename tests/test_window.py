"""Windows are half-open and in UTC; lengths are written as 90s, 4h, 2d."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import WrongUse
from analysis.window import Window, format_duration, hour_from, parse_duration, window_after

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)


# ---- windows ---------------------------------------------------------------------------------------------------------
def test_a_window_holds_its_start_and_not_its_end():
    window = window_after(DEPLOY, 4 * HOUR)
    assert DEPLOY in window
    assert DEPLOY + 4 * HOUR not in window
    assert (window.length, window.hours) == (4 * HOUR, 4)
    assert str(window) == "2026-02-02T23:10:16Z to 2026-02-03T03:10:16Z"


def test_a_window_is_kept_in_utc():
    window = Window(datetime(2026, 2, 3, 0, 10, 16, tzinfo=timezone(HOUR)), DEPLOY + HOUR)
    assert window == window_after(DEPLOY, HOUR)
    assert window.start.tzinfo is UTC


def test_touching_windows_do_not_overlap():
    first, second = window_after(DEPLOY, HOUR), window_after(DEPLOY + HOUR, HOUR)
    assert not first.overlaps(second)
    assert first.overlaps(window_after(DEPLOY + HOUR - timedelta(milliseconds=1), HOUR))


def test_hours_of_a_window_that_is_cut_short_are_rounded_up():
    assert window_after(DEPLOY, timedelta(minutes=61)).hours == 2


def test_the_folder_of_a_free_window_is_safe_everywhere():
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


@pytest.mark.parametrize(
    ("minutes", "hour"), [(0, 0), (59, 0), (60, 1), (-1, -1), (-60, -1), (-61, -2)]
)
def test_hours_count_from_the_deploy(minutes, hour):
    assert hour_from(DEPLOY, DEPLOY + timedelta(minutes=minutes)) == hour


# ---- lengths ---------------------------------------------------------------------------------------------------------
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
    ("text", "sentence"),
    [
        ("-5m", "duration '-5m' is negative; write one such as '90s', '4h' or '2d'"),
        ("5", "duration '5' is not a number with a unit; write one such as '90s', '4h' or '2d'"),
        ("", "duration '' is not a number with a unit; write one such as '90s', '4h' or '2d'"),
        (
            "4 h",
            "duration '4 h' is not a number with a unit; write one such as '90s', '4h' or '2d'",
        ),
        ("٤h", "duration '٤h' is not a number with a unit; write one such as '90s', '4h' or '2d'"),
        (
            "143000000w",
            "duration '143000000w' is longer than ten years; write one such as '90s', '4h' or '2d'",
        ),
        (
            "4000d",
            "duration '4000d' is longer than ten years; write one such as '90s', '4h' or '2d'",
        ),
        (
            "9" * 5000 + "s",
            f"duration '{'9' * 60}...' is not a number with a unit; write one such as '90s', '4h' or '2d'",
        ),
    ],
)
def test_what_is_no_length_is_refused(text, sentence):
    with pytest.raises(WrongUse) as refused:
        parse_duration(text)
    assert str(refused.value) == sentence


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
