"""The object of result.json: every number of a look, ready for JSON. Its shape is schema 1, in result.schema.json beside this file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analysis import __version__
from analysis.clock import iso
from analysis.counting.baseline_tables import (
    coverage,
    errors_by_source,
    latency_distribution,
    published_window,
    unknown_errors,
)
from analysis.counting.caps import find_cliffs
from analysis.counting.grid import Grid
from analysis.counting.incidents import propose_exclusions
from analysis.counting.scope import Cycle
from analysis.decision.checks import Check
from analysis.decision.findings import Finding
from analysis.decision.placebo import replay_control_groups
from analysis.decision.power_forecast import PowerForecast, forecast_looks
from analysis.statistics.latency.cliff import Cliff
from analysis.statistics.placebo_deploys import Replay
from analysis.telemetry.sql_files import sql_sha256
from analysis.text.controls import controls_object
from analysis.text.findings import finding_sentence
from analysis.window import HOUR

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.counting.arm import Arm
    from analysis.decision.look import Look
    from analysis.telemetry.engines import Engine

SCHEMA = 1


def look_object(look: Look, *, deployed_at: datetime, engine_name: str) -> dict[str, Any]:
    """Everything a look found, in the shape of result.json."""
    plan, settings = look.plan, look.settings
    return _plain(
        {
            "schema": SCHEMA,
            "rollout": settings.rollout.name,
            "title": settings.rollout.title,
            "verdict": look.verdict.name,
            "reason": look.verdict.reason,
            "deployed_at": iso(deployed_at),
            "look": {
                "window": look.label,
                "start": iso(look.window.start),
                "end": iso(look.window.end),
                "bound": plan.bound,
                "number": plan.look + 1 if plan.is_planned else None,
                "planned": len(plan.times) if plan.is_planned else None,
            },
            "baseline": {
                "start": iso(look.baseline.window.start),
                "end": iso(look.baseline.window.end),
                "days": _days(look.baseline),
                "calls": look.baseline.calls,
                "excluded_hours": len(look.baseline.excluded_hours),
            },
            "post": {"calls": look.post.calls},
            "expectations": [_finding_object(found) for found in look.expectations],
            "guardrails": [_finding_object(found) for found in look.guardrails],
            "exploratory": [_finding_object(found) for found in look.exploratory],
            "cliffs": cliff_objects(look.cliffs),
            "advice": [],
            "checks": [check_object(check) for check in look.checks],
            "calibration": _replayed(look.replay) | {"controls": _replayed(_replay_controls(look))},
            "provenance": provenance(engine_name),
        }
    )


def baseline_object(
    settings: Settings, baseline: Arm, engine: Engine, deployed_at: datetime
) -> dict[str, Any]:
    """Everything the baseline report shows, in the shape of baseline/result.json."""
    grid = Grid.of(settings, deployed_at)
    published, classes = (
        published_window(deployed_at),
        tuple(item.name for item in settings.error_classes),
    )
    looks = [
        (label, length // HOUR)
        for label, length in zip(
            settings.monitoring.windows, settings.monitoring.lengths, strict=True
        )
    ]
    return _plain(
        {
            "schema": SCHEMA,
            "rollout": settings.rollout.name,
            "title": settings.rollout.title,
            "deployed_at": iso(deployed_at),
            "provisional": settings.rollout.deployed_at is None,
            "baseline": {
                "start": iso(baseline.window.start),
                "end": iso(baseline.window.end),
                "days": _days(baseline),
                "calls": baseline.calls,
                "excluded_hours": len(baseline.excluded_hours),
            },
            "published": {"start": iso(published.start), "end": iso(published.end)},
            "latency_distribution": latency_distribution(engine, grid, published),
            "errors_by_source": errors_by_source(engine, grid, published, user_classes=classes),
            "coverage": coverage(engine, grid, baseline.window),
            "unknown_errors": unknown_errors(engine, grid, baseline.window),
            "cliffs": cliff_objects({"baseline": find_cliffs(baseline.latency)}),
            "foresight": [
                _forecast_object(forecast)
                for forecast in forecast_looks(
                    settings.claims,
                    baseline,
                    looks=looks,
                    alpha=settings.monitoring.alpha,
                    smallest_useful=settings.monitoring.smallest_useful,
                    user_classes=classes,
                )
            ],
            "proposed_exclusions": [
                iso(deployed_at + hour * HOUR) for hour in propose_exclusions(baseline)
            ],
            "provenance": provenance(settings.source.engine),
        }
    )


def _forecast_object(forecast: PowerForecast) -> dict[str, Any]:
    claim = forecast.claim
    return {
        "name": claim.name,
        "feature": claim.feature,
        "source": claim.source,
        "metric": claim.metric,
        "claim": claim.claim,
        "by": claim.by,
        "window": forecast.window,
        "baseline": forecast.baseline_value,
        "smallest_visible_change": forecast.minimum_detectable_effect,
        "calls_needed": forecast.calls_needed,
    }


def provenance(engine_name: str) -> dict[str, str]:
    """What made the numbers."""
    return {"version": __version__, "sql_sha256": sql_sha256(), "engine": engine_name}


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding in the shape of result.json."""
    return _plain(_finding_object(finding))


