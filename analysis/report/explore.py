"""A rollout to explore, one dot at a time: `rollout.feature("draft.verify").source("background-job/*").km()`.

Everything works on counts that are loaded once a window, so a change redraws at once. Nothing here decides anything.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from analysis.config import Settings, load_settings
from analysis.config.settings import Claim
from analysis.counting.scope import Scope
from analysis.decision.claims import evaluate_claim
from analysis.decision.controls.series import compare_beside
from analysis.decision.look import Look
from analysis.decision.whatif import what_if_sentence
from analysis.errors import WrongUse
from analysis.formatting import count, milliseconds
from analysis.history.knobs import as_recorded
from analysis.judge import Rollout
from analysis.leaks import quote
from analysis.metrics import known_metrics, metric_named
from analysis.report.prepared.latency import LEVEL, overdispersion_beyond, survival_of, timed_calls
from analysis.report.rendering import Section, render
from analysis.report.sections import pictures
from analysis.report.sections.window import WindowSections
from analysis.report.tables import Column, Table
from analysis.statistics.latency.survival import what_if_cap
from analysis.text.prose import change_text, value_text
from analysis.window import parse_duration

CONFIG_VARIABLE = "ROLLOUT_CONFIG"
QUANTILES = (0.5, 0.9, 0.95, 0.99)
NO_CONTROLS = "There are no untouched features to hold it against: fewer than two are busy enough, or its metric is not one of time."


class Exploring(Rollout):
    """A rollout with the questions of an afternoon: `features`, `feature(name)`, `report(window)`."""

    def __init__(self, settings: Settings, *, spark: Any = None) -> None:
        super().__init__(settings, spark=spark)
        self._looks: dict[str, Look] = {}

    def explore(
        self,
        what: str | datetime,
        end: datetime | None = None,
        *,
        source: str | None = None,
        window: str | None = None,
    ) -> Look | Feature:
        """A feature to ask, ``explore("draft.verify").km()``; or from `what` to `end`, a look that decides nothing for good."""
        if isinstance(what, str):
            return self.feature(what, source=source, window=window)
        return super().explore(what, end)

    @property
    def windows(self) -> tuple[str, ...]:
        """The planned windows that are due; all of them when none is."""
        return self.due() or self.settings.monitoring.windows

    def seen(self, window: str | None = None) -> Look:
        """The look at a window, judged once; the last one that is due when none is given."""
        label = window or self.windows[-1]
        if label not in self._looks:
            self._looks[label] = self.look(label)
        return self._looks[label]

    def report(self, window: str | None = None) -> WindowSections:
        """The sections of a window's report: `.verdict`, `.expectations`, `.guardrails`, `.scan`, `.checks` ..."""
        return WindowSections(self.seen(window))

    def features(self, window: str | None = None) -> Table:
        """Every feature with its calls and error rate, before and after; `.sorted_by("post_calls")` for another order."""
        look = self.seen(window)
        rows = _calls_by(look, "feature", Scope())
        return Table(
            f"Features, before and after ({look.label})", _both_arms("feature"), tuple(rows)
        ).sorted_by("post_calls")

    def feature(
        self, name: str, *, source: str | None = None, window: str | None = None
    ) -> Feature:
        """One feature (or a pattern with *), in the last window that is due unless another is asked for."""
        look = self.seen(window)
        known = sorted(
            {
                *look.baseline.hourly.rows["feature"].dropna().unique(),
                *look.post.hourly.rows["feature"].dropna().unique(),
            }
        )
        if not any(Scope(name).matches(feature, None) for feature in known):
            raise WrongUse(f"feature {quote(name)} is not in the data; it has {', '.join(known)}")
        return Feature(look, Scope(name, source))


