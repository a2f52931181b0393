"""benchmarks/calibration.py: a subset of its cells, its usual tests, its simulator, its tables.

A limit is the count that a method with the given error exceeds with probability below 1e-4. Seeds
are fixed.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.counts import HourlyCounts
from analysis.sample.features import DEPLOYED_AT
from analysis.sample.series import simulate_series
from benchmarks import calibration
from benchmarks.calibration_parts.cells import Calibration, Cell, Mean, run_groups
from benchmarks.calibration_parts.product_judge import CLAIMS, ask, judge, plan_of
from benchmarks.calibration_parts.series import Change, draw_series
from benchmarks.calibration_parts.studies import (
    FIX,
    HOURLY,
    STUDIES,
    Group,
    SeriesArms,
    ask_changes,
    ask_false_alarms,
    ask_hourly_looks,
    ask_sustained,
    ask_usual_tests,
    groups_of,
)
from benchmarks.calibration_parts.tables import write_tables
from benchmarks.calibration_parts.targets import check_targets
from benchmarks.calibration_parts.usual_tests import (
    canary_alarm,
    mann_whitney_p,
    minute_means,
    welch_p,
    z_test_p,
)

SEED, RARELY = 2026, 1e-4


def sample(
    number: int, *, calls_per_hour: float = 100, noise: str = "heavy", days: int = 7
) -> SeriesArms:
    return SeriesArms(
        draw_series((SEED, number), calls_per_hour=calls_per_hour, noise=noise, days=days)
    )


def at_most(runs: int, share: float) -> int:
    """Events that a method with this share exceeds with probability below 1e-4."""
    return int(stats.binom.isf(RARELY, runs, share))


def at_least(runs: int, share: float) -> int:
    return int(stats.binom.ppf(RARELY, runs, share))


# ---- a subset of the cells ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def alarms() -> Calibration:
    """200 series of heavy noise without a change, 100 calls an hour, one window of 24 h."""

    def ask_subset(series: SeriesArms):
        yield from ask_false_alarms(
            series, days=(1, 7), metrics=("timeouts", "latency"), windows=(24,)
        )
        yield from ask_usual_tests(series, days=(1,), windows=(24,))

    return run_groups([Group("heavy", 100, (ask_subset,))], runs=200, seed=SEED)


@pytest.mark.parametrize("metric", ["timeouts", "latency"])
@pytest.mark.parametrize("days", [1, 7])
def test_false_alarms_of_one_look_stay_near_five_per_cent(alarms, metric, days):
    cell = alarms.one("false alarm", metric=metric, days=days, hours=24)
    assert cell.runs == 200
    assert cell.times <= at_most(200, 0.07)


def test_tests_of_independent_calls_raise_false_alarms_on_the_same_calls(alarms):
    assert alarms.one("Welch", metric="latency", days=1, hours=24).times >= at_least(200, 0.6)
    assert alarms.one("z test", metric="timeouts", days=1, hours=24).times >= at_least(200, 0.5)


@pytest.mark.parametrize("metric", ["timeouts", "latency"])
def test_intervals_contain_the_true_change(alarms, metric):
    for cell in alarms.find("covered, no change", metric=metric):
        assert cell.times >= at_least(200, 0.93)


def test_a_fix_is_found_and_its_size_is_in_the_interval():
    result = run_groups(
        [Group("heavy", 100, (lambda series: ask_changes(series, days=(1,)),))], runs=60, seed=SEED
    )
    assert result.one("met", metric="timeouts", hours=24).times >= at_least(60, 0.95)
    assert result.one("covered, fix", metric="timeouts", hours=24).times >= at_least(60, 0.93)
    assert result.one("by half, exactly half", metric="timeouts", hours=24).times <= at_most(
        60, 0.05
    )


def test_24_looks_raise_few_false_alarms_with_bounds_and_many_without():
    result = run_groups(
        [Group("heavy", 100, (lambda series: ask_hourly_looks(series, cells=(("timeouts", 7),)),))],
        runs=40,
        seed=SEED,
    )
    assert result.one("any of 24 looks").times <= at_most(40, 0.05)
    assert result.one("any of 24 looks, bounds ignored").times > result.one("any of 24 looks").times
    assert result.one("any of 24 looks, usual test").times >= at_least(40, 0.6)


def test_sustained_is_rarely_claimed_after_a_relapse():
    result = run_groups(
        [Group("heavy", 100, (lambda series: ask_sustained(series, days=(7,)),))],
        runs=40,
        seed=SEED,
    )
    for cell in (
        *result.find("sustained after a relapse"),
        *result.find("sustained without effect"),
    ):
        assert cell.times <= at_most(40, 0.034 if "relapse" in cell.study else 0.003)


# ---- the product's own judge ----------------------------------------------------------
@pytest.mark.parametrize("calls_per_hour", [10, 100])
def test_asking_about_one_claim_agrees_with_the_whole_judge(calls_per_hour):
    alarms = 0
    for number in range(6):
        series = sample(number, calls_per_hour=calls_per_hour)
        for days, change in ((1, Change()), (7, Change()), (7, FIX)):
            for claim in CLAIMS.values():
                for plan in (plan_of((4,)), plan_of((24,)), plan_of(HOURLY, 11)):
                    comparator = series.comparator(days, change)
                    short, (whole,) = ask(claim, comparator, plan), judge(claim, comparator, plan)
                    assert short.is_alarm == (whole.state in ("met", "worse"))
                    assert (short.state == "no_data") == (whole.state == "no_data")
                    assert short.interval == (
                        pytest.approx(whole.interval) if whole.interval else short.interval
                    )
                    alarms += short.is_alarm
    assert alarms > 10


def test_the_tables_equal_those_of_the_queries():
    rows = sample(1, calls_per_hour=10).comparator(7).arms.baseline.hourly.rows
    summed = HourlyCounts.of(rows).rows
    pd.testing.assert_frame_equal(
        summed, rows.sort_values(list(HourlyCounts.KEYS), ignore_index=True), check_exact=True
    )
    assert (rows["calls"] > 0).all()


# ---- the simulator --------------------------------------------------------------------------
def test_a_change_acts_after_the_deploy_only_and_until_its_hour():
    series = sample(3, calls_per_hour=2000, days=1)
    plain, fixed = (
        series.sums(0, 24),
        series.sums(0, 24, Change(timeout_rate=0.25, latency_factor=0.5, until_hour=6)),
    )
    np.testing.assert_array_equal(plain.timeouts[6:], fixed.timeouts[6:])
    np.testing.assert_array_equal(plain.latency_ms[6:], fixed.latency_ms[6:])
    assert fixed.timeouts[:6].sum() < 0.7 * plain.timeouts[:6].sum()
    assert fixed.latency_ms[:6].sum() == pytest.approx(0.5 * plain.latency_ms[:6].sum(), rel=0.001)
    np.testing.assert_array_equal(plain.calls, fixed.calls)


def test_hour_sums_are_sums_over_the_calls():
    series = draw_series(5, calls_per_hour=3, noise="mild", days=1)
    sums, latency_ms = series.sums(-24, 0), series.latency_ms[series.calls_of(-24, 0)]
    assert sums.calls.sum() == latency_ms.size
    assert (sums.latency_ms.sum(), sums.latency_ms_2.sum()) == (
        latency_ms.sum(),
        (latency_ms.astype(int) ** 2).sum(),
    )
    assert series.slower(-24, 0, 2000).sum() == (latency_ms > 2000).sum()
    assert series.limit_ms(1) == pytest.approx(np.percentile(latency_ms, 95), rel=0.1)


@pytest.mark.parametrize(("calls_per_hour", "runs"), [(10, 150), (100, 100)])
def test_the_usual_tests_raise_false_alarms_equally_often_on_both_simulators(calls_per_hour, runs):
    """Independent shares differ by more than 4.5 standard errors with probability below 1e-5."""
    ours = np.array([of_series(number, calls_per_hour) for number in range(runs)])
    rows = np.array([of_rows(number, calls_per_hour) for number in range(runs)])
    pooled = (ours.mean(axis=0) + rows.mean(axis=0)) / 2
    assert (
        np.abs(ours.mean(axis=0) - rows.mean(axis=0))
        <= 4.5 * np.sqrt(2 * pooled * (1 - pooled) / runs)
    ).all()


def of_series(number: int, calls_per_hour: int) -> tuple[bool, bool, bool]:
    found = dict(
        ask_usual_tests(
            sample(number, calls_per_hour=calls_per_hour, days=1), days=(1,), windows=(24,)
        )
    )
    return tuple(
        found[study, metric, 1, 24]
        for study, metric in (("Welch", "latency"), ("z test", "timeouts"), ("z test", "errors"))
    )


def of_rows(number: int, calls_per_hour: int) -> tuple[bool, bool, bool]:
    plain, capped = (
        simulate_series(
            calls_per_hour=calls_per_hour,
            seed=10_000 + number,
            days_before=1,
            noise="heavy",
            **rates,
        )
        for rates in ({"http_5xx_rate": 0.01}, {"timeout_rate_before": 0.5})
    )
    deploy = pd.Timestamp(DEPLOYED_AT).tz_localize(None)

    def arms(rows: pd.DataFrame, value: pd.Series) -> list[np.ndarray]:
        is_post = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms") >= deploy
        return [value[~is_post].to_numpy(dtype=float), value[is_post].to_numpy(dtype=float)]

    latency = arms(plain, plain["latencyMs"])
    timeouts = arms(capped, capped["status"] == "error")
    errors = arms(plain, plain["status"] == "error")
    p_values = [
        stats.ttest_ind(*latency, equal_var=False).pvalue,
        *(
            z_test_p(before.sum(), before.size, after.sum(), after.size)
            for before, after in (timeouts, errors)
        ),
    ]
    return tuple(p < 0.05 for p in p_values)


# ---- the usual tests, by hand and against scipy ---------------------------------------------
@pytest.fixture(scope="module")
def two_samples() -> tuple[np.ndarray, np.ndarray]:
    series = sample(4, calls_per_hour=8, days=1).series
    return series.latency_ms[series.calls_of(-24, 0)], series.latency_ms[series.calls_of(0, 24)]


def test_mann_whitney_and_welch_equal_scipy(two_samples):
    before, after = (sample.astype(float) // 100 for sample in two_samples)
    expected = stats.mannwhitneyu(after, before, method="asymptotic").pvalue
    assert mann_whitney_p(before.astype(int), after.astype(int)) == pytest.approx(
        expected, rel=1e-12
    )
    sums = [(sample.size, sample.sum(), (sample**2).sum()) for sample in (before, after)]
    assert welch_p(*sums) == pytest.approx(
        stats.ttest_ind(before, after, equal_var=False).pvalue, rel=1e-9
    )


def test_the_z_test_equals_a_chi_square_without_correction():
    table = [[30, 70], [55, 45]]
    assert z_test_p(30, 100, 55, 100) == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, rel=1e-12
    )


def test_nothing_to_compare_is_no_alarm():
    assert (
        z_test_p(0, 10, 0, 10),
        z_test_p(0, 0, 1, 5),
        welch_p((1, 5.0, 25.0), (9, 9.0, 9.0)),
    ) == (1.0, 1.0, 1.0)
    assert mann_whitney_p(np.array([], dtype=int), np.array([1])) == 1.0
    assert not canary_alarm(np.ones(10), 9 * np.ones(10))


def test_the_canary_judge_needs_a_shift_beyond_its_dead_band():
    """The interval is beyond a quarter of the estimate, computed here from all pairs of values."""
    rng = np.random.default_rng(1)
    before = rng.lognormal(size=200)
    alarms = []
    for shift in np.linspace(0, 0.9, 10):
        after = rng.lognormal(size=180) + shift
        estimate = np.median(after[:, None] - before)
        expected = all(
            stats.mannwhitneyu(after - moved, before, method="asymptotic").pvalue < 0.02
            for moved in (0.0, 0.25 * estimate)
        )
        alarms.append(canary_alarm(before, after))
        assert alarms[-1] == expected
    assert True in alarms
    assert False in alarms


def test_minute_means_are_means_of_the_minutes_calls():
    series = draw_series(6, calls_per_hour=60, noise="iid", days=1)
    means, counts = minute_means(series, 0, 1), series.counts_of(0, 1).sum(axis=(0, 1))
    assert means.size == (counts > 0).sum()
    assert means @ counts[counts > 0] == pytest.approx(
        series.latency_ms[series.calls_of(0, 1)].sum()
    )


# ---- cells, tables, files -------------------------------------------------------------------
def cell(
    study: str, times: int, *, metric: str = "latency", days: int = 1, volume: int = 100
) -> Cell:
    return Cell(study, metric, "heavy", volume, 0.5, days, 24, 1000, times)


def test_the_error_of_a_mean_comes_from_the_runs_not_from_the_cells():
    assert cell("false alarm", 100).error == pytest.approx(np.sqrt(0.1 * 0.9 / 1000))

    class Same(Group):
        def run(self, number: int, *, seed: int) -> dict:
            return {
                ("false alarm", metric, 1, 24): float(number < 5)
                for metric in ("latency", "timeouts")
            }

    result = run_groups([Same("heavy", 100, ())], runs=100, seed=0)
    assert [found.times for found in result.cells] == [5, 5]
    # both cells use one series, so their mean has the error of one cell
    assert result.means["false alarm"].error == pytest.approx(
        np.std([1] * 5 + [0] * 95, ddof=1) / 10
    )


def test_a_cell_without_data_does_not_count_in_the_mean():
    class Half(Group):
        def run(self, number: int, *, seed: int) -> dict:
            return {
                ("false alarm", "latency", 1, 24): 1.0,
                ("false alarm", "errors", 1, 1): 0.0,
                ("no data", "errors", 1, 1): 1.0,
            }

    result = run_groups([Half("heavy", 100, ())], runs=4, seed=0)
    assert (result.means["false alarm"].share, result.means["false alarm"].n_cells) == (1.0, 1)


def test_a_cell_beyond_its_target_is_printed_in_bold_and_the_target_is_not_met():
    result = Calibration(
        (cell("false alarm", 200), cell("Welch", 690), cell("no data", 0)),
        {"false alarm": Mean(0.2, 0.01, 1)},
    )
    assert [target.is_met for target in check_targets(result)] == [False, False]
    tables = write_tables(result, runs=1000, seed=1)
    assert "**.200**" in tables
    assert ".690" in tables
    assert "1,000 runs a cell" in tables


def test_a_single_study_prints_its_tables_and_writes_nothing(tmp_path, capsys):
    calibration.main(["--runs", "2", "--cells", "sustained", "--docs", str(tmp_path)])
    assert "Sustained for 6 hours" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_complete_calibration_writes_the_cells_the_figure_and_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "COMPLETE_RUNS", 2)
    monkeypatch.setattr(
        calibration, "groups_of", lambda studies: [Group("heavy", 10, (only_alarms,))]
    )
    (tmp_path / "statistics.md").write_text(
        "above\n<!-- calibration: begin -->\nold\n<!-- calibration: end -->\nbelow\n"
    )
    calibration.main(["--runs", "2", "--docs", str(tmp_path)])
    page = (tmp_path / "statistics.md").read_text()
    assert page.startswith("above")
    assert page.endswith("below\n")
    assert "\nold\n" not in page
    assert "False alarms of one look" in page
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "statistics.md",
        "calibration.csv",
        "false-alarms.svg",
    }
    assert "rollout" in (tmp_path / "figures" / "false-alarms.svg").read_text()


def only_alarms(series: SeriesArms):
    yield from ask_false_alarms(series, days=(1,), metrics=("timeouts", "latency"))


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--cells", "alarms,nothing"]])
def test_a_wrong_option_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        calibration.main(arguments)
    assert "error" in capsys.readouterr().err


def test_every_study_has_groups_and_no_series_is_drawn_twice():
    per_study: dict[str, Callable] = {study: groups_of((study,)) for study in STUDIES}
    assert all(per_study.values())
    places = [
        (group.noise, group.calls_per_hour, group.timeout_rate, group.is_rare)
        for group in groups_of()
    ]
    assert len(places) == len(set(places))
    assert {group.runs_of(1000) for group in groups_of(("alarms", "looks", "sustained"))} == {1000}
    assert {group.runs_of(1000) for group in groups_of(("power",))} == {400}
