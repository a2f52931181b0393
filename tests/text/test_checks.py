"""What each data check says, from its numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analysis.decision.checks import check_records as checks
from analysis.decision.checks.check_records import Check
from analysis.results.model import CheckRecord
from analysis.text.checks import check_detail, check_name, checks_summary
from analysis.window import Window
from tests.fixtures.comparators import spoken

START = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
LENGTH = {"days": 7.0, "asked_days": 7, "unmatched_hours": 0, "cycle": "hour of the day"}


@pytest.mark.parametrize(
    ("check", "name", "detail"),
    [
        (
            checks.RowsCheck(state="error", arm="post", window=WINDOW, calls=0),
            "calls after the deploy",
            "no call started from 2026-02-02 23:10:16 UTC to 2026-02-03 00:10:16 UTC; "
            "check the table, the time zone and the time of the deploy",
        ),
        (
            checks.RowsCheck(state="ok", arm="baseline", window=WINDOW, calls=1234),
            "calls before the deploy",
            "1 234 calls started from 2026-02-02 23:10:16 UTC to 2026-02-03 00:10:16 UTC",
        ),
        (
            checks.IdCheck(state="ok", copies=0, rows=500, compared=80),
            "ids",
            "no id occurs twice in 80 of 500 rows (the first part of each hour)",
        ),
        (
            checks.LatencyCheck(state="warning", arm="post", missing=3, negative=1, rows=480),
            "latencies",
            "3 missing and 1 negative latencies in 480 rows after the deploy (0.83 %); "
            "these calls count in rates, not in latencies",
        ),
        (
            checks.LatencyCheck(state="error", arm="baseline", missing=5, rows=480),
            "latencies",
            "5 missing and 0 negative latencies in 480 rows before the deploy (1.0 %); "
            "more than 1 % is too much, fix what writes them",
        ),
        (
            checks.StatusCheck(state="error", unknown=3),
            "statuses",
            "3 rows have another status than success or error; map it",
        ),
        (
            checks.UnknownErrorsCheck(state="warning", arm="post", unknown=12, errors=100),
            "errors of no known class",
            "12 of 100 errors after the deploy have no known class (12.0 %); more than 5 % of "
            "errors, so rates of single classes may be too low: 'rollout doctor' shows their "
            "words, add an [[error_class]]",
        ),
        (
            checks.EmptyHoursCheck(
                state="error", empty=(6, 7, 8, 9, 10), hours=24, cycle="hour of the day"
            ),
            "hours without calls",
            "5 of 24 hours after the deploy have no calls although their baseline hours have, "
            "the first is hour 6; more than 20 % is too much, "
            "find out whether calls or rows are missing",
        ),
        (
            checks.ClockCheck(state="warning", empty_hour=9, busy_hour=10, calls=40, usual=20.0),
            "clock",
            "hour 9 after the deploy is empty and hour 10 has 40 calls instead of 20; "
            "check the clock of what writes the rows",
        ),
        (
            checks.InFlightCheck(state="ok", calls=11),
            "calls in flight at the deploy",
            "11 calls started before the deploy and ended after it; they count as before",
        ),
        (
            checks.RightEdgeCheck(
                state="warning", newest=START, silence=timedelta(minutes=40), usual=13.3
            ),
            "end of the window",
            "the newest row is from 2026-02-02 23:10:16 UTC, 40 min before the end of the window, "
            "where about 13 calls are usual; some rows may not be written yet",
        ),
        (
            checks.VolumeCheck(state="warning", stopped=(("gone", 240.0, 0.0),)),
            "features without calls",
            "gone has 0 calls, 240 were expected; is it still used? Fewer calls are no fix",
        ),
        (
            checks.MixCheck(state="warning", moved=0.5),
            "mix of calls",
            "50.0 % of the calls moved between features, sources and tenants; "
            "changes are computed at the same mix of sources and large tenants",
        ),
        (
            checks.IncidentCheck(state="warning", hours=3, proposed=(WINDOW,), declared=()),
            "incidents in the baseline",
            "3 baseline hours have error rates far above the usual; "
            "if that was an incident, write under [baseline]: exclude = "
            '[{from = 2026-02-02T23:10:16Z, to = 2026-02-03T00:10:16Z, why = "incident"}]',
        ),
        (
            checks.LengthCheck(state="warning", **LENGTH | {"days": 3.0}, mixes_weekdays=False),
            "length of the baseline",
            "3 of 7 days are available",
        ),
        (
            checks.LengthCheck(
                state="warning", **LENGTH | {"unmatched_hours": 12}, mixes_weekdays=True
            ),
            "length of the baseline",
            "12 hours of the window have no matching baseline hour and cannot be compared; "
            "take whole days",
        ),
        (
            checks.LengthCheck(state="ok", **LENGTH, mixes_weekdays=True),
            "length of the baseline",
            "7 days, matched by hour of the day; "
            "weekdays are mixed (from 14 days on, hours of the week are matched)",
        ),
    ],
)
def test_a_check(check, name, detail):
    assert (check_name(check), spoken(check_detail(check))) == (name, detail)


def test_every_check_has_words_when_it_passes_and_without_an_opinion():
    plain = (
        checks.IdCheck(state="ok", copies=0, rows=1, compared=1),
        checks.LatencyCheck(state="ok"),
        checks.StatusCheck(state="ok", unknown=0),
        checks.EmptyHoursCheck(state="ok", empty=(), hours=1, cycle="hour of the day"),
        checks.ClockCheck(state="ok"),
        checks.RightEdgeCheck(state="no_opinion"),
        checks.VolumeCheck(state="ok", stopped=()),
        checks.MixCheck(state="no_opinion"),
        checks.IncidentCheck(state="ok", hours=0, proposed=(), declared=()),
    )
    assert all(check_name(check) and check_detail(check) for check in plain)
    tested = {type(check) for check in plain}
    assert {kind for kind in Check.__subclasses__() if kind not in tested} == {
        checks.RowsCheck,
        checks.UnknownErrorsCheck,
        checks.InFlightCheck,
        checks.LengthCheck,
    }


def test_the_summary_names_what_did_not_pass():
    states = (("a", "ok"), ("b", "warning"), ("c", "error"), ("d", "no_opinion"))
    records = [CheckRecord(name=name, state=state) for name, state in states]
    assert checks_summary(records) == (
        "1 of 4 data checks passed; not passed: c (error), b (warning)"
    )