class Feature:
    """The calls of one feature, before and after: each method is one question and shows one answer."""

    def __init__(self, look: Look, scope: Scope) -> None:
        self.look, self.scope = look, scope

    def __repr__(self) -> str:
        return (
            f"{pictures.label(self.scope)}, {self.look.label}: ask .{', .'.join(sorted(QUESTIONS))}"
        )

    def source(self, pattern: str) -> Feature:
        """Only the calls of that source (or a pattern with *)."""
        return Feature(self.look, Scope(self.scope.feature, pattern))

    def sources(self) -> Table:
        """Where its calls come from, before and after."""
        rows = _calls_by(self.look, "source", self.scope)
        return Table(
            f"Sources of {pictures.label(self.scope)}", _both_arms("source"), tuple(rows)
        ).sorted_by("post_calls")

    def outcomes(self) -> pictures.Picture:
        """What its calls end as."""
        return pictures.mix_picture(self.look, self.scope)

    def hours(self, metric: str = "error_rate") -> pictures.Picture:
        """A metric, hour by hour."""
        return pictures.hourly_picture(
            self.look, self.scope, metric_named(metric, self.look.arms.user_classes)
        )

    def latency(self) -> pictures.Picture:
        """How long calls take."""
        return pictures.latency_picture(self.look, self.scope)

    def km(self) -> pictures.Picture:
        """How long until an answer (Kaplan-Meier), calls that were cut off counted as still waiting."""
        return pictures.answer_picture(self.look, self.scope)

    def cliff(self) -> pictures.Picture:
        """Where failed calls pile up."""
        return pictures.cliff_picture(self.look, self.scope)

    def shift(self) -> pictures.Picture:
        """How each quantile of the time to an answer moved."""
        return pictures.shift_picture(self.look, self.scope)

    def cap(self, cap: str | None = None) -> Section:
        """What a cap would cut off: the curve, and for a cap such as "30s" the numbers."""
        picture = pictures.cap_picture(self.look, self.scope)
        lines = [self.what_if(cap)] if cap else []
        html = render(
            "sections/pictures.html.j2", lines=lines, pictures=[picture] if picture else []
        )
        return Section(
            html, "\n".join(lines) or (picture.alt if picture else "no calls after the deploy")
        )

    def what_if(self, cap: str) -> str:
        """What a cap such as "30s" would cut off and save, in one sentence."""
        cap_ms = parse_duration(cap).total_seconds() * 1000
        cliff = self.look.cliffs["post"].get(self.scope.feature or "")
        curve = survival_of(self.look.post, self.scope)
        if not curve.n_calls:
            return f"{pictures.label(self.scope)} has no timed call after the deploy."
        own_cap_ms = float(cliff.at_ms) if cliff else None
        found = what_if_cap(
            curve,
            cap_ms,
            own_cap_ms=own_cap_ms,
            level=LEVEL,
            overdispersion=overdispersion_beyond(self.look, self.scope, cap_ms),
        )
        return what_if_sentence(
            asdict(found) | {"feature": pictures.label(self.scope), "calls": curve.n_calls}
        )

    def quantiles(self, q: Sequence[float] = QUANTILES) -> Table:
        """Times within which that share of the calls was answered; beyond a cap it cannot be known."""
        rows = []
        for share in q:
            before, after = (
                _answer_time(survival_of(arm, self.scope), share)
                for arm in (self.look.baseline, self.look.post)
            )
            change = "–" if before is None or after is None else change_text("ms", after - before)
            rows.append(
                {
                    "q": f"p{100 * share:g}",
                    "before": _known(before),
                    "after": _known(after),
                    "change": change,
                }
            )
        columns = (
            Column("q", "quantile"),
            Column("before", "before"),
            Column("after", "after"),
            Column("change", "change"),
        )
        return Table(f"Time to an answer of {pictures.label(self.scope)}", columns, tuple(rows))

    def untouched(self, metric: str = "latency_mean") -> Section:
        """A metric hour by hour beside the features that the deploy did not touch."""
        claim = Claim(
            name=metric, feature=self.scope.feature, source=self.scope.source, metric=metric
        )
        picture = pictures.slowness_picture(
            evaluate_claim(claim, self.look.arms, self.look.plan.hours)
        )
        if picture is None:
            return Section(
                render("sections/facts.html.j2", lines=[NO_CONTROLS], facts=[]), NO_CONTROLS
            )
        return Section(picture._repr_html_(), picture.alt)

    def compare(
        self, metric: str, *, controls: bool | Sequence[str] = True, without: Sequence[str] = ()
    ) -> Section:
        """A metric before and after at the same mix of calls, with its interval; exploratory, it decides nothing.

        `controls` switches the untouched features off (False), or names them; `without` leaves some out.
        """
        asked = metric_named(metric, self.look.arms.user_classes)
        use = None if controls is True else () if controls is False else tuple(controls)
        found = compare_beside(
            self.look.arms, self.scope, asked, self.look.plan.hours, use=use, leave_out=without
        )
        low, high = found.interval(LEVEL)
        before, after = (
            value_text(asked.unit, found.crude_baseline_value),
            value_text(asked.unit, found.crude_post_value),
        )
        if found.difference is None:
            text = f"{metric} of {pictures.label(self.scope)}: {before} before, {after} after; there is nothing to compare."
        else:
            change = " to ".join(change_text(asked.unit, end) for end in (low, high))
            text = (
                f"{metric} of {pictures.label(self.scope)}: {before} before (n = {count(found.baseline_n)}), {after} after "
                f"(n = {count(found.post_n)}); at the same mix of calls {change_text(asked.unit, found.difference)}, "
                f"95 % interval {change} ({found.method}). Exploratory: it decides nothing."
            )
        return Section(render("sections/facts.html.j2", lines=[text], facts=[]), text)

    @cached_property
    def n_calls(self) -> tuple[int, int]:
        """Calls with a latency, before and after."""
        before, after = (
            int(timed_calls(arm, self.scope)["calls"].sum())
            for arm in (self.look.baseline, self.look.post)
        )
        return before, after


