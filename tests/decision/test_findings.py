"""Every claim in every state, from hours of calls made for it: met, not met, worse, undecided, no data."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.decision.claims import Plan, measure
from analysis.decision.findings import find_expectations, find_guardrails
from analysis.statistics.multiplicity import holm
from analysis.statistics.sequential import bounds, level_of
from tests.decision.making import (
    ONLY,
    any_of,
    arm,
    arms,
    calls,
    claim,
    events,
    expectation,
    expectations,
    guardrail,
    plan,
    week,
)

LAST, SECOND, FIRST, SINGLE = plan(2), plan(1), plan(0), plan(**ONLY)


def rate(before, after, *, hours=24, per_hour=100, **keys):
    """Timeouts an hour before and after the deploy, among `per_hour` calls."""
    return week(before={"timeout": before}, after={"timeout": after}, hours=hours, per_hour=per_hour, **keys)


def latency(before, after, *, hours=24, per_hour=30, seed=0):
    """Hours whose mean latency wanders by a tenth."""
    rng = np.random.default_rng(seed)
    first = calls(-168, 0, per_hour=per_hour, latency_ms=rng.normal(before, before / 10, 168))
    then = calls(0, hours, per_hour=per_hour, latency_ms=rng.normal(after, after / 10, hours))
    return arms(arm(-168, 0, first), arm(0, hours, then))


def recovered(before, after, *, failures=10, hours=24, seed=0):
    """Failures made good, as shares of the failures."""
    rng = np.random.default_rng(seed)
    first = events(-168, 0, kind="recovered", y=rng.binomial(failures, before, 168), n=failures, feature="f", source="s")
    then = events(0, hours, kind="recovered", y=rng.binomial(failures, after, hours), n=failures, feature="f", source="s")
    rows = (calls(start, end, per_hour=100, http_5xx=failures) for start, end in ((-168, 0), (0, hours)))
    return arms(arm(-168, 0, next(rows), events=[first]), arm(0, hours, next(rows), events=[then]))


def truncated(before, after, *, hours=24, per_hour=20):
    """Truncated answers an hour: a mean before, whole numbers after."""
    drawn = np.random.default_rng(1).poisson(before, 168)
    first = calls(-168, 0, per_hour=per_hour, max_output_tokens=drawn)
    return arms(arm(-168, 0, first), arm(0, hours, calls(0, hours, per_hour=per_hour, max_output_tokens=after)))


def one_event(hours=24, *, at=3):
    return (np.arange(hours) == at).astype(int)


def state_of(both, said, at):
    return expectation(both, said, at=at).state


FALLS, HALVES = claim("falls"), claim("falls", by=0.5)


# ---- falls and rises -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", rate(50, 20), HALVES, LAST),
        ("met", rate(80, 10, hours=4), HALVES, SECOND),
        ("met", rate(50, 20), FALLS, SINGLE),
        ("not_met", rate(50, 40), HALVES, LAST),  # it did fall, by less than a half
        ("not_met", rate(50, 50), FALLS, LAST),  # a fall of 10 % is excluded
        ("undecided", rate(50, 40, hours=4), HALVES, SECOND),  # the same is not said before the last look
        ("undecided", rate(7, 3, per_hour=50), HALVES, LAST),
        ("worse", rate(20, 40), HALVES, LAST),
        ("worse", rate(20, 60, hours=4), FALLS, SECOND),
        ("no_data", rate(10, 2, hours=1, per_hour=20), FALLS, FIRST),  # 20 calls
        ("no_data", rate(0.01, 0.05, per_hour=20), FALLS, LAST),  # under 5 events on each side
    ],
)
def test_falls(state, both, said, at):
    assert state_of(both, said, at) == state


@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", recovered(0.3, 0.7), claim("rises", "recovered_rate", by=0.2), LAST),
        ("not_met", recovered(0.3, 0.3, failures=60), claim("rises", "recovered_rate", by=0.5), LAST),
        ("undecided", recovered(0.3, 0.4, hours=4), claim("rises", "recovered_rate", by=0.1), SECOND),
        ("worse", recovered(0.7, 0.3), claim("rises", "recovered_rate"), LAST),
        ("no_data", recovered(0.3, 0.7, hours=1), claim("rises", "recovered_rate"), FIRST),  # 10 failures
    ],
)
def test_rises(state, both, said, at):
    assert state_of(both, said, at) == state


def test_by_is_tested_against_the_scaled_baseline():
    found = expectation(rate(50, 24), HALVES, at=SINGLE)
    comparison = found.measured.comparison
    assert found.p_value == comparison.p_value(scale=0.5)
    assert found.p_value > comparison.p_value()
    assert found.level == level_of(SINGLE.bound) == pytest.approx(0.95)
    assert found.interval == comparison.interval(found.level)


def test_a_claim_of_its_own_says_what_would_be_useful():
    both = rate(50, 48)
    assert state_of(both, FALLS, LAST) == "not_met"
    assert state_of(both, claim("falls", smallest_useful=0.01), LAST) == "undecided"
    assert expectations(both, FALLS, at=LAST, useful=0.01)[0].state == "undecided"


def test_an_undecided_claim_says_what_it_could_have_seen_and_how_long_it_needs():
    found = expectation(rate(7, 2, hours=4, per_hour=50), HALVES, at=SECOND)
    assert found.state == "undecided"
    assert found.needed.hours == 24  # the next planned look
    assert 0 < found.smallest_visible < 0.14
    longer = expectation(rate(7, 3, per_hour=50), HALVES, at=LAST)
    assert longer.needed.hours > 24


def test_hours_are_counted_from_the_deploy_in_a_later_stage_too():
    later = Plan(SECOND.times, 1, (24, 28), 25, 0.05, SECOND.bound)
    rng = np.random.default_rng(0)
    first, then = (calls(start, end, per_hour=50, timeout=rng.poisson(mean, end - start)) for start, end, mean in ((-168, 0, 7), (24, 28, 2)))
    found = expectation(arms(arm(-168, 0, first), arm(24, 28, then)), HALVES, at=later)
    assert (found.state, found.needed.hours) == ("undecided", 48)


def test_a_decided_claim_needs_no_more_hours():
    assert expectation(rate(50, 20), HALVES, at=LAST).needed.hours is None
    assert expectation(rate(50, 40), HALVES, at=LAST).needed.hours is None


# ---- no data ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("per_arm", [(29, 30), (30, 29)])
def test_thirty_calls_are_needed_in_each_arm(per_arm):
    before, after = (calls(start, start + 1, per_hour=n, timeout=9) for start, n in zip((-24, 0), per_arm, strict=True))
    both = arms(arm(-24, 0, before), arm(0, 1, after))
    for said in (FALLS, claim("below", limit=0.9), claim("no_worse", margin=9.0), claim("stays_zero", limit=0.9, metric="other_rate")):
        assert state_of(both, said, FIRST) == "no_data"


def test_five_events_in_one_arm_are_enough():
    five = np.zeros(24, dtype=int)
    five[0] = 5
    both = arms(arm(-168, 0, calls(-168, 0, per_hour=50, timeout=0)), arm(0, 24, calls(0, 24, per_hour=50, timeout=five)))
    assert state_of(both, FALLS, LAST) != "no_data"
    five[0] = 4
    both = arms(arm(-168, 0, calls(-168, 0, per_hour=50)), arm(0, 24, calls(0, 24, per_hour=50, timeout=five)))
    assert state_of(both, FALLS, LAST) == "no_data"
    assert state_of(both, claim("below", limit=0.1), LAST) == "met"  # a limit needs calls, not events


def test_arms_without_a_common_stratum_cannot_be_compared():
    both = arms(arm(-168, 0, calls(-168, 0, per_hour=20, timeout=2)), arm(0, 24, calls(0, 24, per_hour=20, timeout=2, source="new")))
    found = expectation(both, FALLS, at=LAST)
    assert (found.state, found.interval, found.p_value, found.needed.hours) == ("no_data", None, None, None)
    assert state_of(both, claim("below", limit=0.5), LAST) == "met"  # the calls as they came are below it


def test_without_calls_in_an_arm_nothing_is_said():
    nothing, some = arm(0, 24), calls(-168, 0, per_hour=20, timeout=2)
    for both in (arms(arm(-168, 0, some), nothing), arms(arm(-168, 0), arm(0, 24, calls(0, 24, per_hour=20))), arms(arm(-168, 0), nothing)):
        for kind in ("falls", "rises", "stays_zero"):
            assert state_of(both, claim(kind), LAST) == "no_data"
        assert state_of(both, claim("no_worse", margin=0.1), LAST) == "no_data"
        assert state_of(both, claim("below", "latency_mean", limit=10.0), LAST) == "no_data"


def test_traffic_counts_calls_not_hours():
    quiet = arms(arm(-168, 0, calls(-168, -167, per_hour=20)), arm(0, 24, calls(0, 1, per_hour=3)))
    assert state_of(quiet, claim("no_worse", "calls_per_hour", margin=0.5), LAST) == "no_data"
    assert state_of(rate(0, 0), claim("no_worse", "calls_per_hour", margin=0.5), LAST) == "met"


# ---- stays_zero ------------------------------------------------------------------------------------------------------
ZERO = claim("stays_zero", "max_output_tokens_rate")


@pytest.mark.parametrize(
    ("state", "both", "said", "at"),
    [
        ("met", truncated(0.5, 0), ZERO, LAST),  # 0 of 480 rules out 2.4 %
        ("met", truncated(0, 0), claim("stays_zero", "max_output_tokens_rate", limit=0.01), LAST),
        ("undecided", truncated(0.3, 0, hours=4), ZERO, SECOND),  # 0 of 80 does not rule out 2 %
        ("undecided", truncated(0, 0), ZERO, LAST),  # no limit, and no rate before either
        ("not_met", truncated(0.5, one_event()), ZERO, LAST),
        ("not_met", truncated(0.5, one_event(4), hours=4), ZERO, SECOND),  # one event is said at once
        ("not_met", truncated(0.5, 1, hours=1), ZERO, FIRST),  # even among few calls
        ("worse", truncated(0.05, 1), ZERO, LAST),
        ("no_data", truncated(0.5, 0, hours=1), ZERO, FIRST),
    ],
)
def test_stays_zero(state, both, said, at):
    assert state_of(both, said, at) == state


def test_one_event_names_its_hour():
    assert expectation(truncated(0.5, one_event(at=7)), ZERO, at=LAST).event_hour == 7
    assert expectation(truncated(0.5, 0), ZERO, at=LAST).event_hour is None


def test_the_upper_bound_is_the_published_one():
    """Clopper-Pearson, 0 of 2000: .150 %, 0 of 500: .597 % (one-sided 95 %)."""
    for n, limit in ((2000, 0.00150), (500, 0.00598)):
        hours = 20
        both = truncated(0, 0, hours=hours, per_hour=n // hours)
        at = plan(0, windows=(hours,))
        assert state_of(both, claim("stays_zero", "max_output_tokens_rate", limit=limit), at) == "met"
        assert state_of(both, claim("stays_zero", "max_output_tokens_rate", limit=limit - 0.00001), at) == "undecided"


def test_bursty_events_of_the_baseline_ask_for_more_calls():
    burst = np.zeros(168, dtype=int)
    burst[[20, 21, 90]] = 15
    steady = np.zeros(168, dtype=int)
    steady[::4] = 1
    steady[:3] += 1
    found = [
        expectation(arms(arm(-168, 0, calls(-168, 0, per_hour=20, max_output_tokens=n)), arm(0, 24, calls(0, 24, per_hour=20))), ZERO, at=LAST)
        for n in (steady, burst)
    ]
    assert [item.measured.comparison.baseline_y for item in found] == [45, 45]
    assert [item.state for item in found] == ["met", "undecided"]
    assert found[1].needed.hours > 24


# ---- no_worse --------------------------------------------------------------------------------------------------------
WITHIN = claim("no_worse", "latency_mean", margin=0.1)


@pytest.mark.parametrize(
    ("state", "both", "at"),
    [
        ("met", latency(2000, 2000), LAST),
        ("met", latency(2000, 2060, per_hour=100), LAST),
        ("undecided", latency(2000, 2200, hours=4), SECOND),
        ("worse", latency(2000, 2600), LAST),
        ("no_data", latency(2000, 2600, hours=1, per_hour=10), FIRST),
    ],
)
def test_no_worse(state, both, at):
    assert guardrail(both, WITHIN, at=at).state == state
    assert state_of(both, WITHIN, at) == state


def on_the_way(both, said, *, at):
    """One-sided p of harm at the look, and its two-sided bound."""
    found = measure(said, both, at.hours)
    return found.p_value(found.harm_side), found.p_harm


def beyond_but_not_past_the_bound(hours, at, seeds):
    """Arms whose drift beyond the margin is shown one-sided at 5 %, and does not cross the look's two-sided bound."""
    for seed in seeds:
        both = latency(2000, 2300, hours=hours, seed=seed)
        one_sided, two_sided = on_the_way(both, WITHIN, at=at)
        if one_sided < 0.05 and holm([two_sided], times=at.times, look=at.look)[0].crossed is False:
            yield both


