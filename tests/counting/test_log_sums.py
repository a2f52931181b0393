"""Logarithms of latencies are rounded per call, so that their sums are equal on every engine."""

import duckdb
import numpy as np

MILLIONTHS = 1_000_000
LATENCIES = np.arange(1, MILLIONTHS + 1)
PRECISE = np.log(LATENCIES.astype(np.longdouble)) * MILLIONTHS


def test_no_latency_up_to_a_million_lies_near_a_rounding_tie():
    """Engines differ by an ulp or two of ln, 4e-9 of a millionth at most."""
    distance = np.abs(PRECISE - np.floor(PRECISE) - 0.5)
    assert distance.min() > 1e-7


def test_the_square_of_a_whole_number_never_ends_in_a_tie():
    """m * m is exact in a double; its millionth is at least one from a tie, whatever the engine."""
    whole = np.rint(PRECISE).astype(np.int64)
    assert whole.max() ** 2 < 2**53
    assert not (whole * whole % MILLIONTHS == MILLIONTHS // 2).any()


def test_duckdb_rounds_as_exact_arithmetic_does():
    """The expressions of sql/hourly_counts.sql."""
    found = duckdb.sql(
        """
        SELECT
            CAST(ROUND(LN(ms) * 1000000) AS BIGINT) AS ln_ms,
            CAST(ROUND(
                ROUND(LN(ms) * 1000000) * ROUND(LN(ms) * 1000000) * 0.000001
            ) AS BIGINT) AS ln_ms_2
        FROM range(1, 1000001) AS latencies(ms)
        ORDER BY ms
        """
    ).fetchnumpy()
    whole = np.rint(PRECISE).astype(np.int64)
    assert (found["ln_ms"] == whole).all()
    assert (found["ln_ms_2"] == (whole * whole + MILLIONTHS // 2) // MILLIONTHS).all()
