"""The baseline of a rollout as counts, frozen once; and what both arms are counted by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from analysis.clock import iso
from analysis.config import Settings
from analysis.config.settings import Claim
from analysis.counting.caps import find_limits
from analysis.counting.deleted_rows import check_rows_still_there
from analysis.counting.frozen import Frozen, fingerprint, write_frozen
from analysis.counting.load import (
    Arm,
    CronBudget,
    Grid,
    load_event_counts,
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
    without_hours,
)
from analysis.counting.partial import Partial
from analysis.counting.pieces import IN_ONE_GO, Pace
from analysis.counting.scope import Scope, event_kind, event_of
from analysis.counting.written_rows import Written, load_trust, load_written, rows_of
from analysis.counts import EventCounts, HourlyCounts
from analysis.decision.cliffs import find_cliffs
from analysis.telemetry.engines import Engine
from analysis.telemetry.origin import origin
from analysis.telemetry.queries import sql_sha256
from analysis.window import HOUR, Window

DAY = timedelta(days=1)
COUNTING = (
    "calls",
    "cron_minutes",
    "hourly_bins",
    "hourly_counts",
    "latency_counts",
    "recovered",
    "written",
    "distinct_ids",
)
"""The queries that a frozen baseline comes from: when their words change, it is counted anew."""
ALMOST_A_DAY = timedelta(hours=1)
"""A baseline may begin this much late and its first day still counts as whole: quiet hours have no rows."""


class Baselines:
    """The baseline of one rollout: where it is frozen, and how it is made."""

    def __init__(
        self,
        settings: Settings,
        deployed_at: datetime,
        *,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._deployed_at = deployed_at
        self._grid = grid_of(settings, deployed_at)

    @property
    def path(self) -> Path:
        """The frozen counts."""
        return self._settings.paths.baseline_counts

    def frozen(self, engine: Callable[[], Engine]) -> Arm:
        """The frozen baseline if it was made from the same things; else made anew and frozen.

        `engine` is called only when rows are needed. Export files that came since are other things, so its rows are looked at; while
        they are the ones that were counted, the frozen one stands. DataNotTrusted when rows that it holds are deleted meanwhile.
        """
        made_from = counted_from(self._settings, self._deployed_at)
        with ExitStack() as stack:
            frozen = stack.enter_context(Frozen(self.path)) if self.path.exists() else None
            if frozen and frozen.facts["fingerprint"] == fingerprint(**made_from):
                return frozen.arm()
            return self._from_rows(engine(), frozen, made_from)

    def _from_rows(self, engine: Engine, frozen: Frozen | None, made_from: dict[str, Any]) -> Arm:
        """The frozen one where the rows are still those that it was counted from; else counted from them, and frozen."""
        made_from = made_from | {
            "source": engine.origin
        }  # what it read, be the files or the mapping others by now
        counted = Partial(self._settings.paths.baseline_pieces, made_from=fingerprint(**made_from))
        pace = Pace(tell=self._tell, keeping=counted)
        written = load_written(
            engine, self._grid, asked_window(self._settings, self._deployed_at), pace=pace
        )
        rows = rows_of(engine, written)
        if (
            frozen
            and only_files_came(frozen.facts["made_from"], made_from)
            and frozen.facts["rows"] == rows
        ):
            counted.clear()
            return frozen.arm()
        arm = self._load(engine, written, pace)
        if frozen:
            check_rows_still_there(
                frozen.facts, arm, asked=written.window, made_from=made_from, shown=frozen.shown
            )
        if arm.calls:
            write_frozen(self.path, arm, made_from=made_from, rows=rows)
        counted.clear()
        return arm

    def _load(self, engine: Engine, written: Written, pace: Pace = IN_ONE_GO) -> Arm:
        asked = written.window
        names, window = written.names, self._there(asked, written)
        calls = written.numbers["written_rows"]
        pace = pace.for_calls(calls, window.length, a_piece=engine.calls_per_chunk)
        by_hour = pace.finer(calls, window.length, a_piece=engine.calls_per_hourly_chunk)
        excluded = excluded_hours(self._settings, self._deployed_at)
        latency = load_latency_counts(
            engine,
            self._grid,
            _stretches(window, self._deployed_at, excluded),
            names=names,
            pace=pace,
        )
        limits = find_limits(
            latency, declared_tau_ms=_declared_taus(self._settings), cliffs=find_cliffs(latency)
        )
        hourly = load_hourly_counts(engine, self._grid, window, limits, pace=by_hour)
        by_source = names_a_source(self._settings)
        bins = load_hourly_bins(
            engine, self._grid, window, by_source=by_source, names=names, pace=by_hour
        )
        return Arm(
            window=window,
            hours=hours_of(window, self._deployed_at),
            latency=latency,
            hourly=without_hours(hourly, excluded),
            bins=without_hours(bins, excluded),
            events=without_hours(
                load_events(engine, self._settings, self._grid, window, hourly, pace), excluded
            ),
            limits=limits,
            trust=load_trust(engine, self._grid, window, written if window == asked else None),
            models=written.models,
            excluded_hours=excluded & frozenset(range(*hours_of(window, self._deployed_at))),
        )

    def _there(self, asked: Window, written: Written) -> Window:
        """The whole days that the table holds of what is asked; what is asked itself when it holds nothing."""
        first = written.first_started_at
        if first is None or self._settings.baseline.start is not None:
            return asked
        days = max(1, (asked.end - first + ALMOST_A_DAY) // DAY)
        return Window(max(asked.start, asked.end - days * DAY), asked.end)


def counted_from(settings: Settings, deployed_at: datetime) -> dict[str, Any]:
    """All that decides what the counts of an arm are, beside its window and the rows themselves."""
    return {
        "sql": sql_sha256(COUNTING),
        "source": origin(settings),
        "deployed_at": iso(deployed_at),
        "baseline": settings.baseline.model_dump(mode="json"),
        "settle_s": settings.monitoring.ingestion_delay.total_seconds(),
        "warm_up_s": settings.rollout.warm_up.total_seconds(),
        "classes": [item.model_dump(mode="json") for item in settings.error_classes],
        "taus": _declared_taus(settings),
        "events": sorted(str(event_kind(claim)) for claim in _all_claims(settings)),
        "bins_by_source": names_a_source(settings),
    }


def only_files_came(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two things to count from are the same but for export files that came since: none is gone, none was written again."""
    old, new = ({tuple(file) for file in one["source"].get("files", [])} for one in (before, now))
    old_rest, new_rest = (one | {"source": one["source"] | {"files": []}} for one in (before, now))
    return old <= new and fingerprint(**old_rest) == fingerprint(**new_rest)


