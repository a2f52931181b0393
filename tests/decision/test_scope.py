"""Sums of a claim by stratum and hour, from coded arrays, against a slow and obvious loop over the rows of the tables."""

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest

from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.decision.claims import Arms
from analysis.decision.coded import code_arms
from analysis.decision.scope import Cycle, Scope
from analysis.metrics import metric_named
from analysis.telemetry.load import Arm
from analysis.window import Window

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
FEATURES = ("draft.verify", "draft.write", "odd [x]?")
SOURCES = ("background-job/a", "background-job/b", "api", None)
TENANTS = ("t1", "t2", "t3", "small", None)


def table(rng: np.random.Generator, hours: range, count: int) -> HourlyCounts:
    rows = {
        "feature": rng.choice(FEATURES, count), "source": rng.choice(np.array(SOURCES, dtype=object), count),
        "tenant": rng.choice(np.array(TENANTS, dtype=object), count, p=[0.4, 0.3, 0.2, 0.02, 0.08]),
        "hour": rng.choice(hours, count), "lag_hours": rng.choice([0, 0, 0, 1, 2], count), "outcome": rng.choice([0, 1, 3, 100], count),
    }  # fmt: skip
    sums = {name: rng.integers(1, 50, count) for name in HourlyCounts.SUMS}
    return HourlyCounts.of(pd.DataFrame(rows | sums))


def events(hourly: HourlyCounts) -> EventCounts:
    rows = hourly.rows.assign(kind="recovered", y=1, n=2)
    cron = hourly.rows.drop_duplicates(["hour", "lag_hours"]).assign(kind="cron_over:5:*:*", feature=pd.NA, source=pd.NA, tenant=pd.NA, y=1, n=3)
    return EventCounts.of(pd.concat([rows, cron], ignore_index=True))


def arm(hourly: HourlyCounts, hours: tuple[int, int], excluded=()) -> Arm:
    window = Window(DEPLOY + timedelta(hours=hours[0]), DEPLOY + timedelta(hours=hours[1]))
    kept = hourly.where(~hourly.rows["hour"].isin(excluded))
    return Arm(window, hours, LatencyCounts.empty(), kept, HourlyBins.empty(), events(kept), pd.DataFrame(), {}, frozenset(excluded))


@pytest.fixture(scope="module")
def arms() -> Arms:
    rng = np.random.default_rng(7)
    return Arms(arm(table(rng, range(-72, 0), 900), (-72, 0), excluded=(-30, -29)), arm(table(rng, range(24), 300), (0, 24)), Cycle.of(72))


def slowly(arms: Arms, scope: Scope, metric_name: str, hours: tuple[int, int]) -> dict[str, np.ndarray]:
    """The sums of both arms: strata sorted by source, tenant, feature (missing first), then repeats and hours."""
    metric, (first, last) = metric_named(metric_name), hours

    def belongs(row):
        if scope.kind is not None and row["kind"] != scope.kind:
            return False
        if scope.kind is not None and scope.kind.startswith("cron"):
            return True
        for pattern, value in ((scope.feature, row["feature"]), (scope.source, row["source"])):
            if pattern is not None and (value is None or not (fnmatchcase(value, pattern) if "*" in pattern else value == pattern)):
                return False
        return True

    def rows_of(one):
        frame = (one.events if metric.table == "events" else one.hourly).rows
        return [row for row in frame.astype(object).where(frame.notna(), None).to_dict("records") if belongs(row)]

    length = last - first
    before = [row for row in rows_of(arms.baseline) if -72 <= row["hour"] < 0]
    if length < 24:
        before = [row for row in before if (row["hour"] - first) % 24 % length + row["lag_hours"] < length]
    after = [row for row in rows_of(arms.post) if row["hour"] >= first and row["hour"] + row["lag_hours"] < last]
    weight = "n" if metric.table == "events" else "calls"
    large = set()
    for rows in (before, after):
        total = sum(row[weight] for row in rows)
        large |= {name for name in TENANTS if name and sum(row[weight] for row in rows if row["tenant"] == name) >= 0.1 * total > 0}

    def stratum(row):
        tenant = row["tenant"] if row["tenant"] in large else None
        parts = [row["source"], tenant] + ([row["feature"]] if scope.feature is None or "*" in scope.feature else [])
        return tuple((part is not None, part or "") for part in parts)

    of_hours = metric.table == "hours"
    strata = [()] if of_hours else sorted({stratum(row) for row in before + after})
    found = {}
    for name, rows, start, count in (("baseline", before, -72, 72), ("post", after, first, length)):
        y, n = np.zeros((len(strata), count)), np.zeros((len(strata), count))
        for row in rows:
            at = (0 if of_hours else strata.index(stratum(row)), row["hour"] - start)
            names = row | {"succeeded": int(row.get("outcome") == 0), "failed": int(row.get("outcome") != 0)}
            y[at] += eval(metric.y, {}, names)
            n[at] += 0 if of_hours else eval(metric.n, {}, names)
        shape = (len(strata), 3, 24) if name == "baseline" else (len(strata), 1, count)
        found |= {f"{name}_y": y.reshape(shape), f"{name}_n": (np.ones(shape) if of_hours else n.reshape(shape))}
    return found


