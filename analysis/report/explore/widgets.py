"""Widgets of JupyterLab over the explorer: each change is one call that a cell can make, too."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from analysis.report.explore.explorer import RolloutExplorer
from analysis.report.explore.feature_view import QUANTILES, FeatureView, metric_names
from analysis.report.page_templates import TEMPLATES
from analysis.report.tables import ReportTable

EVERY_SOURCE = "every source"


class FigureChooser:
    """Drop-downs for feature, source, metric, window, quantile and cap, and one figure.

    Attributes
    ----------
    feature, source, window, view, metric, quantile, cap : the widgets.
    call : the call that makes the figure, to copy into a cell.
    figure : what it shows.
    """

    def __init__(self, rollout: RolloutExplorer) -> None:
        self.rollout = rollout
        look = rollout.cached_look()
        names = [row["feature"] for row in rollout.features().rows]
        self.window = _drop_down("window", list(rollout.windows), value=look.label)
        self.feature = _drop_down("feature", names)
        self.source = _drop_down("source", [EVERY_SOURCE])
        self.view = _drop_down("view", list(VIEWS))
        self.metric = _drop_down("metric", metric_names(look), value="timeout_rate")
        self.quantile = widgets.SelectionSlider(
            options=[(f"p{100 * q:g}", q) for q in QUANTILES], value=0.9, description="quantile"
        )
        self.cap = widgets.Text(value="30s", description="cap", continuous_update=False)
        self.call, self.figure = widgets.HTML(), widgets.HTML()
        self._list_sources()
        for changes_sources in (self.window, self.feature):
            changes_sources.observe(self._change_feature, names="value")
        for choice in (self.source, self.view, self.metric, self.quantile, self.cap):
            choice.observe(self._redraw, names="value")
        self._redraw()

    @property
    def chosen(self) -> FeatureView:
        """The feature and source that the drop-downs show."""
        source = None if self.source.value == EVERY_SOURCE else self.source.value
        return self.rollout.feature(self.feature.value, source=source, window=self.window.value)

    @property
    def box(self) -> widgets.VBox:
        """Everything, as one widget."""
        selection = (self.feature, self.source, self.window, self.view, self.metric)
        choices = widgets.Box(
            [*selection, self.quantile, self.cap], layout=widgets.Layout(flex_flow="row wrap")
        )
        return widgets.VBox([choices, self.call, self.figure])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def _change_feature(self, _: Any = None) -> None:
        self._list_sources()
        self._redraw()

    def _list_sources(self) -> None:
        feature = self.rollout.feature(self.feature.value, window=self.window.value)
        names = [row["source"] for row in feature.sources().rows]
        with self.source.hold_trait_notifications():
            named = [name for name in names if name != "no source"]
            self.source.options = [EVERY_SOURCE, *named]
            self.source.value = EVERY_SOURCE

    def _redraw(self, _: Any = None) -> None:
        question, widgets_asked, options = VIEWS[self.view.value]
        arguments = [getattr(self, name).value for name in widgets_asked]
        answer = getattr(self.chosen, question)(*arguments, **options)
        written = [*map(repr, arguments), *(f"{key}={value!r}" for key, value in options.items())]
        named_source = self.source.value != EVERY_SOURCE
        source = f".source({self.source.value!r})" if named_source else ""
        feature = f"rollout.feature({self.feature.value!r}, window={self.window.value!r})"
        call = f"{feature}{source}.{question}({', '.join(written)})"
        self.call.value = f"<code>{html.escape(call)}</code>"
        self.figure.value = answer._repr_mimebundle_()["text/html"]


VIEWS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "time to an answer": ("km", (), {}),
    "outcomes": ("outcomes", (), {}),
    "metric per hour": ("hours", ("metric",), {}),
    "metric before and after": ("compare", ("metric",), {}),
    "with control features": ("controls", (), {}),
    "without controls": ("compare", ("metric",), {"controls": False}),
    "latency": ("latency", (), {}),
    "where calls fail": ("cliff", (), {}),
    "how quantiles moved": ("shift", (), {}),
    "quantile": ("quantiles", ("quantile",), {}),
    "what if the cap were": ("cap", ("cap",), {}),
    "sources": ("sources", (), {}),
}
"""View -> a question of `FeatureView`, the widgets that hold its arguments, and options."""


def sortable(table: ReportTable) -> widgets.VBox:
    """A table with a drop-down for its order; a cell writes `table.sorted_by(column)`."""
    order = _drop_down("sort by", [(column.heading, column.key) for column in table.columns])
    reverse = widgets.ToggleButton(value=False, description="reverse")
    shown = widgets.HTML()

    def draw(_: Any = None) -> None:
        column = next(column for column in table.columns if column.key == order.value)
        ordered = table.sorted_by(order.value, descending=column.is_number != reverse.value)
        shown.value = ordered._repr_mimebundle_()["text/html"]

    for choice in (order, reverse):
        choice.observe(draw, names="value")
    draw()
    return widgets.VBox([widgets.Box([order, reverse]), shown])


def page_style() -> widgets.HTML:
    """The pages' own style for tables, cards and figures, in this notebook only."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    variables = light[light.index(":root {") :].replace(":root", ":scope")
    rules = rest[rest.index(".verdict {") : rest.index("@media (max-width: 34rem)")]
    return widgets.HTML(f"<style>@scope (.jp-OutputArea-output) {{ {variables} {rules} }}</style>")


def _drop_down(name: str, options: list[Any], *, value: Any = None) -> widgets.Dropdown:
    chosen = {"value": value} if value is not None and value in options else {}
    return widgets.Dropdown(options=options, description=name, **chosen)