QUESTIONS = tuple(
    name for name, member in vars(Feature).items() if callable(member) and not name.startswith("_")
)


def open_exploring(config: str | Path = "rollout.toml", *, spark: Any = None) -> Exploring:
    """The rollout that a rollout.toml describes: ``analysis.open("rollout.toml").look("4h").verdict``, ``.feature("...").km()``.

    The file is looked for upwards from here. `spark` is a session of Apache Spark that you have already, for engine = "spark"; it is
    left as it was.
    """
    return Exploring(as_recorded(load_settings(find_config(Path(config)))), spark=spark)


def find_config(config: Path) -> Path:
    """The file itself; else the one that `rollout lab` was started with; else one of that name in a folder above."""
    if config.is_absolute() or config.exists():
        return config
    told = os.environ.get(CONFIG_VARIABLE)
    if told:
        return Path(told)
    above = (folder / config for folder in Path.cwd().parents)
    return next((path for path in above if path.exists()), config)


def metric_names(look: Look) -> list[str]:
    """Every metric that a feature can be asked for."""
    return [
        name
        for name, metric in known_metrics(look.arms.user_classes).items()
        if metric.table == "hourly"
    ]


def _answer_time(curve: Any, share: float) -> float | None:
    answered = np.flatnonzero(1 - curve.survival >= share - 1e-12)
    return float(curve.time_ms[answered[0]]) if answered.size else None


def _known(time_ms: float | None) -> str:
    return "not identifiable" if time_ms is None else milliseconds(time_ms)


def _both_arms(first: str) -> tuple[Column, ...]:
    """A name, and calls and share of failures in each arm."""
    return (
        Column(first, first),
        Column("baseline_calls", "calls before", "count"),
        Column("baseline_rate", "fail before", "share"),
        Column("post_calls", "calls after", "count"),
        Column("post_rate", "fail after", "share"),
    )


def _calls_by(look: Look, column: str, scope: Scope) -> list[dict[str, Any]]:
    """Calls and share of failures by feature or source, before and after."""
    rows: dict[str, dict[str, Any]] = {}
    for arm in ("baseline", "post"):
        counted = getattr(look, arm).hourly.rows
        counted = counted.assign(failed=counted["calls"].where(counted["outcome"] != 0, 0))
        totals = (
            counted.groupby(["feature", "source"], dropna=False, observed=True)[["calls", "failed"]]
            .sum()
            .reset_index()
        )
        chosen = [
            scope.matches(feature, _text(source))
            for feature, source in zip(totals["feature"], totals["source"], strict=True)
        ]
        for name, found in (
            totals[chosen]
            .groupby(totals[column].astype("str").fillna("no source"))[["calls", "failed"]]
            .sum()
            .iterrows()
        ):
            row = rows.setdefault(
                name,
                {
                    column: name,
                    "baseline_calls": 0,
                    "baseline_rate": None,
                    "post_calls": 0,
                    "post_rate": None,
                },
            )
            row |= {
                f"{arm}_calls": int(found["calls"]),
                f"{arm}_rate": float(found["failed"] / found["calls"]),
            }
    return list(rows.values())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
