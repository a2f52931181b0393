"""Explore a rollout: `rollout.feature("draft.verify").source("background-job/*").km()`.

Every answer comes from counts that are loaded once per window, so it is quick. None of them is
part of a verdict.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from analysis.config import Settings, load_settings
from analysis.counting.scope import Scope
from analysis.errors import WrongUse
from analysis.history.knobs import with_history
from analysis.judge import Look
from analysis.leaks import quote
from analysis.report.explore.feature_view import FeatureView, calls_by
from analysis.report.sections.window import WindowSections
from analysis.report.tables import ReportTable
from analysis.rollout import Rollout

CONFIG_VARIABLE = "ROLLOUT_CONFIG"


class RolloutExplorer(Rollout):
    """A rollout and the questions of an analyst: `features`, `feature(name)`, `report(window)`."""

    def __init__(self, settings: Settings, *, spark: Any = None) -> None:
        super().__init__(settings, spark=spark)
        self._looks: dict[str, Look] = {}

    @property
    def windows(self) -> tuple[str, ...]:
        """The planned windows that are due; all of them when none is."""
        return self.due() or self.settings.monitoring.windows

    def cached_look(self, window: str | None = None) -> Look:
        """The look at a window, judged once; the last one that is due by default."""
        label = window or self.windows[-1]
        if label not in self._looks:
            self._looks[label] = self.look(label)
        return self._looks[label]

    def report(self, window: str | None = None) -> WindowSections:
        """The sections of a window's report: `.verdict`, `.expectations`, `.checks` ..."""
        return WindowSections(self.cached_look(window))

    def features(self, window: str | None = None) -> ReportTable:
        """Every feature with its calls and error rate, before and after, the busiest first."""
        look = self.cached_look(window)
        title = f"Features, before and after ({look.label})"
        return calls_by(look, "feature", Scope(), title=title)

    def feature(
        self, name: str, *, source: str | None = None, window: str | None = None
    ) -> FeatureView:
        """One feature (or a pattern with *), in the last window that is due by default."""
        look = self.cached_look(window)
        names = {
            name
            for arm in (look.baseline, look.post)
            for name in arm.hourly.rows["feature"].dropna().unique()
        }
        if not any(Scope(name).matches(feature, None) for feature in names):
            raise WrongUse(
                f"feature {quote(name)} is not in the data; it has {', '.join(sorted(names))}"
            )
        return FeatureView(look, Scope(name, source))


def open_rollout(config: str | Path = "rollout.toml", *, spark: Any = None) -> RolloutExplorer:
    """The rollout of a rollout.toml: ``analysis.open("rollout.toml").look("4h").verdict``.

    The file is looked for in the folders above, too. `spark` is your own session of Apache Spark,
    for engine = "spark"; it stays open.
    """
    return RolloutExplorer(with_history(load_settings(find_config(Path(config)))), spark=spark)


def find_config(config: Path) -> Path:
    """The file itself, the one that `rollout lab` was started with, or one in a folder above."""
    if config.is_absolute() or config.exists():
        return config
    if from_lab := os.environ.get(CONFIG_VARIABLE):
        return Path(from_lab)
    above = (folder / config for folder in Path.cwd().parents)
    return next((path for path in above if path.exists()), config)
