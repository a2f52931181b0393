"""Rows of calls whose truth is known, the claims about them, and rollouts that judge them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import analysis
from analysis.clock import CLOCK_VARIABLE, iso
from analysis.decision.look import Look
from analysis.judge import Rollout
from analysis.results.serializer import result_schema
from analysis.sample.series import simulate_series
from analysis.window import HOUR
from tests.decision.making import DEPLOYED_AT

DEPLOY = pd.Timestamp(DEPLOYED_AT).tz_localize(None)
SCHEMA = Draft202012Validator(result_schema())


def rollouts_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rollout]:
    """Rows and the claims of rollout.toml -> an open rollout, on a clock that stands two days after the deploy.

    Every result is checked against the schema that ships with it.
    """
    (tmp_path / "clock").write_text(iso(DEPLOYED_AT + timedelta(days=2)))
    monkeypatch.setenv(CLOCK_VARIABLE, str(tmp_path / "clock"))
    judged = Rollout._judge

    def judged_and_checked(*args: object) -> Look:
        look = judged(*args)
        SCHEMA.validate(look.result)
        return look

    monkeypatch.setattr(Rollout, "_judge", judged_and_checked)

    def open_rollout(rows: pd.DataFrame, claims: str, *, settings: str = "") -> analysis.Rollout:
        rows.assign(id=[f"row-{number}" for number in range(len(rows))]).to_parquet(
            tmp_path / "calls.parquet"
        )
        head = f'rollout = {{name = "r", deployed_at = {iso(DEPLOYED_AT)}}}\nsource = {{engine = "duckdb", path = "calls.parquet"}}\n'
        (tmp_path / "rollout.toml").write_text(f"{head}{settings}\n{claims}")
        return analysis.open(tmp_path / "rollout.toml")

    return open_rollout


def series(feature="f", **keys):
    """Rows of one feature as plain text columns, to be put together and changed."""
    rows = simulate_series(**({"feature_id": feature, "source": "s", "seed": 0} | keys))
    text = ["clientId", "leadId", "source", "featureId", "status", "errorMessage"]
    return rows.astype(dict.fromkeys(text, "object")).astype({"createdAt": "datetime64[ms]"})


def together(*rows):
    return pd.concat(rows, ignore_index=True).sort_values("createdAt", ignore_index=True)


def hours_of(rows):
    """Hour from the deploy in which each call started."""
    started = rows["createdAt"] - pd.to_timedelta(rows["latencyMs"].astype(int), unit="ms")
    return ((started - DEPLOY) // pd.Timedelta(HOUR)).astype(int)


def failing(rows, chosen, message):
    """The chosen rows as errors with that message."""
    rows = rows.copy()
    rows.loc[chosen, "status"], rows.loc[chosen, "errorMessage"] = "error", message
    return rows


def thinned(rows, *, before, after, seed=0):
    """Each call kept with that chance."""
    kept = np.random.default_rng(seed).random(len(rows)) < np.where(
        hours_of(rows) < 0, before, after
    )
    return rows[kept]


def failures_and_retries(share_before, share_after, *, per_hour=12, seed=0):
    """Failures every five minutes, each followed two minutes later by a success of the same lead, or by one of another."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(-7 * 24 * 60, 24 * 60, 60 // per_hour)
    made_good = rng.random(minutes.size) < np.where(minutes < 0, share_before, share_after)
    failed_at = DEPLOY + pd.to_timedelta(minutes, unit="min") + pd.Timedelta(seconds=30)
    lead = np.array([f"lead-{number}" for number in range(minutes.size)])
    shared = {
        "clientId": "t",
        "source": "s",
        "featureId": "f",
        "latencyMs": 1000,
        "outputTokens": None,
        "totalTokens": None,
        "model": "m",
    }
    failures = {
        "leadId": lead,
        "status": "error",
        "errorMessage": "500 broken",
        "createdAt": failed_at,
    }
    later = {
        "leadId": np.where(made_good, lead, "nobody"),
        "status": "success",
        "errorMessage": None,
        "createdAt": failed_at + pd.Timedelta(minutes=2),
    }
    return (
        together(*(pd.DataFrame(shared | rows) for rows in (failures, later))),
        made_good,
        minutes,
    )


def expected(name="t", feature="f", metric="timeout_rate", claim="falls", more=""):
    return f'[[expectation]]\nname = "{name}"\nfeature = "{feature}"\nmetric = "{metric}"\nclaim = "{claim}"\n{more}\n'


def states(look):
    return [
        found["finding"] for found in (*look.result["expectations"], *look.result["guardrails"])
    ]