def _finding_object(finding: Finding) -> dict[str, Any]:
    claim, evaluation = finding.claim, finding.evaluation
    shared = {
        "name": claim.name,
        "feature": claim.feature,
        "source": claim.source,
        "metric": claim.metric,
        "claim": claim.claim,
        "by": claim.by,
        "margin": claim.margin,
        "limit": claim.limit,
        "critical": bool(claim.critical),
        "finding": finding.state,
    }
    numbers = _numbers(finding) if evaluation is not None else _no_numbers(finding)
    return (
        shared
        | numbers
        | {
            "sentence": finding_sentence(finding),
            "parts": [_finding_object(part) for part in finding.parts],
        }
    )


def _replayed(replay: Replay) -> dict[str, int]:
    return {"pretended_deploys": replay.placebo_deploys, "false_alarms": replay.false_alarms}


def _replay_controls(look: Look) -> Replay:
    """The slowness indexes behind the claims, judged where nothing was deployed."""
    parts = [
        part
        for found in (*look.expectations, *look.guardrails)
        for part in (found.parts or (found,))
    ]
    return replay_control_groups(
        look.comparator,
        [part.evaluation.scope for part in parts],
        hours=look.plan.hours,
        alpha=look.plan.alpha,
    )


def _numbers(finding: Finding) -> dict[str, Any]:
    evaluation, comparison = finding.evaluation, finding.evaluation.comparison
    calls, events = finding.calls, evaluation.events
    return {
        "unit": evaluation.metric.unit,
        "baseline": {
            "calls": calls[0],
            "events": events[0],
            "value": comparison.crude_baseline_value,
        },
        "post": {"calls": calls[1], "events": events[1], "value": comparison.crude_post_value},
        "among": {
            "what": evaluation.metric.among,
            "baseline": round(evaluation.decisive.baseline_n),
            "post": round(evaluation.decisive.post_n),
        },
        "difference": comparison.difference,
        "ratio": comparison.ratio,
        "interval": None if finding.interval is None else list(finding.interval),
        "post_interval": None
        if evaluation.decisive.difference is None
        else _finite(evaluation.decisive.post_interval(finding.level)),
        "level": finding.level,
        "p_value": finding.p_value,
        "p_adjusted": finding.p_adjusted,
        "crude_difference": comparison.crude_difference,
        "method": comparison.method,
        "df": comparison.df if comparison.difference is not None else None,
        "coverage": comparison.coverage,
        "smallest_visible_change": finding.minimum_detectable_effect,
        "hours_needed": finding.time_to_decision.hours,
        "longer_baseline_needed": finding.time_to_decision.longer_baseline,
        "event_hour": finding.event_hour,
        "began_hour": finding.began_hour,
        "caveat": finding.caveat.words if finding.caveat else None,
        **controls_object(evaluation, finding.selection, finding.level),
    }


def _days(baseline: Arm) -> int:
    """Days of the baseline that hours are matched with: those that are there, of two weeks or more whole weeks."""
    return max(1, min(Cycle.of(*baseline.hours).span * HOUR, baseline.window.length) // (24 * HOUR))


def _finite(interval: tuple[float, float]) -> list[float] | None:
    return list(interval) if all(map(math.isfinite, interval)) else None


def _no_numbers(finding: Finding) -> dict[str, Any]:
    """`any_of` has no numbers of its own; its parts have."""
    first = finding.calls
    nothing = dict.fromkeys(
        (
            "unit",
            "among",
            "difference",
            "ratio",
            "interval",
            "post_interval",
            "crude_difference",
            "method",
            "df",
            "coverage",
            "smallest_visible_change",
            "event_hour",
            "began_hour",
            "caveat",
            "plain",
            "adjusted",
            "proportional",
            "controls",
            "decided_by",
        )
    )
    return nothing | {
        "baseline": {"calls": first[0], "events": None, "value": None},
        "post": {"calls": first[1], "events": None, "value": None},
        "level": finding.level,
        "p_value": finding.p_value,
        "p_adjusted": finding.p_adjusted,
        "hours_needed": finding.time_to_decision.hours,
        "longer_baseline_needed": finding.time_to_decision.longer_baseline,
    }


def check_object(check: Check) -> dict[str, str]:
    """A check in the shape of result.json."""
    return {"name": check.name, "state": check.state, "detail": check.detail}


def cliff_objects(cliffs: Mapping[str, Mapping[str, Cliff]]) -> list[dict[str, Any]]:
    """The cliffs of both arms; `cliffs` maps arm -> feature -> cliff."""
    return [
        {
            "feature": feature,
            "arm": arm,
            "at_ms": int(cliff.at_ms),
            "share_of_timeouts": float(cliff.share_of_errors),
        }
        for arm, found in cliffs.items()
        for feature, cliff in sorted(found.items())
    ]


def _plain(value: Any) -> Any:
    """Python numbers only, and null for what does not exist: JSON knows neither nan nor infinity, and half an interval is none."""
    if isinstance(value, Mapping):
        plain = {key: _plain(item) for key, item in value.items()}
        return plain | {
            key: None
            for key in plain
            if key == "interval" and plain[key] is not None and None in plain[key]
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, float) or type(value).__module__ == "numpy":
        number = float(value)
        if not math.isfinite(number):
            return None
        return (
            int(number)
            if not isinstance(value, float)
            and number.is_integer()
            and "int" in type(value).__name__
            else number
        )
    return value
