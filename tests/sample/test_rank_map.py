"""A sample carried onto published figures keeps its order and has the figures."""

import numpy as np
import pytest

from analysis.sample.rank_map import LatencyPoints, rank_map


def test_rank_map_by_hand():
    mapped_ms = rank_map(
        np.array([30, 10, 20]),
        points=LatencyPoints(count=3, average_ms=210, p50_ms=200, max_ms=330),
    )
    assert mapped_ms.tolist() == [330, 100, 200]


@pytest.mark.parametrize(
    ("seed", "points"),
    [
        (
            7,
            LatencyPoints(
                count=340, average_ms=5210, p50_ms=4100, p90_ms=9050, p95_ms=12400, max_ms=31007
            ),
        ),
        (8, LatencyPoints(count=12, average_ms=803, p50_ms=800, max_ms=951)),
        (
            9,
            LatencyPoints(
                count=5001, average_ms=61.4, p50_ms=58, p90_ms=97, p95_ms=118, max_ms=903
            ),
        ),
        (
            10,
            LatencyPoints(count=77, average_ms=29_850, p50_ms=30_011, p90_ms=30_040, max_ms=33_000),
        ),
        (11, LatencyPoints(count=2, average_ms=150, max_ms=200)),
        (
            12,
            LatencyPoints(count=1, average_ms=150, p50_ms=150, p90_ms=150, p95_ms=150, max_ms=150),
        ),
    ],
)
def test_rank_map_reaches_other_tables_from_other_seeds(seed, points):
    """Hypothetical figures; count and maximum exactly, the rest within 1 %."""
    drawn_ms = np.random.default_rng(seed).lognormal(7, 0.5, size=points.count)
    mapped_ms = rank_map(drawn_ms, points=points)
    reached = dict(
        zip(("p50_ms", "p90_ms", "p95_ms"), np.quantile(mapped_ms, [0.5, 0.9, 0.95]), strict=True)
    )
    reached |= {"average_ms": mapped_ms.mean(), "max_ms": mapped_ms.max()}
    wanted = {name: value for name in reached if (value := getattr(points, name)) is not None}
    assert {name: reached[name] for name in wanted} == pytest.approx(wanted, rel=0.01)
    assert (mapped_ms.size, mapped_ms.max()) == (points.count, points.max_ms)
    assert (np.diff(mapped_ms[np.argsort(drawn_ms)]) >= 0).all()
    assert mapped_ms.min() >= 0


def test_rank_map_laws():
    drawn_ms = np.random.default_rng(3).lognormal(8, 0.4, size=500)
    kept = drawn_ms.copy()
    points = LatencyPoints(
        count=500, average_ms=3200, p50_ms=3000, p90_ms=5000, p95_ms=5700, max_ms=9000
    )
    mapped_ms = rank_map(drawn_ms, points=points)
    shuffled = np.random.default_rng(4).permutation(500)
    np.testing.assert_array_equal(drawn_ms, kept)
    np.testing.assert_array_equal(rank_map(drawn_ms[shuffled], points=points), mapped_ms[shuffled])
    np.testing.assert_array_equal(rank_map(drawn_ms * 3, points=points), mapped_ms)
    own = LatencyPoints(count=500, max_ms=int(drawn_ms.max()))
    np.testing.assert_allclose(
        rank_map(drawn_ms.astype(int), points=own), drawn_ms.astype(int), atol=1
    )


def test_rank_map_spreads_a_tied_sample():
    points = LatencyPoints(count=101, average_ms=120, p50_ms=100, p90_ms=200, max_ms=400)
    mapped_ms = rank_map(np.full(101, 50), points=points)
    assert np.quantile(mapped_ms, [0.5, 0.9]).tolist() == [100, 200]
    assert mapped_ms.mean() == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (LatencyPoints(count=4), "holds 3 latencies"),
        (
            LatencyPoints(count=3, average_ms=10, p50_ms=200, max_ms=300),
            "average_ms 10 cannot be had",
        ),
        (LatencyPoints(count=3, p50_ms=200, p90_ms=201, max_ms=300), "p50_ms 200 cannot be had"),
    ],
)
def test_rank_map_refuses_figures_that_contradict_each_other(points, words):
    with pytest.raises(ValueError, match=words):
        rank_map(np.array([1, 2, 3]), points=points)


@pytest.mark.parametrize(
    "figures",
    [
        {"count": 0},
        {"count": 2, "p50_ms": 9, "max_ms": 8},
        {"count": 2, "average_ms": 9, "max_ms": 8},
    ],
)
def test_points_refuse_what_no_sample_has(figures):
    with pytest.raises(ValueError):
        LatencyPoints(**figures)