def test_no_worse_is_not_met_at_the_last_look_one_sided():
    both = next(beyond_but_not_past_the_bound(24, LAST, range(40)))
    assert guardrail(both, WITHIN, at=LAST).state == "not_met"


def test_no_worse_is_not_met_at_two_looks_running_and_not_at_one():
    found = list(beyond_but_not_past_the_bound(4, SECOND, range(25)))
    running = [on_the_way(both, WITHIN, at=FIRST)[0] < 0.05 for both in found]
    states = [guardrail(both, WITHIN, at=SECOND).state for both in found]
    assert states == ["not_met" if before else "undecided" for before in running]
    assert set(running) == {True, False}


def test_the_first_look_alone_never_says_not_met():
    for seed in range(10):
        found = guardrail(latency(2000, 2400, hours=1, seed=seed), WITHIN, at=FIRST)
        assert found.state in ("undecided", "met", "worse")


def test_a_drift_inside_the_margin_is_never_worse():
    """2 of 10 % more, with traffic so dense that the drift itself is beyond doubt."""
    rng = np.random.default_rng(0)
    before, after = (rng.normal(mean, 2, n) for mean, n in ((2000, 168), (2080, 24)))
    both = arms(arm(-168, 0, calls(-168, 0, per_hour=1000, latency_ms=before)), arm(0, 24, calls(0, 24, per_hour=1000, latency_ms=after)))
    found = guardrail(both, WITHIN, at=LAST)
    assert found.measured.comparison.p_value() < 1e-6
    assert found.state == "met"
    assert state_of(both, WITHIN, LAST) == "met"


