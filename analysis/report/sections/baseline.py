"""The baseline report: what was normal before the deploy, and what the looks will detect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from analysis.figure_data.cliffs import prepare_baseline_cliff
from analysis.figure_data.hourly import prepare_hourly_traffic, prepare_source_latency
from analysis.report.figures.cliffs import CLIFF
from analysis.report.figures.hourly import SOURCES, TRAFFIC
from analysis.report.page_templates import PublishedResult, Section, make_section, sentences
from analysis.report.tables import Column, ReportTable
from analysis.results.baseline import BaselineResult
from analysis.rollout import Rollout
from analysis.text import baseline as baseline_prose
from analysis.text import records

_LATENCY = (
    *map(Column, ("feature", "source", "status")),
    Column("calls", "count"),
    Column("avg_ms", "ms", "mean"),
    *(Column(f"{name}_ms", "ms", name) for name in ("p50", "p90", "p95")),
    Column("max_ms", "ms", "longest"),
)
_ERRORS = (
    *map(Column, ("feature", "source")),
    Column("error_class", title="class"),
    Column("errors", "count"),
    Column("avg_ms", "ms", "mean"),
    Column("max_ms", "ms", "longest"),
)
_UNKNOWN_ERRORS = (
    *map(Column, ("feature", "signature")),
    Column("errors", "count"),
    Column("first_started_at", "when", "first"),
)


class BaselineSections:
    """The sections of the baseline report; each is made when it is first shown."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    @cached_property
    def content(self) -> BaselineResult:
        """The object of baseline/result.json."""
        return self.rollout.baseline_result()

    @cached_property
    def summary(self) -> Section:
        """What the baseline is, in a few sentences."""
        lines = baseline_prose.baseline_lines(self.content)
        is_sample = records.is_sample(self.rollout.settings.source.path)
        return make_section("summary", "\n".join(lines), lines=lines, is_sample=is_sample)

    @cached_property
    def latency(self) -> Section:
        """The published table of latencies: the 24 hours before the deploy."""
        return _table(
            "Latency by feature, source and status",
            _LATENCY,
            [row.model_dump() for row in self.content.latency_distribution],
            intro=baseline_prose.LATENCY,
        )

    @cached_property
    def errors(self) -> Section:
        """The published table of errors."""
        rows = [row.model_dump() for row in self.content.errors_by_source]
        return _table("Errors by feature, source and class", _ERRORS, rows)

    @cached_property
    def cliffs(self) -> Section:
        """Where calls were cut off, with the histogram that shows it."""
        lines = baseline_prose.cliff_lines(self.content.cliffs)
        pictures = []
        for cliff in self.content.cliffs:
            feature, at_ms = cliff.feature, cliff.at_ms
            prepared = prepare_baseline_cliff(self.rollout.baseline, feature, at_ms=at_ms)
            pictures.append(CLIFF.picture(prepared, feature))
        return make_section("pictures", "\n".join(lines), lines=lines, pictures=pictures)

    @cached_property
    def by_hour(self) -> Section:
        """Calls and failures by hour of the baseline."""
        baseline, coverage = self.rollout.baseline, self.content.coverage
        traffic = TRAFFIC.picture(
            prepare_hourly_traffic(coverage, excluded=baseline.excluded_hours)
        )
        sources = SOURCES.picture(prepare_source_latency(baseline))
        lines = baseline_prose.exclusion_lines(self.content.proposed_exclusions)
        pictures = [traffic, sources]
        return make_section("pictures", traffic.text.alt, lines=lines, pictures=pictures)

    @cached_property
    def power(self) -> Section:
        """The minimum detectable effect of each planned look, and the calls that a claim needs."""
        forecast = self.content.foresight
        windows = dict.fromkeys(row.window for row in forecast)
        columns = (
            Column("name", title="claim"),
            *map(Column, ("metric", "now")),
            *(Column(window, title=f"detectable after {window}") for window in windows),
            Column("needed", title="calls needed"),
        )
        title = "Minimum detectable change of each look (detected in 4 of 5 cases)"
        rows = baseline_prose.forecast_rows(forecast)
        return _table(title, columns, rows, intro=baseline_prose.FORECAST)

    @cached_property
    def unknown(self) -> Section:
        """Errors of no known class, as signatures that hold no data."""
        rows = self.content.unknown_errors
        if not rows:
            return sentences([baseline_prose.NO_UNKNOWN])
        title, intro = "Errors of no known class", baseline_prose.UNKNOWN
        return _table(title, _UNKNOWN_ERRORS, [row.model_dump() for row in rows], intro=intro)

    @property
    def result(self) -> PublishedResult:
        """The object of baseline/result.json: the end of the notebook."""
        return PublishedResult(self.content)


def _table(
    title: str, columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]], *, intro: str = ""
) -> Section:
    table = ReportTable(title, columns, tuple(rows))
    return make_section("table", f"{title}: {len(table.rows)} rows", table=table, intro=intro)
