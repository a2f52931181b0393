"""What the values of both arms would vary if every call were independent."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.statistics.baseline.placebo_variance import DayValues, matched_days
from analysis.statistics.standardisation import StandardisedArms


@dataclass(frozen=True, eq=False)
class IndependentVariances:
    """Variances of single calls, as if all were independent.

    Attributes
    ----------
    post, baseline : float
        Of the post value, and of the value of all matched baseline hours; inf for a single call.
    days : DayValues
        The baseline day by day.
    """

    post: float
    baseline: float
    days: DayValues

    @classmethod
    def of_ratio(cls, arms: StandardisedArms) -> IndependentVariances:
        """Of a ratio of totals, from the sums of its squares."""
        return cls(
            arms.post_total.independent_variance,
            arms.baseline_total.independent_variance,
            matched_days(arms),
        )
