"""Harm among several guardrails: one broken of many is enough to act, so they share their alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.statistics.multiplicity import holm

ONE_SIDED = 0.05


@dataclass(frozen=True)
class HarmResult:
    """What one member of a family shows.

    Attributes
    ----------
    at_bound : bool
        Its p crosses this look's bound, Holm with spending over the family.
    at_two_looks : bool
        One-sided 5 % Holm at this look and at the look before.
    bound : float
        The bound on |z| it had to cross at this look.
    p_adjusted : float
        Smallest two-sided alpha of the whole family at which it would have crossed the bound.
    """

    at_bound: bool
    at_two_looks: bool
    bound: float
    p_adjusted: float

    @property
    def is_shown(self) -> bool:
        """Whether harm is shown, by either rule."""
        return self.at_bound or self.at_two_looks


def find_harm(
    p_values: Sequence[float],
    *,
    times: tuple[float, ...] = (1.0,),
    look: int | None = None,
    before: Sequence[float] | None = None,
    alpha: float = 0.05,
) -> list[HarmResult]:
    """Which members of a family of guardrails (or of a search for regressions) were harmed.

    Harm is shown at one look at its bound, or at one-sided 5 % Holm at two looks running. Without a
    family, ten independent critical guardrails would roll back .44 of quiet deploys.

    Parameters
    ----------
    p_values : sequence of float
        One-sided p of harm at this look, one per member; 1 for a member without data.
    times : tuple of float
        The plan, as in `sequential.bounds`.
    look : int, optional
        Number of this look, 0 is the first; the last if left out.
    before : sequence of float, optional
        The same members' p at the look before, computed again from its counts; None at the first.
    alpha : float
        Two-sided error of the family over all looks.

    Raises
    ------
    ValueError
        When a p is not in 0..1, or the two looks have different members.

    Notes
    -----
    Not for claims that must all hold: those need no correction.

    Examples
    --------
    The first is beyond the bound, the second at 5 % twice running, the third only today.

    >>> found = find_harm([1e-6, 0.02, 0.02], before=[0.5, 0.01, 0.6], times=(0.5, 1.0), look=0)
    >>> [one.is_shown for one in found]
    [True, True, False]
    """
    if before is not None and len(before) != len(p_values):
        raise ValueError(
            f"before holds {len(before)} p values, this look {len(p_values)}: give the same members"
        )
    two_sided = [min(1.0, 2.0 * p) for p in p_values]
    at_bound = holm(two_sided, times=times, look=look, alpha=alpha)
    now = [one.crossed for one in holm(p_values, alpha=ONE_SIDED)]
    earlier = (
        [one.crossed for one in holm(before, alpha=ONE_SIDED)] if before else [False] * len(now)
    )
    return [
        HarmResult(found.crossed, is_now and was, found.bound, found.p_adjusted)
        for found, is_now, was in zip(at_bound, now, earlier, strict=True)
    ]
