"""What figures show, by hand and against the look they come from."""

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.metrics import metric_named
from analysis.report.prepared.claims import (
    prepare_forest,
    prepare_looks,
    prepare_outcome_mix,
    relative_change,
    required_change,
    with_parts,
)
from analysis.report.prepared.hours import prepare_hourly_rate, prepare_slowness
from analysis.report.prepared.latency import (
    prepare_answer_curves,
    prepare_cap_curve,
    prepare_cliff,
    prepare_latency_curves,
    prepare_shift,
    thin,
    timed_calls,
)
from tests.report.example_look import finding, guardrail, no_data, result

STEP_3 = "draft.verify.email.step3"


def test_relative_change():
    assert relative_change(finding()) == pytest.approx((-0.75, -0.875, -0.625))
    assert relative_change(guardrail()) == pytest.approx((0.425, 0.3, 0.55))
    assert relative_change(no_data()) is None
    assert relative_change(
        finding(difference=0.0, ratio=1.0, interval=[-0.2, 0.2])
    ) == pytest.approx((0.0, -0.25, 0.25))
    assert relative_change(finding(difference=0.0, ratio=None)) is None


def test_nothing_falls_by_more_than_all():
    assert relative_change(finding(interval=[-1.6, 0.1]))[1] == -1.0


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
def test_required_change(found, required):
    assert required_change(found) == pytest.approx(required)


def test_a_forest_has_a_row_for_each_part():
    forest = prepare_forest(
        result(
            expectations=[
                finding(),
                finding(name="either", parts=[finding(), no_data(metric="recovered_rate")]),
            ]
        ),
        too_small=0.1,
    )
    assert [row.name for row in forest.rows] == [
        "timeouts drop",
        "either: timeouts",
        "either: failures made good within 10 minutes",
    ]
    assert [row.change for row in forest.rows] == [pytest.approx(-0.75), pytest.approx(-0.75), None]


def test_every_look_of_a_claim():
    looks = prepare_looks([None, result()], ["1h", "4h"], "timeouts drop")
    assert [(point.window, point.change, point.bound, point.verdict) for point in looks.points] == [
        ("1h", None, None, "no look"),
        ("4h", pytest.approx(-0.75), 3.21, "improved"),
    ]
    assert looks.required == -0.5


def test_parts_keep_their_names():
    assert [
        found["name"]
        for found in with_parts(
            [finding(name="either", parts=[finding(), finding(metric="error_rate")])]
        )
    ] == [
        "either: timeouts",
        "either: failed calls",
    ]


def test_a_curve_is_thinned_where_nobody_sees_it():
    x, y = np.arange(100_000.0), np.linspace(0, 1, 100_000)
    few_x, few_y = thin(x, y)
    assert few_x.size <= 162
    assert (few_x[0], few_x[-1]) == (0.0, 99_999.0)
    assert np.abs(np.interp(x, few_x, few_y) - y).max() < 0.01
    assert thin(x[:5], y[:5])[0].size == 5


# ---- against the example's look --------------------------------------------------------------------------------------
def test_the_outcome_mix_adds_up(look):
    mix = prepare_outcome_mix(look, Scope(STEP_3))
    assert mix.classes[0] == "success"
    for arm in (mix.baseline, mix.post):
        assert sum(share.value for share in arm) == pytest.approx(1)
        assert all(share.low <= share.value <= share.high for share in arm)
    rows = look.post.hourly.rows
    assert mix.n_post == rows.loc[rows["feature"] == STEP_3, "calls"].sum()


def test_an_hourly_rate_adds_up_to_the_finding(look):
    prepared = prepare_hourly_rate(look, Scope(STEP_3), metric_named("timeout_rate"))
    found = look.result["expectations"][0]
    after = prepared.hours >= 0
    assert np.nansum(prepared.rate[after] * prepared.calls[after]) == pytest.approx(
        found["post"]["events"]
    )
    assert prepared.n_post == found["post"]["calls"]
    assert prepared.marks[0].at == 0.0
    assert prepared.usual.size == prepared.hours.size


