"""A finding and a result made by hand, in the shape of result.json: small numbers that a reader can check."""

from __future__ import annotations

from typing import Any

THIN = "\N{NARROW NO-BREAK SPACE}"


def finding(**changes: Any) -> dict[str, Any]:
    """A claim that timeouts fall by half: 80 of 100 calls before, 10 of 50 after."""
    return {
        "name": "timeouts drop",
        "feature": "draft.verify",
        "source": None,
        "metric": "timeout_rate",
        "claim": "falls",
        "by": 0.5,
        "margin": None,
        "limit": None,
        "critical": False,
        "finding": "met",
        "unit": "share",
        "baseline": {"calls": 100, "events": 80, "value": 0.8},
        "post": {"calls": 50, "events": 10, "value": 0.2},
        "difference": -0.6,
        "ratio": 0.25,
        "interval": [-0.7, -0.5],
        "post_interval": [0.1, 0.3],
        "level": 0.9987,
        "p_value": 3e-9,
        "p_adjusted": 1.2e-8,
        "crude_difference": -0.6,
        "method": "placebo windows",
        "df": 6.0,
        "coverage": 1.0,
        "smallest_visible_change": 0.08,
        "hours_needed": None,
        "event_hour": None,
        "sentence": "timeout_rate of draft.verify fell.",
        "parts": [],
    } | changes


def no_data(**changes: Any) -> dict[str, Any]:
    """A claim with too few calls."""
    numbers = dict.fromkeys(
        (
            "difference",
            "ratio",
            "interval",
            "post_interval",
            "crude_difference",
            "smallest_visible_change",
        )
    )
    arms = {
        "baseline": {"calls": 12, "events": 3, "value": 0.25},
        "post": {"calls": 0, "events": 0, "value": None},
    }
    return (
        finding(
            finding="no_data",
            p_value=1.0,
            p_adjusted=1.0,
            method="no calls in one arm",
            df=None,
            **numbers,
            **arms,
        )
        | changes
    )


def guardrail(**changes: Any) -> dict[str, Any]:
    """A guardrail on the mean time of background jobs that holds."""
    return (
        finding(
            name="jobs stay affordable",
            feature=None,
            source="background-job/*",
            metric="latency_mean",
            claim="below",
            by=None,
            limit=30000.0,
            unit="ms",
            baseline={"calls": 200, "events": None, "value": 8000.0},
            post={"calls": 90, "events": None, "value": 11400.0},
            difference=3400.0,
            ratio=1.425,
            interval=[2400.0, 4400.0],
            p_adjusted=None,
            sentence="latency_mean rose.",
        )
        | changes
    )


def result(**changes: Any) -> dict[str, Any]:
    """A second look of three, everything met."""
    return {
        "schema": 1,
        "rollout": "phase-94",
        "title": "AI timeouts",
        "verdict": "improved",
        "reason": "All expectations are met.",
        "deployed_at": "2026-02-02T23:10:16Z",
        "look": {
            "window": "4h",
            "start": "2026-02-02T23:10:16Z",
            "end": "2026-02-03T03:10:16Z",
            "bound": 3.21,
            "number": 2,
            "planned": 3,
        },
        "baseline": {
            "start": "2026-01-26T23:10:16Z",
            "end": "2026-02-02T23:10:16Z",
            "days": 7,
            "calls": 12345,
            "excluded_hours": 2,
        },
        "post": {"calls": 2345},
        "expectations": [finding()],
        "guardrails": [guardrail()],
        "exploratory": [],
        "cliffs": [],
        "advice": [],
        "checks": [{"name": "post window has calls", "state": "ok", "detail": "2345 calls"}],
        "calibration": {"pretended_deploys": 42, "false_alarms": 2},
        "provenance": {"version": "0.1.0", "sql_sha256": "0" * 64, "engine": "duckdb"},
    } | changes


def plain(text):
    """A text with plain spaces."""
    return text.replace(THIN, " ")
