"""Sustained for N hours."""

import numpy as np
import pytest

from analysis.statistics.sustained import check_sustained, compare_trailing
from analysis.statistics.totals import ArmTotals


def arms(post_rates, *, before=0.9, calls=40, days=3, seed=0):
    """A rate of the baseline and one rate per post hour."""
    rng = np.random.default_rng(seed)
    n = np.full((1, days, 24), float(calls))
    baseline = ArmTotals.of_events(rng.binomial(calls, before, n.shape).astype(float), n)
    rates = np.asarray(post_rates).reshape(1, 1, -1)
    return baseline, ArmTotals.of_events(
        rng.binomial(calls, rates).astype(float), np.full(rates.shape, float(calls))
    )


def ask(pair, *, hours=6, better="less", crossed=True, critical=True):
    return check_sustained(
        *pair,
        hours=hours,
        indicator=True,
        better=better,
        crossed=crossed,
        critical_guardrails_met=critical,
    )


# by hand


def test_a_fix_that_lasts():
    found = ask(arms([0.2] * 12))
    assert (
        found.holds,
        found.trailing_better,
        found.share_of_hours_better,
        found.evidence_asked,
    ) == (True, True, 1.0, True)


def test_a_relapse_is_not_sustained_although_the_whole_window_is_better():
    """Six good hours, then six as before: together still far better, the trailing hours alone are not."""
    for seed in range(30):
        assert not ask(arms([0.2] * 6 + [0.9] * 6, seed=seed)).holds


def test_four_of_five_hours_must_be_better():
    """Four good hours and two bad ones of six: 67 %."""
    found = ask(arms([0.1, 0.1, 0.99, 0.1, 0.99, 0.1]))
    assert found.share_of_hours_better == pytest.approx(4 / 6)
    assert not found.holds


@pytest.mark.parametrize(("crossed", "critical"), [(False, True), (True, False)])
def test_bound_and_critical_guardrails_are_needed(crossed, critical):
    assert not ask(arms([0.2] * 12), crossed=crossed, critical=critical).holds


def test_what_should_rise():
    assert ask(arms([0.8] * 12, before=0.3), better="greater").holds
    assert not ask(arms([0.1] * 12, before=0.3), better="greater").holds


# laws


def test_trailing_hours_meet_their_own_clock_hours():
    """Post hours 6..11 are compared with hours 6..11 of each day: 3 days of 40 calls."""
    baseline, post = arms([0.2] * 12)
    found, first = compare_trailing(baseline, post, hours=6, indicator=True)
    assert first == 6
    assert found.baseline_y == baseline.y[0, :, 6:12].sum()
    assert found.post_y == post.y[0, 0, 6:].sum()


def test_trailing_hours_wrap_round_the_day():
    baseline, post = arms([0.2] * 27)
    found, _ = compare_trailing(baseline, post, hours=6, indicator=True)
    assert found.baseline_y == baseline.y[0, :, [21, 22, 23, 0, 1, 2]].sum()


# edges


def test_rare_events_need_no_new_evidence():
    """0.04 % of 40 calls: six hours expect no event, and none came."""
    found = ask(arms([0.0] * 12, before=0.004, seed=1))
    assert (found.holds, found.evidence_asked, found.share_of_hours_better) == (True, False, None)


def test_rare_events_that_come_back_are_evidence_against():
    found = ask(arms([0.0] * 6 + [0.2] * 6, before=0.004, seed=1))
    assert (found.holds, found.trailing_better) == (False, False)


def test_too_early():
    found = ask(arms([0.2] * 4))
    assert (found.holds, found.trailing_better, found.share_of_hours_better) == (False, None, None)


def test_no_calls_in_the_trailing_hours():
    baseline, post = arms([0.2] * 6)
    silent = ArmTotals.of_events(
        np.pad(post.y, ((0, 0), (0, 0), (0, 6))), np.pad(post.n, ((0, 0), (0, 0), (0, 6)))
    )
    assert not ask((baseline, silent)).holds