def test_no_worse_of_a_metric_that_should_stay_up():
    assert state_of(recovered(0.6, 0.6, failures=40), claim("no_worse", "recovered_rate", margin=0.3), LAST) == "met"
    assert state_of(recovered(0.6, 0.2, failures=40), claim("no_worse", "recovered_rate", margin=0.3), LAST) == "worse"


# ---- below -----------------------------------------------------------------------------------------------------------
LIMIT = claim("below", "latency_mean", limit=3000)


@pytest.mark.parametrize(
    ("state", "both", "at"),
    [
        ("met", latency(2000, 2400), LAST),
        ("met", latency(2000, 2400, hours=4), SECOND),
        ("undecided", latency(2000, 2950, hours=4), SECOND),
        ("worse", latency(2000, 3600), LAST),
        ("no_data", latency(2000, 3600, hours=1, per_hour=10), FIRST),
    ],
)
def test_below(state, both, at):
    assert guardrail(both, LIMIT, at=at).state == state


def test_below_is_not_met_one_sided_at_the_last_look():
    for seed in range(60):
        both = latency(2000, 3120, seed=seed)
        one_sided, two_sided = on_the_way(both, LIMIT, at=LAST)
        if one_sided < 0.05 and not holm([two_sided], times=LAST.times, look=2)[0].crossed:
            assert guardrail(both, LIMIT, at=LAST).state == "not_met"
            return
    raise AssertionError("no seed lies between the two bounds")


