"""The post arm of a look. A window that grows continues the counts of the look before it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from analysis.config import Settings
from analysis.counting.arm import Arm
from analysis.counting.grid import Grid
from analysis.counting.inputs import find_inputs, names_a_source, only_files_added, single_claims
from analysis.counting.scans.chunks import OnProgress, ignore_progress
from analysis.counting.scans.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scans.events import load_events
from analysis.counting.scans.name_codes import NameCodes
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import (
    WrittenRows,
    load_row_quality,
    load_written_rows,
    rows_fingerprint,
)
from analysis.counting.storage.frozen import FrozenCounts, write_frozen
from analysis.errors import RolloutError
from analysis.telemetry.engines import Engine, source_origin
from analysis.window import Window, hours_between


@dataclass(frozen=True, eq=False)
class PreviousLook:
    """What an earlier look counted of a window, and the rows that it counted."""

    arm: Arm
    written: WrittenRows


class PostCounter:
    """Counts the post arms of one rollout, and keeps the counts of a look for a longer one."""

    def __init__(
        self,
        settings: Settings,
        deployed_at: datetime,
        baseline: Arm,
        engine: Engine,
        *,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        self._settings = settings
        self._baseline = baseline
        names = NameCodes.of(baseline.hourly.rows)
        self._scan = Scan(engine, Grid.of(settings, deployed_at), names=names)
        self._path = settings.paths.post_counts
        self._on_progress = on_progress
        inputs = find_inputs(settings, deployed_at, source=engine.origin)
        self._inputs = inputs | {"limits": _limits_text(baseline)}

    def load(self, window: Window, *, keep: bool = False) -> Arm:
        """The calls that start in `window`; with `keep` their counts are kept for a longer look.

        The counts of an earlier look are used while its rows are the same: their numbers by
        feature, source and model, their statuses and their latencies. Another message, tenant,
        number of tokens or time of writing is not noticed.
        """
        scan, settings, limits = self._scan, self._settings, self._baseline.limits
        hours = hours_between(scan.grid.deployed_at, window.start, window.end)
        empty = Arm.empty(window, (hours.start, hours.stop), limits=limits)
        if not self._baseline.calls:
            return replace(empty, quality=load_row_quality(scan, window))
        previous = self._find_previous(window)
        first = previous.arm if previous else empty
        scan = replace(scan, previous=first.window if previous else None)
        # Read before the calls are counted: the next look then notices a row changed in between.
        written = load_written_rows(scan, window)
        if previous:
            written = previous.written + written
        # The largest table comes first, while the memory is free.
        latency = first.latency + load_latency_counts(scan, [window])
        hourly = first.hourly + load_hourly_counts(scan, window, limits)
        bins = first.bins + load_hourly_bins(scan, window, by_source=names_a_source(settings))
        events = load_events(scan, window, claims=single_claims(settings), hourly=hourly)
        quality = load_row_quality(scan, window, written)
        arm = replace(
            empty,
            latency=latency,
            hourly=hourly,
            bins=bins,
            events=events,
            quality=quality,
            models=written.models,
        )
        is_kept_already = previous is not None and previous.arm.window == window
        if keep and arm.calls and not is_kept_already:
            self._keep(arm, written)
        return arm

    def _find_previous(self, window: Window) -> PreviousLook | None:
        """The kept look at the window's first part, if its rows are still the same."""
        kept = self._open_kept(window)
        if kept is None:
            return None
        with kept:
            written = load_written_rows(self._scan, kept.window)
            if kept.facts.rows != rows_fingerprint(self._scan.engine, written):
                self._on_progress(
                    f"rows written until {kept.window.end:%Y-%m-%d %H:%M} have changed since they "
                    "were counted; they are counted again"
                )
                return None
            with suppress(RolloutError):  # a damaged file
                return PreviousLook(kept.arm(), written)
        return None

    def _open_kept(self, window: Window) -> FrozenCounts | None:
        """The file of a look at the window's first part with the same inputs, opened."""
        with suppress(RolloutError), ExitStack() as stack:  # none, damaged, or not readable
            kept = stack.enter_context(FrozenCounts(self._path))
            is_first_part = kept.window.start == window.start and kept.window.end <= window.end
            is_unchanged = self._scan.engine.origin == source_origin(self._settings)
            has_same_inputs = only_files_added(kept.facts.made_from, self._inputs)
            if is_first_part and is_unchanged and has_same_inputs:
                stack.pop_all()
                return kept
        return None

    def _keep(self, arm: Arm, written: WrittenRows) -> None:
        """Keep the counts for the next look. A failure costs that look time, nothing else."""
        rows = rows_fingerprint(self._scan.engine, written)
        try:
            write_frozen(self._path, arm, made_from=self._inputs, rows=rows)
        except RolloutError as reason:
            self._on_progress(f"the counts of this look are not kept for the next one: {reason}")


def _limits_text(baseline: Arm) -> str:
    return baseline.limits.astype("object").sort_values("feature").to_json(orient="values")
