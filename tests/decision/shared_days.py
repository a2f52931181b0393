"""Arms of a feature f and of untouched ones beside it, which share the days on which their provider is slow."""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.counting.scope import Cycle
from analysis.counts import HourlyBins
from analysis.decision.claims import Arms
from analysis.decision.controls.selection import ControlGroup
from analysis.metrics import metric_named
from tests.decision import making
from tests.decision.making import arm, calls

DAYS, HOURS = 7, 24
SHARED = ("a", "b", "c")
MEAN, P95, TIMEOUTS = (
    metric_named(name) for name in ("latency_mean", "slower_than_p95", "timeout_rate")
)


def wave(seed: int, strength: float = 0.15) -> np.ndarray:
    """Slow and fast hours, baseline and post."""
    return np.exp(strength * np.random.default_rng(seed).standard_normal(DAYS * 24 + HOURS))


def two_arms(features: dict[str, dict], *, models: dict[str, str] | None = None) -> Arms:
    """Arms of features given by ms (one an hour, baseline then post), per_hour, and failures of each class (baseline, post)."""
    before, after, cut = [], [], DAYS * 24
    for name, shape in features.items():
        ms, per_hour = (
            np.asarray(shape["ms"], dtype=float).round().astype(int),
            shape.get("per_hour", 40),
        )
        failed = shape.get("failed", {})
        common = {"feature": name, "per_hour": per_hour}
        before.append(
            calls(
                -cut, 0, latency_ms=ms[:cut], **common, **{kind: n[0] for kind, n in failed.items()}
            )
        )
        after.append(
            calls(
                0,
                HOURS,
                latency_ms=ms[cut:],
                **common,
                **{kind: n[1] for kind, n in failed.items()},
            )
        )
    limits = pd.concat([making.LIMITS.assign(feature=name) for name in features], ignore_index=True)
    names = dict.fromkeys(features, "gpt-5-mini") if models is None else models
    sides = [
        with_bins(replace(arm(*span, *rows), limits=limits, models=names))
        for span, rows in (((-cut, 0), before), ((0, HOURS), after))
    ]
    return Arms(
        *sides,
        Cycle.of(-cut),
        controls=ControlGroup(tuple(sorted(set(features) & set(SHARED))), names),
    )


def with_bins(one):
    rows = one.hourly.rows
    latency = rows["latency_ms"] // rows["calls"].clip(lower=1)
    width = 10 ** np.maximum(0, np.floor(np.log10(latency.clip(lower=1))).astype(int) - 1)
    return replace(one, bins=HourlyBins.of(rows.assign(bin_ms=latency - latency % width)))


def shared_day(
    provider: float = 1.0,
    effect: float = 1.0,
    *,
    strength: float = 0.15,
    own: float = 0.02,
    **target,
) -> Arms:
    """A target f and three untouched features that slow down together; after the deploy all by `provider`, f also by `effect`."""
    common, post = wave(1, strength), np.arange(DAYS * 24 + HOURS) >= DAYS * 24
    features = {
        name: {
            "ms": 1000
            * (2 + number)
            * common
            * np.where(post, provider, 1.0)
            * wave(10 + number, own)
        }
        for number, name in enumerate(SHARED)
    }
    features["f"] = {
        "ms": 2000 * common * np.where(post, provider * effect, 1.0) * wave(20, own)
    } | target
    return two_arms(features)


def with_errors(target: tuple[int, int], others: tuple[int, int], *, noise: int = 3) -> Arms:
    """40 calls an hour, so many 5xx errors every fourth hour, in the target and in all others."""
    hours = np.arange(DAYS * 24 + HOURS)

    def failed(means, seed):
        drawn = (
            np.random.default_rng(seed).poisson(np.where(hours < DAYS * 24, *means)).clip(max=30)
        )
        return {"http_5xx": (drawn[: DAYS * 24], drawn[DAYS * 24 :])}

    features = {
        name: {"ms": np.full(hours.size, 1000), "failed": failed(others, number)}
        for number, name in enumerate(SHARED)
    }
    features["f"] = {"ms": np.full(hours.size, 1000), "failed": failed(target, 9)}
    return two_arms(features)