def test_a_limit_is_held_against_the_calls_as_they_came():
    """All traffic moved to the slow source: each source is as fast as before, the mean is not, and a limit is about the mean."""
    before = [calls(-168, 0, per_hour=n, source=source, latency_ms=ms) for n, source, ms in ((190, "fast", 1000), (10, "slow", 5000))]
    after = [calls(0, 24, per_hour=n, source=source, latency_ms=ms) for n, source, ms in ((10, "fast", 1000), (190, "slow", 5000))]
    both = arms(arm(-168, 0, *before), arm(0, 24, *after))
    assert guardrail(both, LIMIT, at=LAST).state == "worse"
    found = guardrail(both, claim("no_worse", "latency_mean", margin=0.1), at=LAST)
    assert found.state == "met"  # the same mix of calls is no slower
    assert found.measured.comparison.difference == pytest.approx(0.0)
    assert found.measured.comparison.crude_difference == pytest.approx(3600.0)


# ---- Holm ------------------------------------------------------------------------------------------------------------
def test_the_family_is_every_declared_expectation_and_no_data_counts_as_one():
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 8.5, "http_5xx": 9.9})
    said = [FALLS, claim("falls", "http_5xx_rate"), *(claim("falls", feature=f"nobody {number}") for number in range(10))]
    alone, family = expectation(both, FALLS, at=LAST), expectations(both, *said, at=LAST)
    p = [found.p_value for found in family]
    assert {found.state for found in family[2:]} == {"no_data"}
    wanted = holm([p[0], p[1], *[1.0] * 10], times=LAST.times, look=2, alpha=LAST.alpha)
    assert [found.p_adjusted for found in family] == [result.p_adjusted for result in wanted]
    assert alone.p_adjusted < family[0].p_adjusted
    assert (alone.state, family[0].state) == ("met", "undecided")


