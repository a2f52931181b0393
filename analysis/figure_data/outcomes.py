"""What calls end as."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.counting.scope import Scope
from analysis.decision.look import LookFindings
from analysis.figure_data.latency import LEVEL, overdispersion_of
from analysis.outcomes import outcome_codes
from analysis.statistics.rates.exact import rate_bounds

MOST_CLASSES = 5


@dataclass(frozen=True)
class ShareInterval:
    """A share of calls with its 95 % interval, as wide as the hours vary."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OutcomeMix:
    """Share of calls by outcome class: successes first, then the largest class."""

    classes: tuple[str, ...]
    baseline: tuple[ShareInterval, ...]
    post: tuple[ShareInterval, ...]
    n_baseline: int
    n_post: int


def prepare_outcome_mix(look: LookFindings, scope: Scope) -> OutcomeMix:
    """Share of calls by outcome class in both arms; small classes are one."""
    rows = [scope.select(arm.hourly.rows) for arm in (look.baseline, look.post)]
    before, after = (table.groupby("outcome")["calls"].sum() for table in rows)
    calls = pd.DataFrame({"baseline": before, "post": after}).fillna(0).astype(int)
    calls = calls[calls.sum(axis=1) > 0]
    n = calls.sum()
    weight = (calls / n.clip(lower=1)).sum(axis=1)
    order = sorted(calls.index, key=lambda code: (code != 0, -weight[code], code))
    names = {code: name for name, code in outcome_codes(look.arms.user_classes).items()}
    groups = {names.get(code, "other"): [code] for code in order[: MOST_CLASSES + 1]}
    if rest := order[MOST_CLASSES + 1 :]:
        groups["all others"] = rest
    overdispersion = overdispersion_of(look, scope, "error_rate")
    baseline, post = (
        tuple(
            _share_interval(int(calls.loc[codes, arm].sum()), int(n[arm]), overdispersion)
            for codes in groups.values()
        )
        for arm in ("baseline", "post")
    )
    return OutcomeMix(tuple(groups), baseline, post, int(n["baseline"]), int(n["post"]))


def _share_interval(calls: int, n: int, overdispersion: float) -> ShareInterval:
    low, high = rate_bounds(calls, n, phi=overdispersion, level=LEVEL) if n else (0.0, 1.0)
    return ShareInterval(calls / max(n, 1), low, high)
