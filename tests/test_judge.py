"""The whole judge on rows whose truth is known: calls in a file, a verdict out."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.clock import iso
from analysis.decision.checks.data_checks import check_data
from analysis.errors import NotYetDue, WrongUse
from analysis.window import HOUR
from tests.fixtures.comparators import (
    DEPLOYED_AT,
    any_of,
    claim,
    comparator,
    expectation,
    guardrail,
    plan,
    spoken,
)
from tests.fixtures.counted_rows import arm_of
from tests.fixtures.plain_calls import calls_of
from tests.fixtures.simulated_rollouts import (
    DEPLOY,
    expected,
    failing,
    failures_and_retries,
    hours_of,
    rollouts_in,
    series,
    states,
    thinned,
    together,
)

LAST = plan(2)


@pytest.fixture(name="judge")
def judge_fixture(tmp_path, monkeypatch):
    return rollouts_in(tmp_path, monkeypatch)


def counted(rows, *, days=7, hours=24):
    """Both arms from the rows, without a database."""
    calls = calls_of(rows, DEPLOYED_AT)
    baseline = arm_of(calls, -24 * days, 0, deployed_at=DEPLOYED_AT)
    return comparator(
        baseline, arm_of(calls, 0, hours, deployed_at=DEPLOYED_AT, limits=baseline.limits)
    )


def guardrail_toml(
    name="g", feature="f", metric="latency_mean", claim="no_worse", more="margin = 0.1"
):
    keys = {"name": name, "feature": feature, "metric": metric, "claim": claim}
    lines = [f'{key} = "{value}"' for key, value in keys.items()]
    return "\n".join(["[[guardrail]]", *lines, more, ""])


# ---- a timeout that was raised ----
def raised(seed, **keys):
    """88 % timeouts at 20 s, 14 % after the cap was raised; 37 calls an hour, as published."""
    return series(
        calls_per_hour=37,
        seed=seed,
        cap_ms=20_000,
        timeout_rate_before=0.88,
        **({"timeout_rate_after": 0.14} | keys),
    )


@pytest.mark.parametrize("seeds", [range(first, first + 10) for first in range(0, 50, 10)], ids=str)
def test_a_raised_timeout_is_met_in_every_seed_and_never_a_regression(seeds):
    for seed in seeds:
        both = counted(raised(seed))
        assert expectation(both, claim("falls", by=0.5), at=LAST).state == "met", seed
        for metric in (
            "rmst",
            "slower_than_p50",
            "slower_than_p95",
            "error_rate",
            "time_per_success",
        ):
            assert guardrail(both, claim("no_worse", metric, margin=0.1), at=LAST).state in (
                "met",
                "undecided",
            ), (seed, metric)


def test_a_raised_timeout_through_every_look(judge):
    rollout = judge(raised(1), expected(more="by = 0.5") + guardrail_toml(metric="rmst"))
    looks = [rollout.look(label) for label in ("1h", "4h", "24h")]
    assert [look.verdict.name for look in looks] == ["keep_watching", "improved", "sustained"]
    assert [look.verdict.exit_code for look in looks] == [3, 0, 0]
    last = looks[2]
    before, after = (arm.latency.rows.query("outcome == 0") for arm in (last.baseline, last.post))
    slower = [np.average(rows["latency_ms"], weights=rows["calls"]) for rows in (before, after)]
    assert (
        slower[1] > 1.3 * slower[0]
    )  # of successes alone the latency did rise, and it decides nothing
    assert states(last) == ["met", "met"]
    assert {found.metric for found in last.result.exploratory if found.finding == "worse"} <= {
        "typical_latency",
        "latency_mean",
    }  # its cost, shown as one
    assert "the last 6 h alone confirm it" in spoken(last.result.reason)


def test_a_timeout_that_only_moved_is_not_fixed(judge):
    """Every call takes 2.25 times as long: as many time out at 45 s as did at 20 s."""
    rows = raised(3, timeout_rate_after=None, cap_after_ms=45_000, latency_factor_after=2.25)
    rollout = judge(rows, expected(more="by = 0.5"))
    assert [rollout.look(label).verdict.name for label in ("1h", "4h")] == [
        "keep_watching",
        "keep_watching",
    ]
    last = rollout.look("24h")
    assert (last.verdict.name, last.verdict.exit_code) == ("not_fixed", 4)
    assert (
        spoken(last.result.reason)
        == "The fix did not work: f still times out, only later: at 45.1 s instead of 20.0 s."
    )
    assert [(cliff.arm, round(cliff.at_ms, -3)) for cliff in last.result.cliffs] == [
        ("baseline", 20_000),
        ("post", 45_000),
    ]


def test_a_relapse_after_six_hours_is_not_sustained(judge):
    rows = raised(5, timeout_rate_after=0.02)
    back = (hours_of(rows) >= 6) & (np.random.default_rng(0).random(len(rows)) < 0.85)
    look = judge(failing(rows, back, "Request timed out."), expected()).look("24h")
    assert states(look) == ["met"]  # 65 % is still fewer than 88 %
    assert look.verdict.name == "improved"
    assert "not sustained: 't'" in look.result.reason


# ---- what is not the deploy's ----
def moved_traffic(seed):
    """Both sources 15 % slower after the deploy, and most of the traffic moved to the fast one."""
    fast = series(
        calls_per_hour=60, seed=seed, source="fast", median_ms=1000, latency_factor_after=1.15
    )
    slow = series(
        calls_per_hour=60,
        seed=seed + 1000,
        source="slow",
        median_ms=5000,
        latency_factor_after=1.15,
    )
    return together(thinned(fast, before=0.5, after=0.95), thinned(slow, before=0.5, after=0.1))


def test_slower_sources_with_traffic_moved_to_the_fast_one_are_never_improved(judge):
    look = judge(moved_traffic(0), expected(metric="latency_mean") + guardrail_toml()).look("24h")
    assert look.verdict.name not in ("improved", "sustained")
    found = look.result.expectations[0]
    assert found.crude_difference < -1000 < 0 < found.difference
    for seed in range(1, 8):
        both = counted(moved_traffic(seed))
        assert expectation(both, claim("falls", "latency_mean"), at=LAST).state != "met"
        assert expectation(both, claim("falls", "slower_than_p50"), at=LAST).state != "met"


def one_tenants_burst(seed):
    """A slow tenant that had hardly any call has a third of them after the deploy."""
    tenant = series(calls_per_hour=60, seed=seed + 500, median_ms=6000).assign(
        clientId="tenant-burst"
    )
    return together(series(calls_per_hour=100, seed=seed), thinned(tenant, before=0.05, after=1.0))


def test_one_tenants_burst_is_no_regression(judge):
    look = judge(one_tenants_burst(0), guardrail_toml(more="margin = 0.25\ncritical = true")).look(
        "24h"
    )
    assert look.verdict.name in ("no_regression", "keep_watching")
    found = look.result.guardrails[0]
    assert found.crude_difference > 1000 > 3 * abs(found.difference)
    worse = sum(
        guardrail(
            counted(one_tenants_burst(seed)), claim("no_worse", "latency_mean", margin=0.1), at=LAST
        ).state
        == "worse"
        for seed in range(1, 9)
    )
    assert worse == 0


def test_an_outage_in_the_baseline_is_no_improvement_and_is_proposed_for_exclusion(judge):
    down = series(calls_per_hour=60, seed=2, http_5xx_rate=0.01)
    out = hours_of(down).between(-40, -38) & (np.random.default_rng(0).random(len(down)) < 0.9)
    rows = together(
        failing(down, out, "503 upstream connect error"),
        series("g", calls_per_hour=60, seed=3, http_5xx_rate=0.01),
    )
    rollout = judge(
        rows, expected(metric="http_5xx_rate") + expected("elsewhere", "g", "http_5xx_rate")
    )
    for label in ("4h", "24h"):
        look = rollout.look(label)
        assert "met" not in states(look)
        check = next(
            check for check in look.result.checks if check.name == "incidents in the baseline"
        )
        assert check.state == "warning"
        assert "exclude = [{from = 2026-02-01T07:10:16Z, to = 2026-02-01T10:10:16Z," in check.detail
    line = check.detail.split("[baseline]: ")[1]
    without = judge(rows, expected(metric="http_5xx_rate"), settings=f"[baseline]\n{line}").look(
        "24h"
    )
    assert without.result.baseline.excluded_hours == 3
    assert {
        check.state for check in without.result.checks if check.name == "incidents in the baseline"
    } == {"ok"}
    assert "met" not in states(without)


# ---- weeks ----
def test_a_weekly_cycle_is_matched_by_the_hour_of_the_week(judge):
    """Weekends take twice as long; the deploy is on a Monday night."""
    rows = series(calls_per_hour=20, days_before=14, noise="mild")
    started = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms")
    weekend = started.dt.day_of_week >= 5
    rows["latencyMs"] = np.where(weekend, 2 * rows["latencyMs"], rows["latencyMs"])
    rows["createdAt"] = started + pd.to_timedelta(rows["latencyMs"], unit="ms")
    found, words = {}, {}
    for days in (7, 14):
        look = judge(
            rows, expected(metric="latency_mean"), settings=f"[baseline]\ndays = {days}"
        ).look("24h")
        found[days] = look.result.expectations[0]
        words[days] = next(
            check.detail for check in look.result.checks if check.name == "length of the baseline"
        )
    tuesdays = rows[
        started.between(
            DEPLOY - pd.Timedelta(days=14),
            DEPLOY - pd.Timedelta(days=13) - pd.Timedelta(milliseconds=1),
        )
        | started.between(
            DEPLOY - pd.Timedelta(days=7),
            DEPLOY - pd.Timedelta(days=6) - pd.Timedelta(milliseconds=1),
        )
    ]
    assert found[14].baseline.value == pytest.approx(tuesdays["latencyMs"].mean())
    assert found[14].baseline.calls == len(tuesdays)
    assert found[14].difference > found[7].difference + 200
    assert found[14].finding != "met"
    assert words[14] == "14 days, matched by hour of the week"
    assert words[7].endswith("weekdays are mixed (from 14 days on, hours of the week are matched)")


# ---- looks ----
def test_an_exploratory_look_is_outside_the_planned_ones(judge):
    rows = raised(1)
    rollout = judge(rows, expected(more="by = 0.5") + guardrail_toml(metric="rmst"))
    look = rollout.explore(DEPLOYED_AT + 6 * HOUR, DEPLOYED_AT + 12 * HOUR)
    assert look.verdict.name == "improved"
    assert "an exploratory look does not decide whether the effect lasts" in look.result.reason
    assert look.result.look.as_json() == {
        "window": "20260203T051016Z--20260203T111016Z"
        if look.label.startswith("2026020")
        else look.label,
        "start": "2026-02-03T05:10:16Z",
        "end": "2026-02-03T11:10:16Z",
        "bound": pytest.approx(1.959964),
        "number": None,
        "planned": None,
    }
    assert look.result.post.calls == hours_of(rows).between(6, 11).sum()
    with pytest.raises(WrongUse, match="lies before the deploy"):
        rollout.explore(DEPLOYED_AT - HOUR, DEPLOYED_AT)


def test_a_look_is_due_after_its_end_and_settle(judge, tmp_path):
    rollout = judge(raised(1), expected())
    (tmp_path / "clock").write_text(iso(DEPLOYED_AT + 4 * HOUR + timedelta(seconds=89)))
    assert rollout.due() == ("1h",)
    with pytest.raises(NotYetDue, match="window 4h is due at 2026-02-03T03:11:46Z"):
        rollout.look("4h")
    (tmp_path / "clock").write_text(iso(DEPLOYED_AT + 4 * HOUR + timedelta(seconds=90)))
    assert rollout.due() == ("1h", "4h")
    assert rollout.look("4h").label == "4h"


def test_a_deploy_without_baseline_is_untrusted_before_it_is_early(judge, tmp_path):
    rows = raised(1)
    rollout = judge(rows[hours_of(rows) >= 0], expected())
    (tmp_path / "clock").write_text(iso(DEPLOYED_AT + timedelta(minutes=5)))
    look = rollout.look("1h")
    assert (look.verdict.name, look.verdict.exit_code) == ("untrusted", 5)
    assert look.result.reason.startswith(
        "The data quality is too poor for a verdict: no call started from 2026-01-26 23:10:16 UTC"
    )
    assert look.result.expectations[0].baseline.as_json() == {
        "calls": 0,
        "events": 0,
        "value": None,
    }


def test_the_checks_of_a_look_are_those_of_its_arms(judge):
    look = judge(raised(1), expected()).look("24h")
    assert look.checks == check_data(
        look.comparator, hours=look.plan.hours, asked=look.settings.baseline
    )


def test_an_alternative_is_enough(judge):
    rows, *_ = failures_and_retries(0.2, 0.7)
    either = (
        '[[expectation]]\nname = "either"\nfeature = "f"\n'
        'any_of = [{metric = "http_5xx_rate", claim = "falls"},'
        ' {metric = "recovered_rate", claim = "rises"}]\n'
    )
    look = judge(rows, either).look("24h")
    found = look.result.expectations[0]
    assert found.parts[1].finding == "met" != found.parts[0].finding
    assert (found.finding, found.metric, look.verdict.name) == ("met", None, "sustained")
    direct = expectation(
        look.comparator,
        any_of(claim("falls", "http_5xx_rate"), claim("rises", "recovered_rate")),
        at=look.plan,
    )
    assert direct.p_value == found.p_value


def scanned(look):
    return {(found.metric, found.feature): found for found in look.result.exploratory}


# ---- few calls ----
@pytest.mark.parametrize("seed", [0, 1])
def test_six_calls_an_hour_keep_watching_and_say_how_long(judge, seed):
    rows = series(calls_per_hour=6, seed=seed, timeout_rate_before=0.3, timeout_rate_after=0.2)
    rollout = judge(rows, expected(more="by = 0.2"))
    for label in ("1h", "4h", "24h"):
        look = rollout.look(label)
        assert look.verdict.name == "keep_watching"
        assert look.result.expectations[0].hours_needed > look.plan.hours[1]
        assert "It can be decided about" in look.result.reason


def test_113_timeouts_to_none_are_decided(judge):
    rng = np.random.default_rng(0)
    rows = series(calls_per_hour=30, noise="iid", hours_after=24)
    before = np.flatnonzero(hours_of(rows) < 0)
    rows = failing(rows, rng.choice(before, 113, replace=False), "Request timed out.")
    look = judge(rows, expected()).look("24h")
    found = look.result.expectations[0]
    assert (found.baseline.events, found.post.events, found.finding) == (
        113,
        0,
        "met",
    )
    assert look.verdict.name == "sustained"


def test_25_events_of_a_new_class_are_found_and_refused(judge):
    rng = np.random.default_rng(0)
    rows = series(calls_per_hour=30, noise="iid", hours_after=24)
    after = np.flatnonzero(hours_of(rows) >= 5)
    rows = failing(rows, rng.choice(after, 25, replace=False), "Connection error.")
    look = judge(
        rows, expected(metric="connection_rate", claim="stays_zero", more="limit = 0.01")
    ).look("24h")
    assert (look.verdict.name, look.verdict.exit_code) == ("roll_back", 1)
    found = scanned(look)["connection_rate", "f"]
    assert (found.finding, found.baseline.events, found.post.events) == (
        "worse",
        0,
        25,
    )
    assert found.event_hour == found.began_hour == look.result.expectations[0].event_hour >= 5


def test_growth_of_unknown_errors_is_found(judge):
    rng = np.random.default_rng(1)
    rows = series(calls_per_hour=60, noise="iid")
    hours = hours_of(rows)
    some = (rng.random(len(rows)) < 0.02) | ((hours >= 9) & (rng.random(len(rows)) < 0.15))
    look = judge(failing(rows, some, "Nobody knows this one"), expected()).look("24h")
    found = scanned(look)["other_rate", "f"]
    assert (found.finding, found.began_hour, found.event_hour) == ("worse", 9, None)
    assert "from hour 9 after the deploy on" in found.sentence


def test_a_feature_that_fell_to_a_tenth_is_a_finding_and_no_improvement(judge):
    rows = thinned(
        series(calls_per_hour=200, timeout_rate_before=0.3, timeout_rate_after=0.02),
        before=1.0,
        after=0.08,
    )
    look = judge(together(rows, series("g", calls_per_hour=20)), expected()).look("24h")
    assert look.verdict.name == "investigate"
    assert states(look) == ["undecided"]
    assert "traffic fell from" in look.result.expectations[0].sentence
    assert scanned(look)["calls_per_hour", "f"].finding == "worse"
    check = next(check for check in look.result.checks if check.name == "features without calls")
    assert check.state == "warning"


# ---- events that need single calls ----


def test_recovered_failures_from_rows_to_verdict(judge):
    rows, recovered, minutes = failures_and_retries(0.2, 0.7)
    look = judge(rows, expected(metric="recovered_rate", claim="rises", more="by = 0.5")).look(
        "24h"
    )
    found = look.result.expectations[0]
    assert (look.verdict.name, found.finding) == ("sustained", "met")
    assert found.baseline.value == pytest.approx(recovered[minutes < 0].mean())
    assert found.post.events == recovered[minutes >= 0].sum()
    assert found.post.value == pytest.approx(recovered[minutes >= 0].mean())


@pytest.mark.parametrize(
    ("over_after", "verdict", "finding"),
    [(0.01, "sustained", "met"), (0.3, "roll_back", "not_met")],
)
def test_cron_minutes_over_budget_from_rows_to_verdict(judge, over_after, verdict, finding):
    rng = np.random.default_rng(0)
    minutes = np.arange(-7 * 24 * 60, 24 * 60)
    over = rng.random(minutes.size) < np.where(minutes < 0, 0.01, over_after)
    at = DEPLOY + pd.to_timedelta(minutes, unit="min") + pd.Timedelta(seconds=1)
    shared = {
        "clientId": "t",
        "leadId": None,
        "source": "background-job/inbound",
        "featureId": "f",
        "errorMessage": None,
        "status": "success",
        "outputTokens": None,
        "totalTokens": None,
        "model": "m",
    }
    halves = [
        pd.DataFrame(shared | {"latencyMs": np.where(over, 31_000, 5_000), "createdAt": at})
        for _ in range(2)
    ]
    rows = together(*halves)
    rows["createdAt"] += pd.to_timedelta(rows["latencyMs"], unit="ms")
    timeouts = failing(series("g", calls_per_hour=30, noise="iid"), [], "")
    timeouts = failing(
        timeouts, (hours_of(timeouts) < 0) & (rng.random(len(timeouts)) < 0.2), "Request timed out."
    )
    guard = (
        '[[guardrail]]\nname = "cron"\nsource = "background-job/*"\n'
        'metric = "cron_over_budget_rate"\nbudget_ms = 60000\n'
        'claim = "below"\nlimit = 0.05\ncritical = true\n'
    )
    look = judge(together(rows, timeouts), expected(feature="g") + guard).look("24h")
    found = look.result.guardrails[0]
    assert look.verdict.name == verdict
    assert found.finding in (finding, "worse")
    assert found.post.events == over[minutes >= 0].sum()
    assert found.baseline.value == pytest.approx(over[minutes < 0].mean())
