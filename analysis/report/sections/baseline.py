"""The baseline report, section by section: what was normal before the deploy, and what the looks will be able to see."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis.report.figures import hours as hour_figures
from analysis.report.figures import latency as latency_figures
from analysis.report.figures.picture import make_picture
from analysis.report.prepared import baseline as prepared_baseline
from analysis.report.rendering import Section, render
from analysis.report.sections.pictures import file_name
from analysis.report.sections.result import Published
from analysis.report.tables import Column, Table
from analysis.text import baseline as baseline_prose
from analysis.text import prose

if TYPE_CHECKING:
    from analysis.judge import Rollout


class BaselineSections:
    """The sections of the baseline report; each is made when it is first shown."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    @cached_property
    def content(self) -> dict[str, Any]:
        """The object of baseline/result.json."""
        return self.rollout.baseline_result()

    @cached_property
    def summary(self) -> Section:
        """What the baseline is, in a few sentences."""
        lines = baseline_prose.baseline_lines(self.content)
        sample = prose.is_sample(self.rollout.settings.source.path)
        return Section(
            render("sections/summary.html.j2", lines=lines, is_sample=sample), "\n".join(lines)
        )

    @cached_property
    def latency(self) -> Section:
        """The published table of latencies: 24 hours before the deploy, by the time a call was written."""
        columns = (
            Column("feature", "feature"),
            Column("source", "source"),
            Column("status", "status"),
            Column("calls", "calls", "count"),
            Column("avg_ms", "mean", "ms"),
            Column("p50_ms", "p50", "ms"),
            Column("p90_ms", "p90", "ms"),
            Column("p95_ms", "p95", "ms"),
            Column("max_ms", "longest", "ms"),
        )
        rows = self.content["latency_distribution"]
        return self._table(
            "Latency by feature, source and status", columns, rows, intro=baseline_prose.LATENCY
        )

    @cached_property
    def errors(self) -> Section:
        """The published table of errors."""
        columns = (
            Column("feature", "feature"),
            Column("source", "source"),
            Column("error_class", "class"),
            Column("errors", "errors", "count"),
            Column("avg_ms", "mean", "ms"),
            Column("max_ms", "longest", "ms"),
        )
        return self._table(
            "Errors by feature, source and class", columns, self.content["errors_by_source"]
        )

    @cached_property
    def cliffs(self) -> Section:
        """Where calls were cut off, with the histogram that shows it."""
        found = self.content["cliffs"]
        pictures = []
        for cliff in found:
            prepared = prepared_baseline.prepare_cliff(
                self.rollout.baseline, cliff["feature"], at_ms=cliff["at_ms"]
            )
            words = prepared_baseline.describe_cliff(prepared, cliff["feature"])
            pictures.append(
                make_picture(
                    latency_figures.draw_pile,
                    prepared,
                    words,
                    name=file_name("cliff", cliff["feature"]),
                )
            )
        lines = baseline_prose.cliff_lines(found)
        return Section(
            render("sections/pictures.html.j2", lines=lines, pictures=pictures), "\n".join(lines)
        )

    @cached_property
    def by_hour(self) -> Section:
        """Calls and failures by hour of the baseline."""
        prepared = prepared_baseline.prepare_days(
            self.content["coverage"], excluded=self.rollout.baseline.excluded_hours
        )
        words = prepared_baseline.describe_days(prepared)
        picture = make_picture(hour_figures.draw_days, prepared, words, name="calls-by-hour")
        means = prepared_baseline.prepare_source_hours(self.rollout.baseline)
        mean_words = prepared_baseline.describe_source_hours(means)
        second = make_picture(
            hour_figures.draw_source_hours, means, mean_words, name="latency-by-source-and-hour"
        )
        lines = baseline_prose.exclusion_lines(self.content)
        return Section(
            render("sections/pictures.html.j2", lines=lines, pictures=[picture, second]), words.alt
        )

    @cached_property
    def power(self) -> Section:
        """The smallest change that each planned look will be able to see, and the calls that each claim needs."""
        rows = baseline_prose.power_rows(self.content["foresight"])
        windows = list(dict.fromkeys(row["window"] for row in self.content["foresight"]))
        columns = (
            Column("name", "claim"),
            Column("metric", "metric"),
            Column("now", "now"),
            *(Column(window, f"seen after {window}") for window in windows),
            Column("needed", "calls needed"),
        )
        return self._table(
            "Smallest change that a look will see (in 4 of 5 cases)",
            columns,
            rows,
            intro=baseline_prose.POWER,
        )

    @cached_property
    def unknown(self) -> Section:
        """Errors of no known class, as signatures that hold no data."""
        columns = (
            Column("feature", "feature"),
            Column("signature", "signature"),
            Column("errors", "errors", "count"),
            Column("first_started_at", "first", "when"),
        )
        rows = self.content["unknown_errors"]
        if not rows:
            return Section(
                render("sections/facts.html.j2", lines=[baseline_prose.NO_UNKNOWN], facts=[]),
                baseline_prose.NO_UNKNOWN,
            )
        return self._table("Errors of no known class", columns, rows, intro=baseline_prose.UNKNOWN)

    @property
    def result(self) -> Published:
        """The object of baseline/result.json: the end of the notebook."""
        return Published(self.content)

    def _table(
        self,
        title: str,
        columns: tuple[Column, ...],
        rows: list[dict[str, Any]],
        *,
        intro: str = "",
    ) -> Section:
        table = Table(title, columns, tuple(rows))
        html = render("sections/table.html.j2", table=table, intro=intro)
        return Section(html, f"{title}: {len(rows)} rows")
