"""A made-up week and day around a deploy, written into PostgreSQL as time passes: what the stories are played on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clock import parse_instant

if TYPE_CHECKING:
    from tests.deployment.conftest import ClockFile
    from tests.fixtures.postgres_server import Database

DEPLOY = parse_instant("2026-02-02T23:10:16Z")
HOUR = timedelta(hours=1)
FEATURE, OTHER = "draft.verify", "chat.reply"
JOB = "background-job/email"
BASELINE_DAYS = 4
CALLS_AN_HOUR = 40


@dataclass
class World:
    """Rows that are written as the clock moves, and never before."""

    database: Database
    clock: ClockFile
    rows: pd.DataFrame
    written: datetime = field(default=DEPLOY - timedelta(days=30))

    def advance_to(self, instant: datetime) -> None:
        """Let time pass: what ends until then is in the table."""
        ended = pd.to_datetime(self.rows["createdAt"], utc=True)
        now_written = self.rows[(ended > self.written) & (ended <= instant)]
        if len(now_written):
            self.database.load_interactions(now_written)
        self.written = instant
        self.clock.set(instant)


def make_rows(*, slow_cron: tuple[int, int] | None = None, seed: int = 7) -> pd.DataFrame:
    """Calls of four days before the deploy and 40 hours after it. The deploy ends most timeouts of FEATURE.

    `slow_cron` is a stretch of hours from the deploy in which the jobs of a minute take longer than the cron may.
    """
    random = np.random.default_rng(seed)
    first_hour, last_hour = -24 * BASELINE_DAYS - 1, 40
    hours = np.repeat(np.arange(first_hour, last_hour), 2 * CALLS_AN_HOUR)
    offset_s = random.uniform(0, 3600, hours.size)
    is_feature = np.arange(hours.size) % 2 == 0
    is_post = hours >= 0
    times_out = is_feature & (random.random(hours.size) < np.where(is_post, 0.08, 0.7))
    latency_ms = np.where(
        times_out,
        20_050 + random.integers(0, 100, hours.size),
        random.gamma(6, 900, hours.size).astype(int) + 300,
    )
    if slow_cron:
        in_trouble = ~is_feature & (hours >= slow_cron[0]) & (hours < slow_cron[1])
        latency_ms = np.where(in_trouble, 250_000, latency_ms)
    started = pd.Timestamp(DEPLOY) + pd.to_timedelta(hours * 3600.0 + offset_s, unit="s").round(
        "ms"
    )
    rows = pd.DataFrame(
        {
            "featureId": np.where(is_feature, FEATURE, OTHER),
            "source": JOB,
            "latencyMs": latency_ms.astype("int64"),
            "status": np.where(times_out, "error", "success"),
            "errorMessage": np.where(times_out, "Request timed out.", None),
            "createdAt": started + pd.to_timedelta(latency_ms, unit="ms"),
        }
    )
    return rows.sort_values("createdAt", ignore_index=True)
