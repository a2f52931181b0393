"""The analyst's desk: drop-downs that ask what a cell can ask too. Each change is one call of the public methods of `explore`."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from analysis.report.explore import QUANTILES, Exploring, Feature, metric_names
from analysis.report.rendering import TEMPLATES
from analysis.report.tables import Table

EVERY_SOURCE = "every source"


class Desk:
    """Feature, source, metric, window, quantile and cap to choose; one figure that follows.

    Attributes
    ----------
    feature, source, window, view, metric, quantile, cap : the widgets.
    said : the call that makes what is shown, to copy into a cell.
    shown : the figure.
    seconds : how long the last change took.
    """

    def __init__(self, rollout: Exploring) -> None:
        self.rollout = rollout
        self.seconds = 0.0
        names = [row["feature"] for row in rollout.features().rows]
        look = rollout.seen()
        self.window = _choice("window", list(rollout.windows), value=look.label)
        self.feature = _choice("feature", names)
        self.source = _choice("source", [EVERY_SOURCE])
        self.view = _choice("view", list(VIEWS))
        self.metric = _choice("metric", metric_names(look), value="timeout_rate")
        self.quantile = widgets.SelectionSlider(
            options=[(f"p{100 * q:g}", q) for q in QUANTILES], value=0.9, description="quantile"
        )
        self.cap = widgets.Text(value="30s", description="cap", continuous_update=False)
        self.said, self.shown = widgets.HTML(), widgets.HTML()
        self._fill_sources()
        for chosen in (self.window, self.feature):
            chosen.observe(self._change_feature, names="value")
        for chosen in (self.source, self.view, self.metric, self.quantile, self.cap):
            chosen.observe(self._redraw, names="value")
        self._redraw()

    @property
    def asked(self) -> Feature:
        """What the drop-downs ask for, as a cell would."""
        source = None if self.source.value == EVERY_SOURCE else self.source.value
        return self.rollout.feature(self.feature.value, source=source, window=self.window.value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    @property
    def box(self) -> widgets.VBox:
        """Everything, as one widget."""
        choices = [
            self.feature,
            self.source,
            self.window,
            self.view,
            self.metric,
            self.quantile,
            self.cap,
        ]
        return widgets.VBox(
            [
                widgets.Box(choices, layout=widgets.Layout(flex_flow="row wrap")),
                self.said,
                self.shown,
            ]
        )

    def _change_feature(self, _: Any = None) -> None:
        self._fill_sources()
        self._redraw()

    def _fill_sources(self) -> None:
        sources = [
            row["source"]
            for row in self.rollout.feature(self.feature.value, window=self.window.value)
            .sources()
            .rows
        ]
        with self.source.hold_trait_notifications():
            self.source.options = [
                EVERY_SOURCE,
                *(source for source in sources if source != "no source"),
            ]
            self.source.value = EVERY_SOURCE

    def _redraw(self, _: Any = None) -> None:
        started = time.perf_counter()
        call, answer = VIEWS[self.view.value](self.asked, self)
        source = "" if self.source.value == EVERY_SOURCE else f".source({self.source.value!r})"
        line = (
            f"rollout.feature({self.feature.value!r}, window={self.window.value!r}){source}.{call}"
        )
        self.said.value = f"<code>{html.escape(line)}</code>"
        self.shown.value = answer._repr_mimebundle_()["text/html"]
        self.seconds = time.perf_counter() - started


VIEWS: dict[str, Callable[[Feature, Desk], tuple[str, Any]]] = {
    "time to an answer": lambda asked, desk: ("km()", asked.km()),
    "outcomes": lambda asked, desk: ("outcomes()", asked.outcomes()),
    "metric per hour": lambda asked, desk: (
        f"hours({desk.metric.value!r})",
        asked.hours(desk.metric.value),
    ),
    "metric before and after": lambda asked, desk: (
        f"compare({desk.metric.value!r})",
        asked.compare(desk.metric.value),
    ),
    "beside untouched features": lambda asked, desk: ("untouched()", asked.untouched()),
    "without controls": lambda asked, desk: (
        f"compare({desk.metric.value!r}, controls=False)",
        asked.compare(desk.metric.value, controls=False),
    ),
    "latency": lambda asked, desk: ("latency()", asked.latency()),
    "where calls fail": lambda asked, desk: ("cliff()", asked.cliff()),
    "how quantiles moved": lambda asked, desk: ("shift()", asked.shift()),
    "quantile": lambda asked, desk: (
        f"quantiles([{desk.quantile.value}])",
        asked.quantiles([desk.quantile.value]),
    ),
    "what if the cap were": lambda asked, desk: (
        f"cap({desk.cap.value!r})",
        asked.cap(desk.cap.value),
    ),
    "sources": lambda asked, desk: ("sources()", asked.sources()),
}


def sortable(table: Table) -> widgets.VBox:
    """A table with a drop-down for its order; a cell says `table.sorted_by(column)`."""
    order = _choice("sort by", [(column.heading, column.key) for column in table.columns])
    turned = widgets.ToggleButton(value=False, description="turn round")
    shown = widgets.HTML()

    def draw(_: Any = None) -> None:
        column = next(column for column in table.columns if column.key == order.value)
        shown.value = table.sorted_by(
            order.value, descending=column.is_number != turned.value
        )._repr_mimebundle_()["text/html"]

    for chosen in (order, turned):
        chosen.observe(draw, names="value")
    draw()
    return widgets.VBox([widgets.Box([order, turned]), shown])


def look_of_pages() -> widgets.HTML:
    """The pages' own style for tables, cards and figures, in this notebook only."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light = style[
        style.index(":root {") : style.index("@media (prefers-color-scheme: dark)")
    ].replace(":root", ":scope")
    rules = style[style.index(".verdict {") : style.index("@media (max-width: 34rem)")]
    scope = ".jp-OutputArea-output"
    return widgets.HTML(f"<style>@scope ({scope}) {{ {light} {rules} }}</style>")


def _choice(name: str, options: list[Any], *, value: Any = None) -> widgets.Dropdown:
    chosen = {"value": value} if value is not None and value in options else {}
    return widgets.Dropdown(options=options, description=name, **chosen)
