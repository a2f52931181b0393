"""What figures show: small numbers checked by hand, and the example's look as their source."""

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.figure_data import hourly
from analysis.figure_data.cliffs import prepare_baseline_cliff, prepare_cap_curve, prepare_cliff
from analysis.figure_data.expectations import (
    RelativeChange,
    prepare_forest,
    prepare_look_series,
    relative_change,
    required_change,
)
from analysis.figure_data.hourly import (
    prepare_hourly_metric,
    prepare_hourly_slowness,
    prepare_hourly_traffic,
    prepare_source_latency,
)
from analysis.figure_data.latency import (
    prepare_answer_curves,
    prepare_latency_curves,
    prepare_quantile_shifts,
    thin_out,
    timed_calls,
)
from analysis.figure_data.outcomes import prepare_outcome_mix
from analysis.metrics import metric_named
from analysis.results.baseline import HourRow
from tests.fixtures.example_results import finding, guardrail, no_data, result

STEP_3 = Scope("draft.verify.email.step3")
NOBODY = Scope("nobody.knows")


# ---- expectations ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "change"),
    [
        (finding(), (-0.75, -0.875, -0.625)),
        (guardrail(), (0.425, 0.3, 0.55)),
        (finding(difference=0.0, ratio=1.0, interval=[-0.2, 0.2]), (0.0, -0.25, 0.25)),
        (finding(interval=[-1.6, 0.1]), (-0.75, -1.0, 0.125)),  # nothing falls by more than all
    ],
)
def test_a_change_relative_to_the_baseline(found, change):
    relative = relative_change(found)
    assert (relative.value, relative.low, relative.high) == pytest.approx(change)


@pytest.mark.parametrize("found", [no_data(), finding(difference=0.0, ratio=None)])
def test_without_a_comparison_there_is_no_relative_change(found):
    assert relative_change(found) is None


@pytest.mark.parametrize(
    ("found", "required"),
    [
        (finding(), (-0.5, True)),
        (finding(by=None), (-0.0, True)),
        (finding(claim="rises", by=0.2), (0.2, False)),
        (finding(claim="stays_zero"), (0.0, True)),
        (finding(claim="stays_zero", limit=0.2), (-0.75, True)),
        (finding(claim="no_worse", margin=0.5), (0.5, True)),
        (finding(claim="no_worse", margin=0.5, metric="recovered_rate"), (-0.5, False)),
        (guardrail(), (2.75, True)),
    ],
)
def test_the_required_change(found, required):
    assert required_change(found) == pytest.approx(required)


def test_an_any_of_has_a_row_for_each_part():
    either = finding(name="either", parts=[finding(), no_data(metric="recovered_rate")])
    found = result(expectations=[finding(), either])
    names = [single.name for claim in found.expectations for single in claim.single_claims]
    assert names[:2] == ["timeouts drop", "either: timeouts"]
    assert names[2].startswith("either: failures")
    forest = prepare_forest(found, too_small=0.1)
    assert [row.name for row in forest.rows] == names
    assert [row.change is None for row in forest.rows] == [False, False, True]


def test_every_look_of_a_claim():
    series = prepare_look_series([None, result()], ["1h", "4h"], "timeouts drop")
    first, second = series.points
    assert (first.window, first.change, first.bound, first.verdict) == ("1h", None, None, "no look")
    assert second.change == RelativeChange(*map(pytest.approx, (-0.75, -0.875, -0.625)))
    assert (second.window, second.bound, second.verdict) == ("4h", 3.21, "improved")
    assert series.required == -0.5


# ---- latency ---------------------------------------------------------------------------------
def test_a_curve_loses_only_steps_that_nobody_sees():
    x, y = np.arange(100_000.0), np.linspace(0, 1, 100_000)
    few_x, few_y = thin_out(x, y)
    assert few_x.size <= 162
    assert (few_x[0], few_x[-1]) == (0.0, 99_999.0)
    assert np.abs(np.interp(x, few_x, few_y) - y).max() < 0.01
    assert thin_out(x[:5], y[:5])[0].size == 5


def test_curves_show_every_call_and_the_caps(look):
    curves, answers = prepare_latency_curves(look, STEP_3), prepare_answer_curves(look, STEP_3)
    calls = timed_calls(look.baseline, STEP_3)
    assert curves.baseline.n_calls == calls["calls"].sum()
    assert curves.baseline.y[-1] == pytest.approx(1.0)
    caps = [(cap.arm, round(cap.at / 1000)) for cap in curves.caps]
    assert caps == [("baseline", 20), ("post", 45)]
    for curve in (answers.baseline, answers.post):
        at_band = np.interp(curve.band_x, curve.x, curve.y)
        known = np.isfinite(curve.low)
        assert known.sum() > 20
        assert (curve.low[known] <= at_band[known] + 0.01).all()
        assert (at_band[known] <= curve.high[known] + 0.01).all()
    censored = calls["failed"].sum() / answers.baseline.n_calls
    assert answers.baseline.censored == pytest.approx(censored)
    assert prepare_latency_curves(look, NOBODY).baseline.n_calls == 0


