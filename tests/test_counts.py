"""Tables of counts: typed, sorted, summed, and merged with + as calls are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.metrics import SLOWER_THAN_PERCENTILES
from analysis.statistics.latency.distribution import latency_sample, quantiles

TABLES = (LatencyCounts, HourlyCounts, HourlyBins, EventCounts)


def latency(rows) -> LatencyCounts:
    return LatencyCounts.of(
        pd.DataFrame(rows, columns=["feature", "source", "outcome", "latency_ms", "calls"])
    )


# ---- by hand -----------------------------------------------------------------------------------
def test_equal_keys_are_summed_and_rows_sorted_with_missing_texts_first():
    table = latency(
        [
            ("b", "s", 0, 5, 1),
            ("a", None, 1, 7, 2),
            ("b", "s", 0, 5, 3),
            ("a", "z", 1, 7, 1),
            ("a", None, 1, 7, 1),
        ]
    )
    expected = pd.DataFrame(
        {
            "feature": ["a", "a", "b"],
            "source": [None, "z", "s"],
            "outcome": [1, 1, 0],
            "latency_ms": [7, 7, 5],
            "calls": [3, 1, 4],
        }
    )
    pd.testing.assert_frame_equal(
        table.rows,
        expected.assign(
            feature=pd.Categorical(expected["feature"]), source=pd.Categorical(expected["source"])
        ),
    )


def test_two_tables_are_merged():
    table = latency([("a", "s", 0, 5, 1)]) + latency([("a", "s", 0, 5, 2), ("a", "s", 0, 4, 1)])
    assert table.rows[["latency_ms", "calls"]].to_numpy().tolist() == [[4, 1], [5, 3]]


def test_where_keeps_rows():
    table = latency([("a", "s", 0, 5, 1), ("b", "s", 0, 5, 2)])
    assert table.where(table.rows["feature"] == "b").rows["calls"].tolist() == [2]
    assert table.rows["calls"].tolist() == [1, 2]  # the table itself stays


# ---- expansion ---------------------------------------------------------------------------------
def test_quantiles_from_counts_are_those_of_the_calls():
    rng = np.random.default_rng(1)
    calls = np.round(np.exp(rng.normal(7, 1.5, 5000))).astype(int)
    values, counts = np.unique(calls, return_counts=True)
    table = latency(
        [
            ("f", None, 0, int(value), int(count))
            for value, count in zip(values, counts, strict=True)
        ]
    )
    sample = latency_sample(table.rows["latency_ms"].to_numpy(), table.rows["calls"].to_numpy())
    probabilities = [0.0, 0.01, 0.5, 0.9, 0.95, 0.999, 1.0]
    np.testing.assert_allclose(
        quantiles(sample, probabilities), np.quantile(calls, probabilities), rtol=1e-12
    )


@pytest.mark.parametrize("latencies_ms", [(5, 7), (0, 2**62), (-(2**62), 2**62)])
def test_any_number_of_names_and_any_latency_has_its_place(latencies_ms):
    """With 128 names category codes need 16 bits; keys too large for 63 bits are ranked."""
    rows = [
        (f"f{name:04}", source, 8, ms, 1)
        for name in range(300)
        for source in (None, "a")
        for ms in latencies_ms
    ]
    for count in (1, 127, 128, 129, 300):
        some = rows[: 2 * len(latencies_ms) * count]
        found = latency(list(reversed(some)) + some).rows
        assert [
            tuple(row)
            for row in found.astype(object).where(found.notna(), None).itertuples(index=False)
        ] == [(*row[:4], 2) for row in some]


# ---- laws --------------------------------------------------------------------------------------
KEYS = st.tuples(
    st.sampled_from(["a", "b", "ü"]),
    st.sampled_from([None, "s", ""]),
    st.integers(0, 8),
    st.integers(0, 5),
    st.integers(1, 9),
)
ROWS = st.lists(KEYS, max_size=12)


@settings(max_examples=40, deadline=None)
@given(one=ROWS, other=ROWS, third=ROWS)
def test_merging_is_that_of_calls(one, other, third):
    first, second, last = latency(one), latency(other), latency(third)
    together = latency(one + other + third)
    for merged in ((first + second) + last, first + (second + last), last + second + first):
        pd.testing.assert_frame_equal(merged.rows, together.rows)
    pd.testing.assert_frame_equal((first + LatencyCounts.empty()).rows, first.rows)
    assert together.rows["calls"].sum() == sum(row[-1] for row in one + other + third)


def test_numbers_stay_whole_however_large():
    large = 2**62 + 1
    table = latency([("a", None, 0, 2**31 - 1, large)]) + latency([("a", None, 0, 2**31 - 1, 1)])
    assert table.rows["calls"].tolist() == [large + 1]


# ---- edges -------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", TABLES)
def test_the_empty_table_is_typed(table):
    empty = table.empty()
    assert list(empty.rows.columns) == [*table.KEYS, *table.SUMS]
    assert not len(empty.rows)
    assert not len((empty + empty).rows)
    assert all(empty.rows[column].dtype == "int64" for column in table.SUMS)


def test_what_an_engine_may_return_is_typed():
    """Decimals and objects from a driver, columns in any order, and more of them."""
    rows = pd.DataFrame(
        {
            "calls": [3],
            "extra": ["x"],
            "latency_ms": np.array([5], dtype=object),
            "outcome": [0.0],
            "source": [None],
            "feature": ["f"],
        }
    )
    typed = LatencyCounts.of(rows).rows
    assert typed.dtypes.astype(str).to_dict() == {
        "feature": "category",
        "source": "category",
        "outcome": "int64",
        "latency_ms": "int64",
        "calls": "int64",
    }


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="LatencyCounts needs the column 'calls'; it has feature"):
        LatencyCounts.of(
            pd.DataFrame({"feature": [], "source": [], "outcome": [], "latency_ms": []})
        )


def test_every_percentile_has_its_column():
    assert [f"slower_p{percentile}" for percentile in SLOWER_THAN_PERCENTILES] == [
        name for name in HourlyCounts.SUMS if name.startswith("slower_")
    ]


@settings(max_examples=40, deadline=None)
@given(pieces=st.lists(ROWS, min_size=1, max_size=4))
def test_a_table_of_pieces_is_that_of_all_rows(pieces):
    """Each piece brings names of its own; the list is taken over."""
    frames = [latency(piece).rows for piece in pieces]
    found = LatencyCounts.of_pieces(frames)
    pd.testing.assert_frame_equal(
        found.rows, latency([row for piece in pieces for row in piece]).rows
    )
    assert frames == []
