"""How the numbers were made, in words and facts; every term is explained where it first stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.figure_data.expectations import with_parts
from analysis.formatting import count, level, share
from analysis.statistics.rates.exact import rate_bounds
from analysis.statistics.sequential import alpha_spent, bounds
from analysis.text.prose import when_text, window_text
from analysis.text.verdict import NOT_RANDOMISED, false_alarm_text
from analysis.window import format_duration

if TYPE_CHECKING:
    from analysis.judge import Look

TABLE_NOTE = (
    "Points are percentage points. Below each change stands its interval: it holds the true change as often as its level says. p: how "
    "often chance alone would bring a result this far beyond what the claim must rule out; adjusted: for all expectations "
    "(Holm) and all looks."
)
METHODS: Mapping[str, str] = {
    "placebo windows": "How much a window moves by itself was measured on all windows of its length inside the baseline (placebo windows).",
    "windows of one day": "How much a stretch moves by itself was measured on the stretches of the one baseline day (windows of one day).",
    "cosine variance": "How much hours move together was measured by slow waves through them (cosine variance), for the baseline is short.",
    "baseline too short": "The baseline is too short to show how much hours move, so nothing can be decided.",
    "exact": "Where events are few the counts themselves are compared (Fisher's exact test), widened by how bursty the baseline is.",
}


def method_lines(result: Mapping[str, Any]) -> list[str]:
    """How a claim is decided, in order."""
    used = sorted(
        {
            found["method"]
            for found in with_parts([*result["expectations"], *result["guardrails"]])
            if found.get("method")
        }
    )
    lines = [
        "Calls are not independent: a slow quarter of an hour at the provider touches every call in it. So hours, not calls, are "
        "compared: each hour after the deploy with the same clock hours of the baseline.",
        "Both sides are given the same mix of sources and large tenants before they are compared; the crude change is in result.json.",
    ]
    lines += [METHODS[name] for name in used if name in METHODS]
    if result["look"]["planned"]:
        lines.append(
            f"This is look {result['look']['number']} of {result['look']['planned']}. Looking often would find something by chance, so an "
            "early look needs more: the error that is allowed in all is spent slowly, by the square of the time passed (Lan-DeMets)."
        )
    return [*lines, NOT_RANDOMISED]


def method_facts(look: Look) -> list[tuple[str, str]]:
    """The numbers behind the method."""
    result, monitoring, plan = look.result, look.settings.monitoring, look.plan
    found = list(with_parts([*result["expectations"], *result["guardrails"]]))
    degrees = sorted({f"{item['df']:g}" for item in found if item.get("df")}, key=float)
    covered = min(
        (item["coverage"] for item in found if item.get("coverage") is not None), default=None
    )
    compared = "–" if covered is None else "all" if covered >= 1 else f"at least {share(covered)}"
    planned = (
        zip(monitoring.windows, plan.times, bounds(plan.times, plan.alpha), strict=False)
        if plan.is_planned
        else ()
    )
    spent = alpha_spent(plan.times[plan.look], plan.alpha)
    looks = [
        f"{label} {bound:.2f} ({share(alpha_spent(time, plan.alpha))})"
        for label, time, bound in planned
    ]
    return [
        ("window", window_text(result)),
        ("deploy", when_text(result["deployed_at"])),
        ("baseline", _baseline_text(result["baseline"])),
        ("calls after the deploy", count(result["post"]["calls"])),
        ("hours are matched by", look.arms.cycle.name),
        (
            "error allowed over all looks (alpha)",
            f"{share(plan.alpha)}, of which {share(spent)} is spent by now",
        ),
        (
            "bound that a change must cross, in standard errors (its own uncertainty) of a normal distribution",
            f"{plan.bound:.3f}",
        ),
        ("bound of every planned look (error spent by then)", ", ".join(looks) or "–"),
        (
            "level of the intervals",
            level(found[0]["level"]) if found and found[0].get("level") else "–",
        ),
        (
            "degrees of freedom of the spread (how many independent windows measured it)",
            ", ".join(degrees) or "–",
        ),
        ("share of the calls after the deploy that are compared", compared),
        (
            "settle: how long after its end a window is read",
            format_duration(monitoring.ingestion_delay),
        ),
        (
            "version, engine",
            f"rollout {result['provenance']['version']}, {result['provenance']['engine']}",
        ),
        ("queries", "the files in sql/; 'rollout sql hourly_counts' prints one to run by hand"),
        ("fingerprint of the queries (SHA-256)", result["provenance"]["sql_sha256"]),
    ]


def _baseline_text(baseline: Mapping[str, Any]) -> str:
    stretch = f"{when_text(baseline['start'])} to {when_text(baseline['end'])}"
    return f"{stretch}, {count(baseline['calls'])} calls, {count(baseline['excluded_hours'])} hours left out"


def false_alarm_lines(calibration: Mapping[str, Any]) -> list[str]:
    """The false-alarm rate on pretended deploys, and how to read it."""
    pretended, alarms = (
        calibration.get("pretended_deploys") or 0,
        calibration.get("false_alarms") or 0,
    )
    lines = [f"{false_alarm_text(calibration)}."]
    if pretended:
        low, high = rate_bounds(alarms, pretended)
        lines.append(
            f"That is a rate of {share(alarms / pretended)} (interval {share(low)} to {share(high)}, 95 %). A pretended deploy is a "
            "stretch of the baseline, judged as if a deploy had been at its start, by the same expectations; an alarm is any of them met "
            "although nothing had changed. Neighbours overlap, so rate and interval are rough."
        )
    return lines