def test_a_quantile_beyond_a_cap_is_not_identifiable(look):
    shifts = prepare_quantile_shifts(look, Scope("signature.context"))
    points = {point.q: point for point in shifts.points}
    assert points[0.5].low_ms < points[0.5].difference_ms < points[0.5].high_ms
    assert np.isnan(points[0.99].difference_ms)
    step_3 = prepare_quantile_shifts(look, STEP_3).points
    assert np.isnan([point.difference_ms for point in step_3]).all()


# ---- cliffs and caps -------------------------------------------------------------------------
def test_the_cliff_holds_every_call_but_the_fastest(look):
    histogram = prepare_cliff(look, STEP_3)
    for bars in (histogram.baseline, histogram.post):
        assert bars.failed.sum() + bars.answered.sum() == pytest.approx(1, abs=0.011)
    assert histogram.edges_ms[-1] > timed_calls(look.post, STEP_3)["latency_ms"].max()
    own = prepare_baseline_cliff(look.baseline, STEP_3.feature, at_ms=20_000)
    assert own.post is None
    assert own.baseline.n_calls == histogram.baseline.n_calls


def test_the_cap_curve_agrees_with_whatif(look):
    curve = prepare_cap_curve(look, STEP_3)
    answer = look.what_if(STEP_3.feature, curve.knobs[0].at).effect.cut_off_share
    at_knob = curve.at_knobs[0]
    assert at_knob == answer
    for line, value in ((curve.cut_off, at_knob.value), (curve.low, at_knob.low)):
        assert np.interp(curve.knobs[0].at, curve.cap_ms, line) == pytest.approx(value, abs=0.03)
    assert (np.diff(curve.cut_off) <= 1e-12).all()
    assert prepare_cap_curve(look, NOBODY) is None


# ---- hour by hour, and outcomes --------------------------------------------------------------
def test_an_hourly_rate_adds_up_to_the_finding_and_has_gaps(look, monkeypatch):
    monkeypatch.setattr(hourly, "HOURS_BEFORE", 168)
    prepared = prepare_hourly_metric(look, STEP_3, metric_named("timeout_rate"))
    found, after = look.result.expectations[0], prepared.hours >= 0
    events = np.nansum(prepared.rate[after] * prepared.calls[after])
    assert events == pytest.approx(found.post.events)
    assert prepared.n_post == found.post.calls
    assert prepared.marks[0].at == 0.0
    assert prepared.usual.size == prepared.hours.size
    excluded = np.isin(prepared.hours, list(look.baseline.excluded_hours))
    assert excluded.any()
    assert np.isnan(prepared.rate[excluded]).all()


def test_slowness_with_the_control_features(look):
    series = prepare_hourly_slowness(look.guardrails[0].evaluation, look.arms).series
    assert len(series.names) >= 2
    assert (series.hours[0], series.hours[-1]) == (-48, 23)
    after = series.hours >= 0
    ratio = look.result.guardrails[0].ratio
    assert np.nanmean(series.target[after]) == pytest.approx(ratio - 1, abs=0.08)
    assert np.isfinite(series.controls[after]).all()
    without_calls = look.expectations[3].parts[1].evaluation
    assert prepare_hourly_slowness(without_calls, look.arms) is None


def test_traffic_and_sources_of_the_baseline(look):
    coverage = [
        HourRow(hour=-3, calls=8, failed=2, bad_latencies=0),
        HourRow(hour=-1, calls=4, failed=4, bad_latencies=0),
    ]
    traffic = prepare_hourly_traffic(coverage, excluded={-1})
    assert traffic.hours.tolist() == [-3, -2, -1]
    assert traffic.calls.tolist()[:2] == [8, 0]
    assert traffic.error_rate[0] == 0.25
    assert np.isnan([traffic.error_rate[1], traffic.calls[2], traffic.error_rate[2]]).all()
    sources = prepare_source_latency(look.baseline)
    assert sources.mean_ms.shape == (len(sources.sources), 24)
    assert list(sources.calls) == sorted(sources.calls, reverse=True)


def test_the_outcome_mix_adds_up(look):
    mix = prepare_outcome_mix(look, STEP_3)
    assert mix.classes[0] == "success"
    for arm in (mix.baseline, mix.post):
        assert sum(share.value for share in arm) == pytest.approx(1)
        assert all(share.low <= share.value <= share.high for share in arm)
    rows = look.post.hourly.rows
    assert mix.n_post == rows.loc[rows["feature"] == STEP_3.feature, "calls"].sum()