def test_a_family_of_many_shows_what_a_family_of_few_shows_when_the_evidence_is_strong():
    both = rate(50, 20)
    none = [claim("falls", feature=f"nobody {number}") for number in range(20)]
    assert expectations(both, HALVES, *none, at=LAST)[0].state == "met"


def test_harm_is_a_family_of_its_own():
    """Ten expectations that are met do not make the harm of one harder to see than ten that are not there."""
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 14.5, "http_5xx": 1})
    harmed, gain = FALLS, claim("falls", "http_5xx_rate")
    states = [found.state for found in expectations(both, harmed, gain, at=LAST)]
    assert states == ["worse", "met"]


def test_a_guardrail_stands_alone_without_correction():
    both = rate(10, 13.2)
    said = claim("no_worse", margin=0.05)
    alone = find_guardrails([said], both, LAST, smallest_useful=0.1)[0]
    beside = find_guardrails([said] + [claim("below", limit=0.9)] * 5, both, LAST, smallest_useful=0.1)[0]
    assert alone.state == beside.state
    assert alone.p_adjusted is None
    assert alone.p_value == alone.measured.comparison.p_value(scale=1.05)


def test_p_adjusted_is_the_smallest_alpha_at_which_it_is_met():
    both = week(before={"timeout": 10, "http_5xx": 10}, after={"timeout": 6.5, "http_5xx": 9})
    said = [FALLS, claim("falls", "http_5xx_rate")]
    adjusted = expectations(both, *said, at=LAST)[0].p_adjusted
    assert 1e-9 < adjusted < 0.05
    for factor, state in ((1.01, "met"), (0.99, "undecided")):
        at = plan(2, alpha=adjusted * factor)
        assert expectations(both, *said, at=at)[0].state == state