# ---- against the slow double -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("hours", [(0, 1), (0, 4), (0, 24), (3, 9), (5, 24)])
@pytest.mark.parametrize(("scope", "metric"), [
    (Scope("draft.verify"), "timeout_rate"), (Scope("draft.*"), "latency_mean"), (Scope(None, "background-job/*"), "rmst"),
    (Scope("draft.verify", "api"), "slower_than_p95"), (Scope(), "error_rate"), (Scope("odd [x]?"), "time_per_success"),
    (Scope("odd [x]*"), "error_rate"), (Scope("draft.write"), "calls_per_hour"), (Scope("draft.verify", None, "recovered"), "recovered_rate"),
    (Scope(None, "background-job/*", "recovered"), "recovered_rate"), (Scope(None, None, "cron_over:5:*:*"), "cron_over_budget_rate"),
])  # fmt: skip
def test_sums_by_stratum_and_hour(arms, scope, metric, hours):
    baseline, post = arms.totals(scope, metric_named(metric), hours)
    expected = slowly(arms, _as_words(scope), metric, hours)
    for name, totals in (("baseline", baseline), ("post", post)):
        np.testing.assert_array_equal(totals.y, expected[f"{name}_y"])
        np.testing.assert_array_equal(totals.n, expected[f"{name}_n"])
    usable = np.ones(72, dtype=bool)
    usable[[42, 43]] = False
    np.testing.assert_array_equal(baseline.usable, usable.reshape(3, 24))
    assert post.usable.all()


def _as_words(scope: Scope) -> Scope:
    """For fnmatch: a bracket in a pattern means itself."""
    return Scope(scope.feature.replace("[", "[[]") if scope.feature and "*" in scope.feature else scope.feature, scope.source, scope.kind)


# ---- laws ------------------------------------------------------------------------------------------------------------
def test_the_order_of_the_rows_does_not_matter(arms):
    rng = np.random.default_rng(3)
    shuffled = [HourlyCounts(one.hourly.rows.sample(frac=1, random_state=rng)) for one in (arms.baseline, arms.post)]
    other = Arms(arm(shuffled[0], (-72, 0), excluded=(-30, -29)), arm(shuffled[1], (0, 24)), arms.cycle)
    for scope in (Scope("draft.*"), Scope(None, "api")):
        for one, two in zip(arms.totals(scope, metric_named("rmst"), (0, 24)), other.totals(scope, metric_named("rmst"), (0, 24)), strict=True):
            np.testing.assert_array_equal(one.y, two.y)


def test_codes_are_the_same_in_both_arms(arms):
    coded = code_arms(arms.baseline.hourly.rows, arms.post.hourly.rows)
    assert coded.names["source"] == ("api", "background-job/a", "background-job/b")
    for rows, frame in ((coded.baseline, arms.baseline.hourly.rows), (coded.post, arms.post.hourly.rows)):
        names = np.array([None, *coded.names["source"]], dtype=object)[rows.texts["source"]]
        assert [name for name in names] == [None if pd.isna(name) else name for name in frame["source"]]  # noqa: C416


# ---- edges -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("metric", ["timeout_rate", "latency_mean", "calls_per_hour"])
def test_a_scope_without_calls_and_arms_without_any(arms, metric):
    nothing = Arms(arm(HourlyCounts.empty(), (-72, 0)), arm(HourlyCounts.empty(), (0, 24)), arms.cycle)
    for asked, scope in ((arms, Scope("nowhere")), (nothing, Scope()), (nothing, Scope("x", "y"))):
        baseline, post = asked.totals(scope, metric_named(metric), (0, 4))
        assert baseline.y.sum() == post.y.sum() == 0
        assert baseline.y.shape[1:] == (3, 24)
        assert post.y.shape[1:] == (1, 4)
