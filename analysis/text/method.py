"""How the numbers were made; every term is explained where it first appears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.formatting import NONE, count, level, share, when
from analysis.results.model import BaselineRecord, LookResult, ReplayRecord
from analysis.statistics.rates.exact import rate_bounds
from analysis.statistics.sequential import alpha_spent, bounds
from analysis.text.headline import NOT_RANDOMISED, false_alarm_text
from analysis.text.records import window_text
from analysis.window import format_duration

if TYPE_CHECKING:
    from analysis.decision.look import LookFindings
    from analysis.decision.plan import Plan

TABLE_NOTE = (
    "Points are percentage points. Below each change is its confidence interval. p is the chance "
    "of a result this far beyond what the claim must rule out when nothing happened; adjusted: "
    "for all expectations (Holm) and all looks. A minimum detectable change is detected in 4 of 5 "
    "cases (80 % power)."
)
METHODS: Mapping[str, str] = {
    "placebo windows": (
        "The variance of a window was measured on all windows of its length inside the baseline "
        "(placebo windows)."
    ),
    "windows of one day": (
        "The variance of a window was measured on the windows of the one baseline day."
    ),
    "cosine variance": (
        "The baseline is short, so the variance of a window was estimated from slow waves through "
        "its hours (cosine variance)."
    ),
    "baseline too short": (
        "The baseline is too short to estimate the variance of a window, so nothing can be decided."
    ),
    "exact": (
        "Where events are rare their counts are compared (Fisher's exact test), with the "
        "overdispersion of the baseline: how much more its hours vary than independent calls."
    ),
}


def method_lines(result: LookResult) -> list[str]:
    """How a claim is decided, step by step."""
    used = sorted({found.method for found in result.single_claims if found.method})
    lines = [
        "Calls are not independent: a slow quarter of an hour at the provider affects every call "
        "in it. So hours are compared, not calls: each hour after the deploy with the same clock "
        "hours of the baseline.",
        "Both sides get the same mix of sources and large tenants before they are compared. "
        "The crude change is in result.json.",
        *(METHODS[name] for name in used if name in METHODS),
    ]
    if result.look.planned:
        lines.append(
            f"This is look {result.look.number} of {result.look.planned}. Repeated looks raise "
            "more false alarms, so early looks need stronger evidence: the allowed error is spent "
            "with the square of the time passed (Lan-DeMets)."
        )
    return [*lines, NOT_RANDOMISED]


def method_facts(look: LookFindings, result: LookResult) -> list[tuple[str, str]]:
    """The numbers behind the method."""
    plan, found = look.plan, result.single_claims
    degrees = sorted({f"{item.df:g}" for item in found if item.df}, key=float)
    covered = min((item.coverage for item in found if item.coverage is not None), default=None)
    compared = NONE if covered is None else "all" if covered >= 1 else f"at least {share(covered)}"
    spent = alpha_spent(plan.times[plan.look], plan.alpha)
    level_text = level(found[0].level) if found and found[0].level else NONE
    return [
        ("window", window_text(result)),
        ("deploy", when(result.deployed_at)),
        ("baseline", _baseline(result.baseline)),
        ("calls after the deploy", count(result.post.calls or 0)),
        ("hours are matched by", look.arms.cycle.name),
        (
            "error allowed over all looks (alpha)",
            f"{share(plan.alpha)}, of which {share(spent)} is spent by now",
        ),
        (
            "bound that a change must cross, in standard errors (its uncertainty)",
            f"{plan.bound:.3f}",
        ),
        (
            "bound of every planned look (error spent by then)",
            _planned_bounds(look.settings.monitoring.windows, plan) or NONE,
        ),
        ("confidence level of the intervals", level_text),
        (
            "degrees of freedom of the variance (independent windows behind it)",
            ", ".join(degrees) or NONE,
        ),
        ("share of the calls after the deploy that are compared", compared),
        (
            "ingestion delay: a window is read until this long after its end",
            format_duration(look.settings.monitoring.ingestion_delay),
        ),
        (
            "version, engine",
            f"rollout {result.provenance.version}, {result.provenance.engine}",
        ),
        ("queries", "the files in sql/; 'rollout sql hourly_counts' prints one to run yourself"),
        ("SHA-256 of the queries", result.provenance.sql_sha256),
    ]


def false_alarm_lines(replay: ReplayRecord) -> list[str]:
    """The rate of false alarms on placebo deploys, and how to read it."""
    lines, n = [f"{false_alarm_text(replay)}."], replay.pretended_deploys
    if n:
        low, high = rate_bounds(replay.false_alarms, n)
        lines.append(
            f"The rate is {share(replay.false_alarms / n)} (95 % confidence interval {share(low)} "
            f"to {share(high)}). A placebo deploy is a window of the baseline, judged by the same "
            "rules as if a deploy had happened at its start. A false alarm is an expectation "
            "that is met or worse, or a guardrail that is broken, although nothing had changed. "
            "Neighbouring windows overlap, so rate and interval are approximate."
        )
    return lines


def _planned_bounds(windows: tuple[str, ...], plan: Plan) -> str:
    if not plan.is_planned:
        return ""
    looks = zip(windows, plan.times, bounds(plan.times, plan.alpha), strict=True)
    return ", ".join(
        f"{label} {bound:.2f} ({share(alpha_spent(time, plan.alpha))})"
        for label, time, bound in looks
    )


def _baseline(baseline: BaselineRecord) -> str:
    return (
        f"{when(baseline.start)} to {when(baseline.end)}, {count(baseline.calls)} calls, "
        f"{count(baseline.excluded_hours)} hours excluded"
    )