# ---- any_of ----------------------------------------------------------------------------------------------------------
EITHER = any_of(claim("falls", "http_5xx_rate"), claim("falls", "rate_limit_rate"))


def two(before, after, hours=24):
    names = ("http_5xx", "rate_limit")
    return week(before=dict(zip(names, before, strict=True)), after=dict(zip(names, after, strict=True)), hours=hours)


@pytest.mark.parametrize(
    ("state", "parts", "both", "at"),
    [
        ("met", ("met", "undecided"), two((10, 10), (2, 10)), LAST),
        ("met", ("met", "met"), two((10, 10), (2, 2)), LAST),
        ("met", ("met", "worse"), two((40, 3), (2, 12)), LAST),  # harm of the other part is shown
        ("worse", ("worse", "worse"), two((3, 3), (12, 15)), LAST),
        ("undecided", ("worse", "undecided"), two((3, 1), (15, 0.9)), LAST),  # not worse as long as one part is not
        ("not_met", ("not_met", "not_met"), two((30, 30), (31, 31)), LAST),
        ("not_met", ("worse", "not_met"), two((20, 45), (45, 45)), LAST),
        ("undecided", ("undecided", "undecided"), two((3, 3), (2, 3), hours=4), SECOND),
        ("no_data", ("no_data", "no_data"), two((0.01, 0.01), (0, 0), hours=4), SECOND),
    ],
)
def test_any_of(state, parts, both, at):
    found = expectation(both, EITHER, at=at)
    assert (found.state, tuple(part.state for part in found.parts)) == (state, parts)
    assert found.measured is None


def test_any_of_is_one_member_with_the_smallest_p_times_its_parts():
    both = two((10, 10), (7.4, 10.4))
    found = expectation(both, EITHER, at=LAST)
    assert found.p_value == pytest.approx(2 * found.parts[0].p_value)
    assert found.p_adjusted == pytest.approx(holm([found.p_value], times=LAST.times, look=2)[0].p_adjusted)
    assert found.p_adjusted == found.parts[0].p_adjusted


def test_a_part_without_data_counts_and_the_other_part_decides():
    mixed = any_of(claim("falls", "http_5xx_rate"), claim("rises", "recovered_rate"))
    found = expectation(two((10, 0), (1, 0)), mixed, at=LAST)
    assert (found.state, [part.state for part in found.parts]) == ("met", ["met", "no_data"])
    assert found.p_value == pytest.approx(2 * found.parts[0].p_value)


def test_the_harm_of_a_part_crosses_the_strictest_bound_of_the_family():
    """The whole is not worse, so one part alone must not be called so by a luckier rank."""
    both = two((40, 10), (2, 12.4))
    alone = expectation(both, EITHER, at=LAST).parts[1]
    crowded = expectations(both, EITHER, *(claim("falls", feature=f"nobody {n}") for n in range(30)), at=LAST)[0].parts[1]
    z_needed = bounds(LAST.times, 0.05 / 31)[2]
    assert z_needed > LAST.bound
    assert alone.state == "worse"
    assert crowded.state != "worse"


def test_one_sided_parts_share_their_error():
    """Two limits, each held at 5 %, would be held by chance in 10 %: each part asks for half."""
    for seed in range(200):
        both = latency(2000, 2900, seed=seed)
        p = measure(LIMIT, both, LAST.hours).p_value("less")
        if 0.025 < p < 0.05:
            assert state_of(both, LIMIT, LAST) == "met"
            assert expectation(both, any_of(LIMIT, claim("below", "latency_mean", limit=100.0)), at=LAST).state != "met"
            return
    raise AssertionError("no seed lies between .025 and .05")


