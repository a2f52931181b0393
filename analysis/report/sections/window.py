"""The report of one look, section by section, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis import clock
from analysis.errors import WrongUse
from analysis.judge import Look
from analysis.report.figures.look_figures import LookFigures
from analysis.report.figures.picture import Picture
from analysis.report.page_templates import PublishedResult, Section, anchor_of, make_section
from analysis.results.finding_record import FindingRecord
from analysis.rollout import Rollout
from analysis.text import method, records
from analysis.text.checks import checks_summary
from analysis.text.controls import controls_lines, controls_rows
from analysis.text.harm import feature_lines
from analysis.text.headline import (
    NO_FINDING,
    NOT_RANDOMISED,
    NOTHING_DECLARED,
    changed_lines,
    confidence_lines,
    sort_exploratory,
    verdict_headline,
)
from analysis.text.next_steps import NO_CAP, cap_sentences, next_steps
from analysis.text.verdict_labels import VERDICTS
from analysis.window import hour_from


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
        self.look, self.figures = look, LookFigures(look)

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
            steps=next_steps(result, settings),
            not_randomised=NOT_RANDOMISED,
            no_finding=NO_FINDING if is_untrusted else NOTHING_DECLARED,
            is_sample=records.is_sample(settings.source.path),
        )

    @cached_property
    def expectations(self) -> Section:
        """Every expectation: the forest plot, then the numbers and a sentence each."""
        return self._findings(
            "Expectations",
            self.look.result.expectations,
            "No expectation is declared.",
            note=method.TABLE_NOTE,
            pictures=self.figures.expectations(),
        )

    @cached_property
    def features(self) -> Section:
        """A card for each declared feature."""
        cards = [self._card(feature) for feature in self.figures.features]
        text = "\n".join(found.sentence for card in cards for found in card.findings)
        pictures = [picture for card in cards for picture in card.pictures]
        return make_section("cards", text, cards=cards, pictures=pictures)

    @cached_property
    def guardrails(self) -> Section:
        """Every guardrail, and what the search found that no rule covers."""
        result = self.look.result
        return self._findings(
            "Guardrails",
            result.guardrails,
            "No guardrail is declared.",
            features=feature_lines(result),
            regressions=result.regressions,
        )

    @cached_property
    def controls(self) -> Section:
        """What the control features did: plain and adjusted changes, and a figure for times."""
        rows = controls_rows(self.look.result)
        lines = controls_lines(self.look.result)
        text = "\n".join([*lines, *(row.sentence for row in rows)])
        return make_section(
            "controls", text, lines=lines, rows=rows, pictures=self.figures.controls()
        )

    @cached_property
    def what_if(self) -> Section:
        """What another cap would do, for the features that have a cap or a knob for one."""
        lines = cap_sentences(self.look, self.figures.capped_features) or [NO_CAP]
        pictures = self.figures.caps()
        return make_section("pictures", "\n".join(lines), lines=lines, pictures=pictures)

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

    def _findings(
        self,
        family: str,
        findings: Sequence[FindingRecord],
        nothing: str,
        *,
        note: str = "",
        pictures: Sequence[Picture] = (),
        features: Sequence[str] = (),
        regressions: Sequence[FindingRecord] = (),
    ) -> Section:
        return make_section(
            "findings",
            "\n".join(found.sentence for found in (*findings, *regressions)) or nothing,
            findings=findings,
            title=f"{family}, before and after",
            nothing=nothing,
            note=note,
            features=features,
            regressions=regressions,
            pictures=pictures,
        )

    def _card(self, feature: str) -> Card:
        own = tuple(found for found in self.look.result.claims if found.feature == feature)
        pictures = tuple(self.figures.of_feature(feature))
        return Card(feature, f"feature-{anchor_of(feature)}", own, pictures)
