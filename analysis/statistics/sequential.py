"""Looking at the data several times: bounds of a group-sequential plan by alpha spending."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, ndtri

SMALLEST_ALPHA = 1e-12
LARGEST_ALPHA = 0.99


def alpha_spent(time: float, alpha: float) -> float:
    """Alpha spent by information time 0..1: alpha * t^2.

    Kim & DeMets 1987, Biometrika 74, 149-154, rho = 2.
    """
    return alpha * min(1.0, time) ** 2


@lru_cache(maxsize=4096)
def bounds(times: tuple[float, ...], alpha: float = 0.05) -> tuple[float, ...]:
    """Two-sided bound on |z| at each look; by chance any of them is crossed with probability alpha.

    Parameters
    ----------
    times : tuple of float
        Hours since the deploy divided by hours planned, for every planned look up to the last;
        rising, in (0, 1].
    alpha : float
        Overall two-sided error, in (0, 1), spent by `alpha_spent`.

    Raises
    ------
    ValueError
        When times do not rise inside (0, 1], or alpha is not inside (0, 1).

    Notes
    -----
    Compare with z = isf(p / 2). Not for looks that were not planned: a bound holds only if all
    earlier ones were spent.

    Examples
    --------
    >>> [round(z, 2) for z in bounds((1 / 24, 4 / 24, 12 / 24, 1.0))]
    [3.92, 3.21, 2.53, 2.02]
    """
    _check_plan(times, alpha)
    return bounds_for_spending(times, tuple(alpha_spent(time, alpha) for time in times))


def bounds_for_spending(times: tuple[float, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    """Two-sided bound on |z| at each look, for the alpha spent in all up to each of them.

    Exact recursive integration of the density of the test statistic that has not crossed yet
    (Armitage, McPherson, Rowe 1969, JRSS A 132, 235-244; Lan & DeMets 1983, Biometrika 70,
    659-663), by Gauss-Legendre quadrature.
    """
    found: list[float] = []
    # weighted density of the sum B(t) that has not crossed yet
    points, density = np.zeros(1), np.ones(1)
    for (before, time), (paid, spent_now) in zip(
        pairwise((0.0, *times)), pairwise((0.0, *spent)), strict=True
    ):
        sigma = np.sqrt(time - before)
        edge = _edge(points, density, sigma, max(spent_now - paid, 1e-300))
        found.append(float(edge / np.sqrt(time)))
        points, density = _carry(points, density, sigma, edge)
    return tuple(found)


def z_value(p_value: float) -> float:
    """Size of the standard normal value with this two-sided p: isf(p / 2); inf for p = 0."""
    return float(-ndtri(p_value / 2)) if p_value > 0 else np.inf


def level_of(bound: float) -> float:
    """Level of the two-sided interval that goes with a bound: 3.92 gives .99991."""
    return float(1 - 2 * ndtr(-bound))


def alpha_needed(times: tuple[float, ...], look: int, z: float) -> float:
    """Smallest overall alpha, 1e-12 to 1, at which |z| would cross the bound of this look.

    Interpolated in a table of bounds that is made once per plan; relative error below 1e-3. For a
    plan of one look it is the p value itself.

    Parameters
    ----------
    times : tuple of float
        The plan, as in `bounds`.
    look : int
        Number of the look; 0 is the first.
    z : float
        Size of the test statistic.
    """
    if len(times) == 1 and times[0] == 1:
        return float(min(1.0, 2 * ndtr(-z)))
    rising, beyond_one_look = _alpha_table(tuple(times))[look]
    if z < rising[0]:
        return 1.0
    if z >= rising[-1]:
        return SMALLEST_ALPHA
    return float(np.exp(log_ndtr(-z) + np.interp(z, rising, beyond_one_look)))


@lru_cache(maxsize=64)
def _alpha_table(times: tuple[float, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per look: rising bounds, and log alpha minus that of one look alone, which hardly bends."""
    alphas = np.concatenate(
        (np.geomspace(SMALLEST_ALPHA, 0.2, 60), np.linspace(0.25, LARGEST_ALPHA, 16))
    )
    table = np.array([bounds(times, float(alpha)) for alpha in alphas])
    return [(column[::-1], np.log(alphas[::-1]) - log_ndtr(-column[::-1])) for column in table.T]


def _edge(points: np.ndarray, density: np.ndarray, sigma: float, step: float) -> float:
    """Edge x with P(|B(t)| > x, not crossed before) = step."""

    def excess(x: float) -> float:
        # P(|B| > x | s) = Phi((s - x) / sigma) + Phi((-s - x) / sigma)
        return float(density @ (ndtr((points - x) / sigma) + ndtr((-points - x) / sigma))) - step

    if excess(0.0) <= 0:
        return 0.0
    reach = float(np.abs(points).max() + 40 * sigma)
    return float(brentq(excess, 0.0, reach, xtol=1e-12, rtol=1e-12))


def _carry(
    points: np.ndarray, density: np.ndarray, sigma: float, edge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted density inside the bounds, at nodes close enough for one as narrow as sigma."""
    nodes, weights = _legendre(int(np.clip(8 * np.ceil(0.6 * edge / sigma), 48, 1024)))
    nodes, weights = edge * nodes, edge * weights
    kernel = np.exp(-0.5 * ((nodes[:, None] - points) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return nodes, weights * (kernel @ density)


@lru_cache(maxsize=128)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


def _check_plan(times: tuple[float, ...], alpha: float) -> None:
    if not times or times[-1] > 1 + 1e-12 or any(b <= a for a, b in pairwise((0.0, *times))):
        rule = "looks must rise inside (0, 1], as hours since the deploy / hours planned"
        raise ValueError(f"times {times}: {rule}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha}: it must lie between 0 and 1")
