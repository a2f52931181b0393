"""The post arm of a look. A window that grows adds its new hours to what the look before it counted, and reads the others no more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.config import Settings
from analysis.counting.baseline import (
    counted_from,
    grid_of,
    hours_of,
    load_events,
    names_a_source,
    only_files_came,
)
from analysis.counting.frozen import Frozen, write_frozen
from analysis.counting.load import Arm, load_hourly_bins, load_hourly_counts, load_latency_counts
from analysis.counting.name_codes import Names
from analysis.counting.written_rows import Written, load_trust, load_written, rows_of
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.errors import RolloutError
from analysis.telemetry.engines import Engine
from analysis.telemetry.origin import origin
from analysis.window import Window


@dataclass(frozen=True, eq=False)
class Seen:
    """What an earlier look counted of a window: its arm, and the rows that it was counted from."""

    arm: Arm
    written: Written


class PostArms:
    """The post arms of one rollout, held against its baseline; the counts of a look are kept for the longer one that follows it."""

    def __init__(
        self,
        settings: Settings,
        deployed_at: datetime,
        baseline: Arm,
        *,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._settings = settings
        self._deployed_at = deployed_at
        self._baseline = baseline
        self._grid = grid_of(settings, deployed_at)
        self._tell = tell

    @property
    def path(self) -> Path:
        """The counts of the longest look that was kept."""
        return self._settings.paths.post_counts

    def load(self, engine: Engine, window: Window, *, keep: bool = False) -> Arm:
        """The calls that start in `window`; with `keep` their counts are there for a longer one.

        What an earlier look counted is used only while the rows it was counted from are the same ones: their numbers by feature, source
        and model, their statuses, their latencies and the squares of those. A row that got only another message, tenant, number of tokens
        or time of writing is not noticed. Recovered failures and cron minutes lie across the edge of two looks: they are counted over the
        whole window.
        """
        if not self._baseline.calls:
            return self._empty(window, load_trust(engine, self._grid, window))
        seen = self._seen(engine, window)
        written = self._written(
            engine, window, seen
        )  # before they are counted: a row mended in between is noticed by the next look
        arm = self._count(engine, window, seen)
        events = load_events(engine, self._settings, self._grid, window, arm.hourly)
        arm = replace(arm, events=events, trust=load_trust(engine, self._grid, window, written))
        if keep and arm.calls and (seen is None or seen.arm.window != window):
            self._keep(engine, arm, written)
        return arm

    def _written(self, engine: Engine, window: Window, seen: Seen | None) -> Written:
        if seen is None:
            return load_written(engine, self._grid, window)
        return seen.written + load_written(engine, self._grid, window, seen=seen.arm.window)

    def _count(self, engine: Engine, window: Window, seen: Seen | None) -> Arm:
        """The window's tables but for events, the counts of its first part taken from `seen`."""
        names, by_source = Names.of(self._baseline.hourly.rows), names_a_source(self._settings)
        first, skip = (seen.arm, seen.arm.window) if seen else (self._empty(window, {}), None)
        # the largest first, while there is least beside it
        latency = first.latency + load_latency_counts(
            engine, self._grid, [window], names=names, seen=skip
        )
        hourly = first.hourly + load_hourly_counts(
            engine, self._grid, window, self._baseline.limits, seen=skip
        )
        bins = first.bins + load_hourly_bins(
            engine, self._grid, window, by_source=by_source, names=names, seen=skip
        )
        return replace(self._empty(window, {}), latency=latency, hourly=hourly, bins=bins)

    def _empty(self, window: Window, trust: dict[str, Any]) -> Arm:
        nothing = (
            LatencyCounts.empty(),
            HourlyCounts.empty(),
            HourlyBins.empty(),
            EventCounts.empty(),
        )
        return Arm(
            window,
            hours_of(window, self._deployed_at),
            *nothing,
            limits=self._baseline.limits,
            trust=trust,
        )

    def _seen(self, engine: Engine, window: Window) -> Seen | None:
        """What is kept of the window's first part, if its rows are still the ones that were counted."""
        kept = self._kept(engine, window)
        if kept is None:
            return None
        with kept:
            written = load_written(engine, self._grid, kept.window)
            if kept.facts["rows"] != rows_of(engine, written):
                until = f"{kept.window.end:%Y-%m-%d %H:%M}"
                self._tell(
                    f"rows written until {until} have changed since they were counted; they are counted again"
                )
                return None
            with suppress(RolloutError):  # a damaged file
                return Seen(kept.arm(), written)
        return None

    def _kept(self, engine: Engine, window: Window) -> Frozen | None:
        """The open file of a first part of the window, counted by the same settings; files may have come since, none was written again."""
        with (
            suppress(RolloutError),
            ExitStack() as stack,
        ):  # there is none, it is damaged, or this user may not read it
            kept = stack.enter_context(Frozen(self.path))
            begins_it = kept.window.start == window.start and kept.window.end <= window.end
            is_as_opened = engine.origin == origin(
                self._settings
            )  # no file or mapping was changed under a session
            if (
                begins_it
                and is_as_opened
                and only_files_came(kept.facts["made_from"], self._made_from(engine))
            ):
                stack.pop_all()
                return kept
        return None

    def _keep(self, engine: Engine, arm: Arm, written: Written) -> None:
        """For the next look; one that cannot be kept costs that look its time, not this one its verdict."""
        try:
            write_frozen(
                self.path, arm, made_from=self._made_from(engine), rows=rows_of(engine, written)
            )
        except RolloutError as reason:
            self._tell(f"the counts of this look are not kept for the next one: {reason}")

    def _made_from(self, engine: Engine) -> dict[str, Any]:
        """What the counts are made from: of the source, what it was when the engine was opened."""
        limits = (
            self._baseline.limits.astype("object").sort_values("feature").to_json(orient="values")
        )
        return counted_from(self._settings, self._deployed_at) | {
            "source": engine.origin,
            "limits": limits,
        }
