"""What counts are made from: when it is the same, frozen counts are used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analysis.clock import iso
from analysis.config import Settings
from analysis.config.settings import Claim
from analysis.counting.scope import event_kind
from analysis.telemetry.sql_files import sql_sha256

Inputs = Mapping[str, Any]
COUNTING_QUERIES = (
    "calls",
    "cron_minutes",
    "hourly_bins",
    "hourly_counts",
    "latency_counts",
    "recovered",
    "written",
    "distinct_ids",
)
_SETTINGS = {
    "sql": "the version of rollout",
    "source": "[source]",
    "deployed_at": "the deploy's time",
    "baseline": "[baseline]",
    "settle_s": "[monitoring].settle",
    "warm_up_s": "[rollout].warm_up",
    "classes": "[[error_class]]",
    "taus": "a tau_ms",
    "events": "what the claims count",
}
"""Input -> what a user changed when it differs. Frozen files hold the keys."""


def find_inputs(
    settings: Settings, deployed_at: datetime, *, source: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that decides the counts of an arm, but for its window and the rows.

    `source` is the origin of the rows (`telemetry.origin`).
    """
    return {
        "sql": sql_sha256(COUNTING_QUERIES),
        "source": source,
        "deployed_at": iso(deployed_at),
        "baseline": settings.baseline.model_dump(mode="json"),
        "settle_s": settings.monitoring.ingestion_delay.total_seconds(),
        "warm_up_s": settings.rollout.warm_up.total_seconds(),
        "classes": [item.model_dump(mode="json") for item in settings.error_classes],
        "taus": declared_taus(settings),
        "events": sorted(str(event_kind(claim)) for claim in single_claims(settings)),
        "bins_by_source": names_a_source(settings),
    }


def fingerprint(inputs: Inputs) -> str:
    """A short text for the inputs: over the same rows, equal texts mean equal counts."""
    content = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def only_files_added(before: Inputs, now: Inputs) -> bool:
    """Whether the inputs differ at most by new export files: none is gone or was written again."""
    old, new = ({tuple(file) for file in one["source"].get("files", [])} for one in (before, now))
    rest = [{**one, "source": {**one["source"], "files": []}} for one in (before, now)]
    return old <= new and fingerprint(rest[0]) == fingerprint(rest[1])


def changed_settings(before: Inputs, now: Inputs) -> list[str]:
    """The settings that differ, as a user knows them."""
    now = json.loads(json.dumps(now, default=str))  # as a frozen file holds them
    return [name for key, name in _SETTINGS.items() if before.get(key) != now.get(key)]


def single_claims(settings: Settings) -> list[Claim]:
    """All claims, with the parts of an any_of in its place."""
    return [part for claim in settings.claims for part in claim.parts]


def names_a_source(settings: Settings) -> bool:
    """Whether a claim is about some sources alone.

    Otherwise the latency bins hold all sources together, in a quarter of the rows.
    """
    return any(claim.source is not None for claim in single_claims(settings))


def declared_taus(settings: Settings) -> dict[str, int]:
    """Feature -> the tau that a claim declares for it."""
    return {
        claim.feature: claim.tau_ms
        for claim in single_claims(settings)
        if claim.tau_ms and claim.feature
    }