# ---- errors that changed their class, calls that stopped coming ------------------------------------------------------
def test_a_class_that_only_changed_its_name_is_not_met():
    both = week(before={"timeout": 20}, after={"timeout": 2, "connection": 35})
    for at in (LAST, SINGLE):
        found = expectation(both, FALLS, at=at)
        assert found.state == "not_met"
        assert found.caveat.refutes
        assert found.caveat.words.startswith("connection errors rose from 0.0")
        assert "all failed calls together rose from 20." in found.caveat.words
    early = expectation(week(before={"timeout": 20}, after={"timeout": 2, "connection": 60}, hours=4), FALLS, at=SECOND)
    assert early.state == "not_met"


def test_another_class_that_grows_is_shown_beside_a_fall_that_counts():
    found = expectation(week(before={"timeout": 30}, after={"timeout": 2, "connection": 8}), FALLS, at=LAST)
    assert found.state == "met"
    assert found.caveat.words.startswith("connection errors rose from 0.0")
    assert "all failed calls together fell from 30." in found.caveat.words


def test_classes_that_stay_need_no_remark():
    both = week(before={"timeout": 30, "connection": 5}, after={"timeout": 2, "connection": 5})
    assert expectation(both, FALLS, at=LAST).caveat is None
    assert expectation(both, claim("falls", "error_rate"), at=LAST).caveat is None


def test_a_class_of_the_user_is_looked_at_too():
    before = calls(-168, 0, per_hour=100, timeout=20)
    after = calls(0, 24, per_hour=100, timeout=2, other=40)
    after["outcome"] = after["outcome"].where(after["outcome"] != 8, 100)
    both = arms(arm(-168, 0, before), arm(0, 24, after), user_classes=("quota_gone",))
    found = expectation(both, FALLS, at=LAST)
    assert found.state == "not_met"
    assert found.caveat.words.startswith("quota gone errors rose from 0.0")


def test_a_feature_that_fell_to_a_tenth_of_its_calls_is_no_improvement():
    before = calls(-168, 0, per_hour=100, timeout=20)
    for per_hour, state in ((10, "undecided"), (11, "met")):
        found = expectation(arms(arm(-168, 0, before), arm(0, 24, calls(0, 24, per_hour=per_hour))), HALVES, at=LAST)
        assert found.state == state
    found = expectation(arms(arm(-168, 0, before), arm(0, 24, calls(0, 24, per_hour=10))), claim("stays_zero", limit=0.1), at=LAST)
    assert found.state == "undecided"
    assert "traffic fell from 100" in found.caveat.words


# ---- how readily -----------------------------------------------------------------------------------------------------
def test_many_events_on_one_side_are_decided_at_least_as_readily_as_few():
    """113 -> 0 timeouts as readily as 20 -> 0, and 0 -> 25 of a new class as readily as 0 -> 8."""

    def spread_over(total, hours):
        return np.bincount(np.linspace(0, hours - 1, total).round().astype(int), minlength=hours)

    def moved(before, after):
        first = calls(-168, 0, per_hour=30, timeout=spread_over(before, 168))
        return arms(arm(-168, 0, first), arm(0, 24, calls(0, 24, per_hour=30, timeout=spread_over(after, 24))))

    falls = [expectation(moved(n, 0), FALLS, at=LAST) for n in (30, 45, 60, 80, 113, 160, 240)]
    p = [found.p_value for found in falls]
    assert falls[4].state == "met"
    assert p == sorted(p, reverse=True)
    rises = [expectation(moved(0, n), FALLS, at=LAST) for n in (8, 12, 18, 25, 40)]
    p = [found.p_value for found in rises]
    assert rises[3].state == "worse"
    assert p == sorted(p, reverse=True)


def test_the_same_findings_whatever_the_order_of_the_claims():
    both = week(before={"timeout": 20, "http_5xx": 10}, after={"timeout": 8, "http_5xx": 9})
    said = [FALLS, claim("falls", "http_5xx_rate"), EITHER, claim("below", limit=0.5)]
    forward, backward = find_expectations(said, both, LAST, smallest_useful=0.1), find_expectations(said[::-1], both, LAST, smallest_useful=0.1)
    assert [(found.state, found.p_adjusted) for found in forward] == [(found.state, found.p_adjusted) for found in backward[::-1]]
