"""The report of one look, section by section, in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis import clock
from analysis.counting.scope import Scope
from analysis.errors import WrongUse
from analysis.history.stages import find_marks
from analysis.metrics import SLOW_SHARE, TIME
from analysis.report.figures.picture import Picture
from analysis.report.prepared.values import Mark
from analysis.report.rendering import Section, anchor_of, render
from analysis.report.sections.pictures import (
    cap_picture,
    card_pictures,
    forest_picture,
    slowness_picture,
)
from analysis.report.sections.result import Published
from analysis.text import controls_section as controls_prose
from analysis.text import method, prose
from analysis.text import verdict as verdict_prose
from analysis.window import HOUR, hour_from

if TYPE_CHECKING:
    from analysis.judge import Look, Rollout


MOST_SLOWNESS = 3


@dataclass(frozen=True)
class Card:
    """One feature: its findings and its figures."""

    feature: str
    anchor: str
    findings: tuple[dict[str, Any], ...]
    pictures: tuple[Picture, ...]


def choose_look(rollout: Rollout, window: str, start: str = "", end: str = "") -> Look:
    """The planned look of a window (of a later stage when `start` says where that began), or the exploratory one from start to end."""
    if end and not start:
        raise WrongUse("end goes together with start; give both, or a window")
    if end:
        return rollout.explore(clock.parse_instant(start), clock.parse_instant(end))
    if start:
        return rollout.look(
            window, first_hour=hour_from(rollout.deployed_at, clock.parse_instant(start))
        )
    return rollout.look(window)


class WindowSections:
    """The sections of a window's report; each is made when it is first shown."""

    def __init__(self, look: Look) -> None:
        self.look = look

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Later deployments and turned knobs, in hours from the deploy."""
        deployed_at = clock.parse_instant(self.look.result["deployed_at"])
        return tuple(
            Mark((mark.at - deployed_at) / HOUR, mark.text)
            for mark in find_marks(self.look.settings)
        )

    @cached_property
    def verdict(self) -> Section:
        """The verdict in one sentence, and three boxes: what changed, how sure, what to do now."""
        result, settings = self.look.result, self.look.settings
        html = render(
            "sections/verdict.html.j2",
            result=result,
            headline=verdict_prose.headline(result),
            changed=verdict_prose.box_changed(result),
            sure=verdict_prose.box_sure(result),
            steps=verdict_prose.steps_of(result, settings),
            not_randomised=verdict_prose.NOT_RANDOMISED,
            no_finding=verdict_prose.NO_FINDING
            if result["verdict"] == "untrusted"
            else verdict_prose.NOTHING_DECLARED,
            is_sample=prose.is_sample(settings.source.path),
        )
        return Section(
            html,
            f"{verdict_prose.VERDICTS[result['verdict']].word}. {verdict_prose.headline(result)}\n{result['reason']}",
        )

    @cached_property
    def expectations(self) -> Section:
        """Every expectation: the forest plot, then the numbers and a sentence each."""
        pictures = [
            forest_picture(
                self.look.result, too_small=self.look.settings.monitoring.smallest_useful
            )
        ]
        figure = render(
            "sections/pictures.html.j2",
            lines=[],
            pictures=pictures if self.look.result["expectations"] else [],
        )
        return self._findings(
            "expectations",
            "Expectations, before and after",
            "No expectation is declared.",
            before=figure,
        )

    @cached_property
    def features(self) -> Section:
        """A card for each declared feature."""
        cards = [self._card(feature) for feature in self.declared_features]
        html = render("sections/cards.html.j2", cards=cards)
        return Section(
            html, "\n".join(found["sentence"] for card in cards for found in card.findings)
        )

    @cached_property
    def guardrails(self) -> Section:
        """Every guardrail: what must not get worse."""
        return self._findings(
            "guardrails", "Guardrails, before and after", "No guardrail is declared."
        )

    @cached_property
    def controls(self) -> Section:
        """What features that the deploy did not touch did meanwhile: both numbers, and a figure for the metrics of time."""
        rows = controls_prose.controls_rows(self.look.result)
        intro = controls_prose.controls_lines(self.look.result)
        html = render(
            "sections/controls.html.j2", lines=intro, rows=rows, pictures=self.slowness_pictures
        )
        return Section(html, "\n".join([*intro, *(row.sentence for row in rows)]))

    @cached_property
    def what_if(self) -> Section:
        """What another cap would do, feature by feature, for features that have a cap or a knob for it."""
        lines = verdict_prose.what_if_lines(self.look, self._capped)
        html = render(
            "sections/pictures.html.j2",
            lines=lines or [verdict_prose.NO_CAP],
            pictures=self.cap_pictures,
        )
        return Section(html, "\n".join(lines or [verdict_prose.NO_CAP]))

    @cached_property
    def scan(self) -> Section:
        """What moved anywhere although nobody asked: exploratory."""
        scanned = verdict_prose.sort_scan(self.look.result, alpha=self.look.plan.alpha)
        html = render("sections/scan.html.j2", **scanned)
        return Section(html, scanned["intro"])

    @cached_property
    def checks(self) -> Section:
        """Every check of the data and its answer."""
        checks = self.look.result["checks"]
        summary = verdict_prose.checks_text(checks)
        return Section(render("sections/checks.html.j2", checks=checks, summary=summary), summary)

    @cached_property
    def method(self) -> Section:
        """How it was computed."""
        lines, facts = method.method_lines(self.look.result), method.method_facts(self.look)
        return Section(render("sections/facts.html.j2", lines=lines, facts=facts), "\n".join(lines))

    @cached_property
    def false_alarms(self) -> Section:
        """How often the same judge cries wolf inside the baseline."""
        lines = method.false_alarm_lines(self.look.result["calibration"])
        return Section(render("sections/facts.html.j2", lines=lines, facts=[]), "\n".join(lines))

    @property
    def result(self) -> Published:
        """The object of result.json: the end of the notebook."""
        return Published(self.look.result)

    @cached_property
    def slowness_pictures(self) -> list[Picture]:
        """The claims of time beside the untouched features; the first three that have any."""
        found = [
            part
            for finding in (*self.look.expectations, *self.look.guardrails)
            for part in (finding.parts or (finding,))
        ]
        timed = [
            part.evaluation
            for part in found
            if part.evaluation and part.evaluation.metric.kind is TIME
        ]
        others = [
            part.evaluation
            for part in found
            if part.evaluation and part.evaluation.metric.kind is SLOW_SHARE
        ]
        pictures = [
            slowness_picture(evaluation, marks=self.marks)
            for evaluation in (*timed, *others)[:MOST_SLOWNESS]
        ]
        return [picture for picture in pictures if picture]

    @cached_property
    def cap_pictures(self) -> list[Picture]:
        """What a cap would cut off, for each declared feature that has a cap or a knob for one."""
        return [
            picture
            for feature in self._capped
            if (picture := cap_picture(self.look, Scope(feature)))
        ]

    @cached_property
    def declared_features(self) -> list[str]:
        """The features that expectations and guardrails name, in the file's order."""
        named = (
            part.feature
            for claim in self.look.settings.claims
            for part in (claim.any_of or (claim,))
        )
        return list(dict.fromkeys(feature for feature in named if feature and "*" not in feature))

    def _findings(self, family: str, title: str, nothing: str, *, before: str = "") -> Section:
        findings = self.look.result[family]
        note = method.TABLE_NOTE if family == "expectations" else ""
        html = render(
            "sections/findings.html.j2", findings=findings, title=title, nothing=nothing, note=note
        )
        return Section(before + html, "\n".join(found["sentence"] for found in findings) or nothing)

    def _card(self, feature: str) -> Card:
        found: list[dict[str, Any]] = [
            *self.look.result["expectations"],
            *self.look.result["guardrails"],
        ]
        chosen = tuple(item for item in found if item["feature"] == feature)
        return Card(
            feature,
            "feature-" + anchor_of(feature),
            chosen,
            tuple(card_pictures(self.look, feature, marks=self.marks)),
        )

    @property
    def _capped(self) -> list[str]:
        return [feature for feature in self.declared_features if self._has_cap(feature)]

    def _has_cap(self, feature: str) -> bool:
        knobs = [knob for knob in self.look.settings.knobs if knob.new_cap_ms]
        named = {claim.name for claim in self.look.settings.claims if claim.feature == feature}
        return feature in self.look.cliffs["post"] or any(
            knob.when.name in named or knob.when.feature == feature for knob in knobs
        )
