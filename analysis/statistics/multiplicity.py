"""Several claims at one look: Holm for what was declared, Benjamini-Hochberg for what was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.sequential import alpha_needed, bounds, z_value


@dataclass(frozen=True)
class HolmResult:
    """What Holm's procedure says of one p value of a family, at one look.

    Attributes
    ----------
    crossed : bool
        Its bound is crossed, and those of all smaller p values of the family.
    bound : float
        The bound on |z| it had to cross: that of alpha / (m - k + 1) for the k-th smallest of m.
    p_adjusted : float
        Smallest alpha of the whole family at which it would have crossed.
    """

    crossed: bool
    bound: float
    p_adjusted: float


def holm(
    p_values: Sequence[float],
    *,
    times: tuple[float, ...] = (1.0,),
    look: int | None = None,
    alpha: float = 0.05,
) -> list[HolmResult]:
    """Holm's step-down over the declared claims at one look of a plan, in the order given.

    The k-th smallest of m must cross the bound computed for alpha / (m - k + 1), and all smaller
    ones theirs (Holm 1979, Scand. J. Statist. 6, 65-70; with group-sequential bounds: Ye, Li, Liu,
    Yao 2013, Stat. Med. 32, 1112-1124).

    Parameters
    ----------
    p_values : sequence of float
        Two-sided, one per claim; a claim without data counts with p = 1.
    times : tuple of float
        The plan, as in `sequential.bounds`.
    look : int, optional
        Number of this look, 0 is the first; the last if left out.
    alpha : float
        Error of the whole family over all looks.

    Raises
    ------
    ValueError
        When a p value is not in 0..1.

    Notes
    -----
    Not for guardrails: all of them must hold, which needs no correction.

    Examples
    --------
    >>> [round(found.p_adjusted, 3) for found in holm([0.005, 0.06, 0.007, 0.04, 0.01, 0.03])]
    [0.03, 0.09, 0.035, 0.09, 0.04, 0.09]
    """
    p, times = _checked(p_values), tuple(times)
    look = len(times) - 1 if look is None else look
    results: dict[int, HolmResult] = {}
    crossed, adjusted = True, 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        family = p.size - rank
        bound, z = bounds(times, alpha / family)[look], z_value(p[index])
        crossed = crossed and z >= bound
        adjusted = max(adjusted, min(1.0, family * alpha_needed(times, look, z)))
        results[int(index)] = HolmResult(bool(crossed), bound, _agree(adjusted, crossed, alpha))
    return [results[index] for index in range(p.size)]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values that control the false discovery rate, in the order given.

    Benjamini & Hochberg 1995, JRSS B 57, 289-300. For the exploratory scan over all features only,
    never for what was declared. Equals `scipy.stats.false_discovery_control`, whose import takes
    0.8 s.

    Examples
    --------
    >>> [round(p, 3) for p in benjamini_hochberg([0.005, 0.06, 0.007, 0.04, 0.01, 0.03])]
    [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]
    """
    p = _checked(p_values)
    order = np.argsort(p)[::-1]
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1.0)]


def _agree(adjusted: float, crossed: bool, alpha: float) -> float:
    """The adjusted p on the same side of alpha as the decision, whatever interpolation left."""
    if crossed:
        return float(min(adjusted, alpha))
    return float(max(adjusted, np.nextafter(alpha, 1.0)))


def _checked(p_values: Sequence[float]) -> np.ndarray:
    p = np.asarray(p_values, dtype=float)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"p_values {list(p_values)}: each must lie in 0..1; give 1 to a claim without data"
        )
    return p