def test_excluded_hours_are_gaps(look):
    prepared = prepare_hourly_rate(look, Scope(STEP_3), metric_named("timeout_rate"))
    excluded = [hour for hour in look.baseline.excluded_hours if hour >= prepared.hours[0]]
    assert np.isnan(prepared.rate[np.isin(prepared.hours, excluded)]).all()


def test_curves_show_every_call_and_the_caps(look):
    curves = prepare_latency_curves(look, Scope(STEP_3))
    assert curves.baseline.n_calls == timed_calls(look.baseline, Scope(STEP_3))["calls"].sum()
    assert curves.baseline.y[-1] == pytest.approx(1.0)
    assert [(cap.arm, round(cap.at / 1000)) for cap in curves.caps] == [
        ("baseline", 20),
        ("post", 45),
    ]
    answers = prepare_answer_curves(look, Scope(STEP_3))
    for curve in (answers.baseline, answers.post):
        at_band = np.interp(curve.band_x, curve.steps.x, curve.steps.y)
        known = np.isfinite(curve.low)
        assert known.sum() > 20
        assert (curve.low[known] <= at_band[known] + 0.01).all()
        assert (at_band[known] <= curve.high[known] + 0.01).all()
    assert answers.baseline.censored == pytest.approx(
        timed_calls(look.baseline, Scope(STEP_3))["failed"].sum() / answers.baseline.steps.n_calls
    )


def test_the_cliff_holds_every_call(look):
    bars = prepare_cliff(look, Scope(STEP_3))
    assert bars.baseline_failed.sum() + bars.baseline_answered.sum() == pytest.approx(
        1, abs=0.011
    )  # the fastest 1 % lie before it
    assert bars.edges_ms[-1] > timed_calls(look.post, Scope(STEP_3))["latency_ms"].max()


def test_a_quantile_behind_a_cap_is_not_identifiable(look):
    points = {point.q: point for point in prepare_shift(look, Scope("signature.context")).points}
    assert points[0.5].change_ms is not None
    assert points[0.5].low_ms < points[0.5].change_ms < points[0.5].high_ms
    assert points[0.99].change_ms is None
    assert all(point.change_ms is None for point in prepare_shift(look, Scope(STEP_3)).points)


def test_the_cap_curve_agrees_with_whatif(look):
    curve = prepare_cap_curve(look, Scope(STEP_3))
    answer = look.what_if(STEP_3, curve.knobs[0].at)["cut_off_share"]
    assert curve.at_knobs[0] == (answer["value"], answer["low"], answer["high"])
    assert np.interp(curve.knobs[0].at, curve.cap_ms, curve.cut_off) == pytest.approx(
        answer["value"], abs=0.03
    )
    assert np.interp(curve.knobs[0].at, curve.cap_ms, curve.low) == pytest.approx(
        answer["low"], abs=0.03
    )
    assert (np.diff(curve.cut_off) <= 1e-12).all()


def test_a_feature_without_calls_has_no_cap_curve(look):
    assert prepare_cap_curve(look, Scope("nobody.knows")) is None


def test_slowness_beside_untouched_features(look):
    evaluation = look.guardrails[0].evaluation
    prepared = prepare_slowness(evaluation)
    assert len(prepared.names) >= 2
    assert prepared.hours[0] == -48
    assert prepared.hours[-1] == 23
    after = prepared.hours >= 0
    assert np.nanmean(prepared.target[after]) == pytest.approx(
        look.result["guardrails"][0]["ratio"] - 1, abs=0.08
    )
    assert np.isfinite(prepared.untouched[after]).all()
    assert (
        prepare_slowness(look.expectations[3].parts[1].evaluation) is None
    )  # without calls there is nothing
