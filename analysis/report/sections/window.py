"""The report of one look, section by section, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis import clock
from analysis.counting.scope import Scope
from analysis.errors import WrongUse
from analysis.figure_data.cliffs import knobs_of
from analysis.figure_data.expectations import prepare_forest
from analysis.figure_data.hourly import prepare_hourly_slowness
from analysis.figure_data.latency import AxisMark
from analysis.history.timeline import read_timeline
from analysis.judge import Look, Rollout
from analysis.metric_kinds import SLOW_SHARE, TIME
from analysis.metrics import known_metrics
from analysis.report.figures.expectations import EXPECTATIONS
from analysis.report.figures.hourly import CONTROLS
from analysis.report.figures.picture import Picture
from analysis.report.figures.scope_figures import ScopeFigures
from analysis.report.page_templates import PublishedResult, Section, anchor_of, make_section
from analysis.results.finding_record import FindingRecord
from analysis.text import method, records
from analysis.text.checks import checks_summary
from analysis.text.controls import controls_lines, controls_rows
from analysis.text.headline import (
    NO_FINDING,
    NOT_RANDOMISED,
    NOTHING_DECLARED,
    changed_lines,
    confidence_lines,
    sort_exploratory,
    verdict_headline,
)
from analysis.text.next_steps import NO_CAP, cap_sentences, steps_of
from analysis.text.verdict import VERDICTS
from analysis.window import HOUR, hour_from

MOST_CONTROL_PICTURES = 3


@dataclass(frozen=True)
class Card:
    """One feature: its findings and its figures."""

    feature: str
    anchor: str
    findings: tuple[FindingRecord, ...]
    pictures: tuple[Picture, ...]


def choose_look(rollout: Rollout, window: str, start: str = "", end: str = "") -> Look:
    """The planned look of a window, or the exploratory one from `start` to `end`.

    `start` alone is where a later stage of the monitoring begins.
    """
    if end and not start:
        raise WrongUse("end goes together with start; give both, or a window")
    if end:
        return rollout.explore(clock.parse_instant(start), clock.parse_instant(end))
    if start:
        first_hour = hour_from(rollout.deployed_at, clock.parse_instant(start))
        return rollout.look(window, first_hour=first_hour)
    return rollout.look(window)


class WindowSections:
    """The sections of a window's report; each is made when it is first shown.

    To add one, add a property here, a template in `templates/sections/`, and a cell in
    `notebooks/window.ipynb`.
    """

    def __init__(self, look: Look) -> None:
        self.look = look

    @cached_property
    def verdict(self) -> Section:
        """The verdict in one sentence, and three boxes: what changed, how sure, what to do now."""
        result, settings = self.look.result, self.look.settings
        is_untrusted = result.verdict == "untrusted"
        headline = verdict_headline(result)
        word = VERDICTS[result.verdict].word
        return make_section(
            "verdict",
            f"{word}. {headline}\n{result.reason}",
            result=result,
            headline=headline,
            changed=changed_lines(result),
            sure=confidence_lines(result),
            steps=steps_of(result, settings),
            not_randomised=NOT_RANDOMISED,
            no_finding=NO_FINDING if is_untrusted else NOTHING_DECLARED,
            is_sample=records.is_sample(settings.source.path),
        )

    @cached_property
    def expectations(self) -> Section:
        """Every expectation: the forest plot, then the numbers and a sentence each."""
        result, monitoring = self.look.result, self.look.settings.monitoring
        pictures = []
        if result.expectations:
            forest = prepare_forest(result, too_small=monitoring.smallest_useful)
            pictures.append(EXPECTATIONS.picture(forest))
        return self._findings(
            "expectations", "No expectation is declared.", method.TABLE_NOTE, pictures
        )

    @cached_property
    def features(self) -> Section:
        """A card for each declared feature."""
        cards = [self._card(feature) for feature in self.declared_features]
        text = "\n".join(found.sentence for card in cards for found in card.findings)
        pictures = [picture for card in cards for picture in card.pictures]
        return make_section("cards", text, cards=cards, pictures=pictures)

    @cached_property
    def guardrails(self) -> Section:
        """Every guardrail: what must not get worse."""
        return self._findings("guardrails", "No guardrail is declared.")

    @cached_property
    def controls(self) -> Section:
        """What the control features did: plain and adjusted changes, and a figure for times."""
        rows = controls_rows(self.look.result)
        lines = controls_lines(self.look.result)
        text = "\n".join([*lines, *(row.sentence for row in rows)])
        return make_section(
            "controls", text, lines=lines, rows=rows, pictures=self.control_pictures
        )

    @cached_property
    def what_if(self) -> Section:
        """What another cap would do, for the features that have a cap or a knob for one."""
        lines = cap_sentences(self.look, self._capped_features)
        lines = lines or [NO_CAP]
        return make_section("pictures", "\n".join(lines), lines=lines, pictures=self.cap_pictures)

    @cached_property
    def scan(self) -> Section:
        """What changed although no rule covers it: exploratory."""
        scanned = sort_exploratory(self.look.result, alpha=self.look.plan.alpha)
        return make_section("scan", scanned.intro, **vars(scanned))

    @cached_property
    def checks(self) -> Section:
        """Every check of the data and its answer."""
        checks = self.look.result.checks
        summary = checks_summary(checks)
        return make_section("checks", summary, checks=checks, summary=summary)

    @cached_property
    def method(self) -> Section:
        """How it was computed."""
        lines = method.method_lines(self.look.result)
        facts = method.method_facts(self.look, self.look.result)
        return make_section("facts", "\n".join(lines), lines=lines, facts=facts)

    @cached_property
    def false_alarms(self) -> Section:
        """How often the same rules raise a false alarm inside the baseline."""
        lines = method.false_alarm_lines(self.look.result.calibration)
        return make_section("facts", "\n".join(lines), lines=lines, facts=[])

    @property
    def result(self) -> PublishedResult:
        """The object of result.json: the end of the notebook."""
        return PublishedResult(self.look.result)

    @cached_property
    def control_pictures(self) -> list[Picture]:
        """The claims of time beside their control features; the first three that have any."""
        findings = [
            part
            for finding in (*self.look.expectations, *self.look.guardrails)
            for part in finding.singles
        ]
        evaluations = [
            part.evaluation
            for kind in (TIME, SLOW_SHARE)
            for part in findings
            if part.evaluation and part.evaluation.metric.kind is kind
        ]
        pictures = []
        for evaluation in evaluations[:MOST_CONTROL_PICTURES]:
            prepared = prepare_hourly_slowness(evaluation, self.look.arms, marks=self._marks)
            if prepared:
                label, metric = records.place_of(evaluation.scope), evaluation.metric.name
                pictures.append(CONTROLS.picture(prepared, label, metric=metric))
        return pictures

    @cached_property
    def cap_pictures(self) -> list[Picture]:
        """What a cap would cut off, for each declared feature that has a cap or a knob for one."""
        pictures = (self._figures(feature).cap_curve() for feature in self._capped_features)
        return [picture for picture in pictures if picture]

    @cached_property
    def declared_features(self) -> list[str]:
        """The features that expectations and guardrails name, in the file's order."""
        named = (part.feature for claim in self.look.settings.claims for part in claim.parts)
        return list(dict.fromkeys(feature for feature in named if feature and "*" not in feature))

    def card_pictures(self, feature: str) -> list[Picture]:
        """The figures of a feature's card; a cliff's only where there is one in either arm."""
        figures = self._figures(feature)
        pictures = [figures.outcomes(), figures.hours(self._card_metric(feature)), figures.km()]
        if any(feature in cliffs for cliffs in self.look.cliffs.values()):
            pictures += [figures.latency(), figures.cliff()]
        return [*pictures, figures.shift()]

    def _figures(self, feature: str) -> ScopeFigures:
        return ScopeFigures(self.look, Scope(feature), marks=self._marks)

    def _findings(
        self, family: str, nothing: str, note: str = "", pictures: Sequence[Picture] = ()
    ) -> Section:
        findings = (
            self.look.result.expectations
            if family == "expectations"
            else self.look.result.guardrails
        )
        return make_section(
            "findings",
            "\n".join(found.sentence for found in findings) or nothing,
            findings=findings,
            title=f"{family.capitalize()}, before and after",
            nothing=nothing,
            note=note,
            pictures=pictures,
        )

    def _card(self, feature: str) -> Card:
        findings = [*self.look.result.expectations, *self.look.result.guardrails]
        own = tuple(found for found in findings if found.feature == feature)
        anchor = f"feature-{anchor_of(feature)}"
        return Card(feature, anchor, own, tuple(self.card_pictures(feature)))

    def _card_metric(self, feature: str) -> str:
        """The first rate of calls that a claim of the feature is about, else its error rate."""
        metrics = known_metrics(self.look.arms.user_classes)
        claims = [part for claim in self.look.settings.claims for part in claim.parts]
        for claim in claims:
            metric = metrics.get(claim.metric or "") if claim.feature == feature else None
            if metric and metric.unit == "share" and metric.table == "hourly":
                return metric.name
        return "error_rate"

    @cached_property
    def _marks(self) -> tuple[AxisMark, ...]:
        """Later deployments and turned knobs, in hours from the deploy."""
        deployed_at = self.look.deployed_at
        return tuple(
            AxisMark((mark.at - deployed_at) / HOUR, mark.text)
            for mark in read_timeline(self.look.settings).marks
        )

    @cached_property
    def _capped_features(self) -> list[str]:
        return [
            feature
            for feature in self.declared_features
            if feature in self.look.cliffs["post"] or knobs_of(self.look, Scope(feature))
        ]
