"""A sample mapped onto published figures keeps its order and has the figures."""

import numpy as np
import pytest

from analysis.sample.rank_map import LatencyPoints, rank_map


def test_rank_map_by_hand():
    table = LatencyPoints(count=3, average_ms=210, p50_ms=200, max_ms=330)
    mapped_ms = rank_map(np.array([30, 10, 20]), points=table)
    assert mapped_ms.tolist() == [330, 100, 200]


def points(count, average_ms=None, p50_ms=None, p90_ms=None, p95_ms=None, max_ms=None):
    return LatencyPoints(
        count=count,
        average_ms=average_ms,
        p50_ms=p50_ms,
        p90_ms=p90_ms,
        p95_ms=p95_ms,
        max_ms=max_ms,
    )


@pytest.mark.parametrize(
    ("seed", "table"),
    [
        (7, points(340, 5210, 4100, 9050, 12400, 31007)),
        (8, points(12, 803, 800, max_ms=951)),
        (9, points(5001, 61.4, 58, 97, 118, 903)),
        (10, points(77, 29_850, 30_011, 30_040, max_ms=33_000)),
        (11, points(2, 150, max_ms=200)),
        (12, points(1, 150, 150, 150, 150, 150)),
    ],
)
def test_rank_map_reaches_other_tables_from_other_seeds(seed, table):
    """Invented figures: count and maximum exactly, the rest within 1 %."""
    drawn_ms = np.random.default_rng(seed).lognormal(7, 0.5, size=table.count)
    mapped_ms = rank_map(drawn_ms, points=table)
    reached = dict(
        zip(("p50_ms", "p90_ms", "p95_ms"), np.quantile(mapped_ms, [0.5, 0.9, 0.95]), strict=True)
    )
    reached |= {"average_ms": mapped_ms.mean(), "max_ms": mapped_ms.max()}
    wanted = {name: value for name in reached if (value := getattr(table, name)) is not None}
    assert {name: reached[name] for name in wanted} == pytest.approx(wanted, rel=0.01)
    assert (mapped_ms.size, mapped_ms.max()) == (table.count, table.max_ms)
    assert (np.diff(mapped_ms[np.argsort(drawn_ms)]) >= 0).all()
    assert mapped_ms.min() >= 0


def test_rank_map_laws():
    drawn_ms = np.random.default_rng(3).lognormal(8, 0.4, size=500)
    kept = drawn_ms.copy()
    table = points(500, 3200, 3000, 5000, 5700, 9000)
    mapped_ms = rank_map(drawn_ms, points=table)
    shuffled = np.random.default_rng(4).permutation(500)
    np.testing.assert_array_equal(drawn_ms, kept)
    np.testing.assert_array_equal(rank_map(drawn_ms[shuffled], points=table), mapped_ms[shuffled])
    np.testing.assert_array_equal(rank_map(drawn_ms * 3, points=table), mapped_ms)
    whole_ms = drawn_ms.astype(int)
    own = points(500, max_ms=int(whole_ms.max()))
    np.testing.assert_allclose(rank_map(whole_ms, points=own), whole_ms, atol=1)


def test_rank_map_spreads_a_tied_sample():
    table = points(101, 120, 100, 200, max_ms=400)
    mapped_ms = rank_map(np.full(101, 50), points=table)
    assert np.quantile(mapped_ms, [0.5, 0.9]).tolist() == [100, 200]
    assert mapped_ms.mean() == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (points(4), "holds 3 latencies"),
        (points(3, 10, 200, max_ms=300), "average_ms 10 is impossible"),
        (points(3, None, 200, 201, max_ms=300), "p50_ms 200 is impossible"),
    ],
)
def test_rank_map_refuses_figures_that_contradict_each_other(table, words):
    with pytest.raises(ValueError, match=words):
        rank_map(np.array([1, 2, 3]), points=table)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"count": 0}, "holds no call"),
        ({"count": 2, "p50_ms": 9, "max_ms": 8}, "must not fall"),
        ({"count": 2, "average_ms": 9, "max_ms": 8}, "lies above max_ms"),
    ],
)
def test_figures_that_no_sample_has_are_refused(figures, words):
    with pytest.raises(ValueError, match=words):
        LatencyPoints(**figures)
