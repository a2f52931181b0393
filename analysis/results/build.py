"""From what a look found to its result: numbers are copied, sentences come from `words`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from analysis import __version__
from analysis.counting.scope import HOURS_A_DAY, Cycle
from analysis.results.baseline import BaselineResult, ForecastRow, SpanRecord
from analysis.results.build_advice import build_advice
from analysis.results.build_finding import build_finding
from analysis.results.model import (
    AcceptedRecord,
    BaselineRecord,
    CalibrationRecord,
    ChangedFeatureRecord,
    CheckRecord,
    CliffRecord,
    CommonHoursRecord,
    FeaturesRecord,
    LookRecord,
    LookResult,
    NewFeatureRecord,
    PostRecord,
    ProvenanceRecord,
    RenamedFeatureRecord,
    ReplayRecord,
    VanishedFeatureRecord,
)
from analysis.telemetry.sql_files import sql_sha256
from analysis.window import HOUR

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.counting.arm import Arm
    from analysis.counting.scans.baseline_tables import BaselineTables
    from analysis.decision.checks.check_records import Check
    from analysis.decision.feature_changes import FeatureChanges
    from analysis.decision.look import LookFindings
    from analysis.decision.power_forecast import PowerForecast
    from analysis.results.words import Words
    from analysis.statistics.latency.cliff import Cliff
    from analysis.statistics.placebo_deploys import Replay


ARMS: tuple[Literal["baseline", "post"], ...] = ("baseline", "post")


def build_result(look: LookFindings, words: Words) -> LookResult:
    """The content of result.json."""
    plan, settings = look.plan, look.settings
    return LookResult(
        rollout=settings.rollout.name,
        title=str(settings.rollout.title),
        verdict=look.verdict.name,
        reason=words.reason(look.verdict),
        deployed_at=look.deployed_at,
        look=LookRecord(
            window=look.label,
            start=look.window.start,
            end=look.window.end,
            bound=plan.bound,
            number=plan.look + 1 if plan.is_planned else None,
            planned=len(plan.times) if plan.is_planned else None,
        ),
        baseline=_baseline(look.baseline),
        post=PostRecord(calls=look.post.calls),
        expectations=tuple(build_finding(found, words) for found in look.expectations),
        guardrails=tuple(build_finding(found, words) for found in look.guardrails),
        regressions=tuple(build_finding(found, words) for found in look.search.regressions),
        price_of_fix=tuple(build_finding(found, words) for found in look.search.price_of_fix),
        exploratory=tuple(build_finding(found, words) for found in look.exploratory),
        features=_features(look.features),
        accepted=tuple(
            AcceptedRecord(
                feature=entry.feature, metric=entry.metric, up_to=entry.up_to, why=entry.why
            )
            for entry in settings.accepted
        ),
        common_hours=CommonHoursRecord(
            compared=look.common_hours.n_common,
            window=look.common_hours.n_post,
            share_of_calls=look.common_hours.share_of_calls,
        ),
        cliffs=_cliffs(look.cliffs),
        advice=tuple(build_advice(advice, words) for advice in look.advice),
        checks=tuple(_check(check, words) for check in look.checks),
        calibration=CalibrationRecord(
            pretended_deploys=look.replay.placebo_deploys,
            false_alarms=look.replay.false_alarms,
            controls=_replay(look.control_replay),
        ),
        provenance=_provenance(settings),
    )


@dataclass(frozen=True, kw_only=True)
class BaselineFindings:
    """What the baseline report shows in addition to the counts.

    Attributes
    ----------
    deployed_at : the deploy, or the present minute before it is known.
    tables : the tables of the 24 hours before the deploy, coverage and unknown errors.
    forecasts : what each planned look will detect of each claim.
    exclusions : starts of hours that look like an incident.
    """

    settings: Settings
    arm: Arm
    deployed_at: datetime
    tables: BaselineTables
    cliffs: Mapping[str, Cliff]
    forecasts: Sequence[PowerForecast]
    exclusions: Sequence[datetime]


def build_baseline_result(found: BaselineFindings) -> BaselineResult:
    """The content of baseline/result.json."""
    rollout, tables = found.settings.rollout, found.tables
    return BaselineResult.model_validate(
        {
            "rollout": rollout.name,
            "title": str(rollout.title),
            "deployed_at": found.deployed_at,
            "provisional": rollout.deployed_at is None,
            "baseline": _baseline(found.arm),
            "published": SpanRecord(start=tables.published.start, end=tables.published.end),
            "latency_distribution": tables.latency,
            "errors_by_source": tables.errors,
            "coverage": tables.coverage,
            "unknown_errors": tables.unknown_errors,
            "cliffs": _cliffs({"baseline": found.cliffs}),
            "foresight": tuple(map(_forecast, found.forecasts)),
            "proposed_exclusions": tuple(found.exclusions),
            "provenance": _provenance(found.settings),
        }
    )


def _baseline(arm: Arm) -> BaselineRecord:
    """The baseline; of two weeks or more only whole weeks are matched."""
    matched = min(Cycle.of(*arm.hours).span * HOUR, arm.window.length)
    return BaselineRecord(
        start=arm.window.start,
        end=arm.window.end,
        days=max(1, matched // (HOURS_A_DAY * HOUR)),
        calls=arm.calls,
        excluded_hours=len(arm.excluded_hours),
    )


def _features(changes: FeatureChanges) -> FeaturesRecord:
    return FeaturesRecord(
        new=tuple(NewFeatureRecord(feature=one.feature, calls=one.calls) for one in changes.new),
        vanished=tuple(
            VanishedFeatureRecord(
                feature=one.feature, expected=one.expected, calls=one.calls, is_harm=one.is_harm
            )
            for one in changes.vanished
        ),
        renamed=tuple(RenamedFeatureRecord(old=one.old, new=one.new) for one in changes.renamed),
        changed=tuple(
            ChangedFeatureRecord(
                feature=one.feature,
                baseline_model=one.baseline_model,
                post_model=one.post_model,
            )
            for one in changes.changed
        ),
    )


def _forecast(forecast: PowerForecast) -> ForecastRow:
    claim = forecast.claim
    return ForecastRow(
        name=claim.name or "",
        feature=claim.feature,
        source=claim.source,
        metric=claim.metric or "",
        claim=claim.claim,
        by=claim.by,
        window=forecast.window,
        baseline=forecast.baseline_value,
        smallest_visible_change=forecast.minimum_detectable_effect,
        calls_needed=forecast.calls_needed,
    )


def _cliffs(cliffs: Mapping[str, Mapping[str, Cliff]]) -> tuple[CliffRecord, ...]:
    """The cliffs of each arm, by feature."""
    return tuple(
        CliffRecord(
            feature=feature,
            arm=arm,
            at_ms=int(cliff.at_ms),
            share_of_timeouts=float(cliff.share_of_errors),
        )
        for arm in ARMS
        for feature, cliff in sorted(cliffs.get(arm, {}).items())
    )


def _check(check: Check, words: Words) -> CheckRecord:
    return CheckRecord(
        name=words.check_name(check), state=check.state, detail=words.check_detail(check)
    )


def _replay(replay: Replay) -> ReplayRecord:
    return ReplayRecord(pretended_deploys=replay.placebo_deploys, false_alarms=replay.false_alarms)


def _provenance(settings: Settings) -> ProvenanceRecord:
    return ProvenanceRecord(
        version=__version__, sql_sha256=sql_sha256(), engine=settings.source.engine
    )
