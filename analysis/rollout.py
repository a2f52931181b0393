"""A rollout that is open: its settings, its telemetry, its looks.

>>> import analysis                                     # doctest: +SKIP
>>> analysis.open("rollout.toml").look("4h")            # doctest: +SKIP
<Look 4h: improved. All 4 expectations are met: ...>
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from analysis import clock
from analysis.config import Settings
from analysis.counting.arm import Arm
from analysis.counting.arms import Arms
from analysis.counting.baseline import load_baseline
from analysis.counting.caps import find_cliffs
from analysis.counting.grid import Grid
from analysis.counting.incidents import propose_exclusions
from analysis.counting.names.name_validation import check_names
from analysis.counting.names.renamed_features import (
    RenamedFeature,
    find_renamed_features,
    rename_features,
)
from analysis.counting.post import PostCounter
from analysis.counting.scans.baseline_tables import load_baseline_tables
from analysis.counting.scans.chunks import OnProgress, ignore_progress
from analysis.decision.plan import Plan, plan_exploratory, plan_look, plan_looks
from analysis.decision.power_forecast import forecast_looks
from analysis.errors import DataNotTrusted, NotYetDue, WrongUse
from analysis.history.timeline import NoDeployError
from analysis.judge import Look, judge
from analysis.results.baseline import BaselineResult
from analysis.results.build import BaselineFindings, build_baseline_result
from analysis.telemetry.engines import Engine, open_engine
from analysis.window import HOUR, Window


class Rollout:
    """One rollout: its settings, its telemetry, its looks.

    The connection is opened on first use, read-only. `on_progress` takes lines of progress while
    calls are counted.
    """

    def __init__(
        self, settings: Settings, *, spark: Any = None, on_progress: OnProgress = ignore_progress
    ) -> None:
        self.settings = settings
        self._spark = spark
        self._on_progress = on_progress

    def __enter__(self) -> Rollout:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def engine(self) -> Engine:
        """The database of `[source]`."""
        return open_engine(self.settings, spark=self._spark)

    @property
    def deployed_at(self) -> datetime:
        """When the deploy happened; WrongUse when it is neither in rollout.toml nor recorded."""
        deployed_at = self.settings.rollout.deployed_at
        if deployed_at is None:
            raise NoDeployError
        if deployed_at > clock.now():
            raise WrongUse(
                f"deployed_at {clock.iso(deployed_at)} lies in the future; "
                "correct [rollout].deployed_at"
            )
        return deployed_at

    @cached_property
    def baseline_ends_at(self) -> datetime:
        """The deploy; before it is known the present minute, and the baseline is provisional."""
        if self.settings.rollout.deployed_at is not None:
            return self.deployed_at
        return clock.now().replace(second=0, microsecond=0)

    @cached_property
    def baseline(self) -> Arm:
        """The counts before the deploy: frozen on first use, then read from the frozen file."""
        return load_baseline(
            self.settings, self.baseline_ends_at, lambda: self.engine, on_progress=self._on_progress
        )

    def baseline_result(self) -> BaselineResult:
        """The content of baseline/result.json: tables, cliffs, and what the looks will detect."""
        settings, baseline, deployed_at = self.settings, self.baseline, self.baseline_ends_at
        if not baseline.calls:
            raise DataNotTrusted(
                f"no call started in {baseline.window}; "
                "check the table, the time zone and the deploy's time"
            )
        grid, classes = Grid.of(settings, deployed_at), settings.class_names
        found = BaselineFindings(
            settings=settings,
            arm=baseline,
            deployed_at=deployed_at,
            tables=load_baseline_tables(self.engine, grid, baseline.window, user_classes=classes),
            cliffs=find_cliffs(baseline.latency),
            forecasts=forecast_looks(
                settings.claims,
                baseline,
                plan_looks(settings),
                smallest_useful=settings.monitoring.smallest_useful,
                day_to_day=settings.baseline.day_to_day,
                user_classes=classes,
            ),
            exclusions=[deployed_at + hour * HOUR for hour in propose_exclusions(baseline)],
        )
        return build_baseline_result(found)

    def look(self, label: str, *, first_hour: int = 0) -> Look:
        """The planned look of that window: ``rollout.look("4h")``.

        `first_hour`, counted from the deploy, is where a later stage of the monitoring begins (a
        knob was turned). Raises NotYetDue before its end and its ingestion delay have passed.
        """
        return self._look(plan_look(self.settings, label, first_hour=first_hour), label)

    def explore(self, start: datetime, end: datetime) -> Look:
        """A look outside the planned ones, on whole hours from the deploy; it decides nothing."""
        if end > clock.now():
            raise WrongUse(
                f"--to {clock.iso(end)} lies in the future; "
                "give a time that has passed, or wait for a planned window"
            )
        plan = plan_exploratory(self.settings, self.deployed_at, start, end)
        return self._look(plan, plan.window(self.deployed_at).label)

    def due(self) -> tuple[str, ...]:
        """Planned windows whose end and ingestion delay have passed."""
        return tuple(
            label
            for label, plan in plan_looks(self.settings).items()
            if self._due_at(plan.window(self.deployed_at)) <= clock.now()
        )

    def close(self) -> None:
        """Close the connection."""
        if "engine" in self.__dict__:
            self.engine.close()

    def _look(self, plan: Plan, label: str) -> Look:
        window = plan.window(self.deployed_at)
        self._check_due(window, label)
        arms, renamed = self._load_arms(window, plan)
        return judge(
            self.settings, arms, plan, deployed_at=self.deployed_at, label=label, renamed=renamed
        )

    def _load_arms(self, window: Window, plan: Plan) -> tuple[Arms, tuple[RenamedFeature, ...]]:
        """Both arms, under the names that features have now.

        WrongUse for a claim whose feature or source no call has.
        """
        settings, baseline = self.settings, self.baseline
        post = self._count_post(baseline, window, plan)
        renamed = find_renamed_features(baseline, post)
        if renamed:  # counted again, because the limits of a feature go with its name
            baseline = rename_features(baseline, renamed)
            post = self._count_post(baseline, window, plan)
        if baseline.calls:
            check_names(settings.claims, (self.baseline, post), self.engine)
        return Arms(baseline, post, settings.class_names), renamed

    def _count_post(self, baseline: Arm, window: Window, plan: Plan) -> Arm:
        counter = PostCounter(
            self.settings, self.deployed_at, baseline, self.engine, on_progress=self._on_progress
        )
        return counter.load(window, keep=plan.is_planned and not plan.is_last)

    def _check_due(self, window: Window, label: str) -> None:
        due_at = self._due_at(window)
        if clock.now() < due_at and self.baseline.calls:
            raise NotYetDue(
                f"window {label} is due at {clock.iso(due_at)}, when its slow calls are written; "
                "run again then"
            )

    def _due_at(self, window: Window) -> datetime:
        return window.end + self.settings.monitoring.ingestion_delay
