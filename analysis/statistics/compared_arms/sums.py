"""Plain sums of two arms: what was counted in each, before anything is compared."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from analysis.statistics.standardisation import PlainSums, StandardisedArms


@dataclass(frozen=True, eq=False, kw_only=True)
class ArmSums:
    """Sums and crude values of two arms.

    Attributes
    ----------
    arms : StandardisedArms
        Both arms with the same mix of strata; on the log scale with one value an hour.
    log_scale : bool
        y are sums of logarithms: a value is exp(y / n).
    """

    arms: StandardisedArms
    log_scale: bool = False

    @property
    def baseline_y(self) -> float:
        """Plain sum of y over the matched baseline hours; of a rate its events."""
        return self.arms.crude_baseline.y

    @property
    def baseline_n(self) -> float:
        """Plain sum of n over the matched baseline hours; of a rate its calls."""
        return self.arms.crude_baseline.n

    @property
    def post_y(self) -> float:
        """Plain sum of y over the post hours."""
        return self.arms.crude_post.y

    @property
    def post_n(self) -> float:
        """Plain sum of n over the post hours."""
        return self.arms.crude_post.n

    @property
    def common_baseline(self) -> PlainSums:
        """Plain sums of the strata that both arms have: how much is really compared."""
        return self.arms.common_baseline

    @property
    def common_post(self) -> PlainSums:
        """The same of the post arm."""
        return self.arms.common_post

    @property
    def coverage(self) -> float:
        """Share of the post arm's n in strata that both arms have."""
        return self.arms.coverage

    @property
    def crude_baseline_value(self) -> float | None:
        """baseline_y / baseline_n; None without n."""
        return self._value(self.baseline_y / self.baseline_n) if self.baseline_n > 0 else None

    @property
    def crude_post_value(self) -> float | None:
        """post_y / post_n; None without n."""
        return self._value(self.post_y / self.post_n) if self.post_n > 0 else None

    @property
    def crude_difference(self) -> float | None:
        """Post - baseline of those two; None where one is missing."""
        before, after = self.crude_baseline_value, self.crude_post_value
        return None if before is None or after is None else after - before

    def _value(self, ratio: float) -> float:
        """The metric in its unit."""
        return exp(ratio) if self.log_scale else ratio