def grid_of(settings: Settings, deployed_at: datetime) -> Grid:
    """Hours counted from the deploy, with the settings' settle and warm-up."""
    return Grid(deployed_at, settings.monitoring.ingestion_delay, settings.rollout.warm_up)


def asked_window(settings: Settings, deployed_at: datetime) -> Window:
    """The baseline that rollout.toml asks for, on whole hours from the deploy."""
    baseline = settings.baseline
    if baseline.start is None:
        return Window(deployed_at - baseline.days * DAY, deployed_at)
    end = min(baseline.end or deployed_at, deployed_at)
    first, last = -((deployed_at - baseline.start) // HOUR), (end - deployed_at) // HOUR
    return Window(deployed_at + first * HOUR, deployed_at + last * HOUR)


def excluded_hours(settings: Settings, deployed_at: datetime) -> frozenset[int]:
    """Hours from the deploy that a declared incident touches."""
    hours: set[int] = set()
    for exclusion in settings.baseline.exclude:
        first = (exclusion.start - deployed_at) // HOUR
        last = -((deployed_at - exclusion.end) // HOUR)
        hours |= set(range(first, last))
    return frozenset(hours)


def load_events(
    engine: Engine,
    settings: Settings,
    grid: Grid,
    window: Window,
    hourly: HourlyCounts,
    pace: Pace = IN_ONE_GO,
) -> EventCounts:
    """The recovered failures and cron minutes that the claims ask for."""
    claims = _all_claims(settings)
    crons = {
        event_kind(claim): CronBudget(
            event_kind(claim), claim.budget_ms, Scope(claim.feature, claim.source).matches
        )
        for claim in claims
        if event_of(claim) == "cron_over"
    }
    recovered = any(event_of(claim) == "recovered" for claim in claims)
    return load_event_counts(
        engine,
        grid,
        window,
        hourly=hourly,
        recovered=recovered,
        crons=list(crons.values()),
        pace=pace,
    )


def _all_claims(settings: Settings) -> list[Claim]:
    return [part for claim in settings.claims for part in (claim.any_of or (claim,))]


def names_a_source(settings: Settings) -> bool:
    """Whether a claim asks for some sources alone; else the latency bins hold them together, in a quarter of the rows."""
    return any(claim.source is not None for claim in _all_claims(settings))


def _declared_taus(settings: Settings) -> dict[str, int]:
    return {
        claim.feature: claim.tau_ms
        for claim in _all_claims(settings)
        if claim.tau_ms and claim.feature
    }


def _stretches(window: Window, deployed_at: datetime, excluded: frozenset[int]) -> list[Window]:
    """The window without its excluded hours, as stretches of time."""
    first, last = hours_of(window, deployed_at)
    edges = [first - 1, *sorted(hour for hour in excluded if first <= hour < last), last]
    return [
        Window(deployed_at + (before + 1) * HOUR, deployed_at + after * HOUR)
        for before, after in pairwise(edges)
        if after > before + 1
    ]


def hours_of(window: Window, deployed_at: datetime) -> tuple[int, int]:
    """Its first and last + 1 hour, counted from the deploy."""
    return (window.start - deployed_at) // HOUR, -((deployed_at - window.end) // HOUR)
