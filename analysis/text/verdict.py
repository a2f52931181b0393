"""The sentences of a verdict: its headline, what changed, how sure, what to do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.clock import iso, parse_instant
from analysis.formatting import count, level, share
from analysis.statistics.sequential import level_of
from analysis.text.prose import (
    UNASKED,
    Found,
    Result,
    among_text,
    changed_text,
    metric_words,
    when_text,
)
from analysis.window import format_duration

if TYPE_CHECKING:
    from analysis.config import Settings
    from analysis.decision.look import Look


@dataclass(frozen=True)
class VerdictWords:
    """A verdict for people: the word, what it means, a sign beside the colour, and its tone (good, wait, bad, none)."""

    word: str
    meaning: str
    sign: str
    tone: str


VERDICTS: Mapping[str, VerdictWords] = {
    "sustained": VerdictWords(
        "Sustained", "the fix works, no guardrail is broken, and it has lasted", "✓", "good"
    ),
    "improved": VerdictWords(
        "Improved",
        "the fix works and no guardrail is broken; whether it lasts is not shown yet",
        "✓",
        "good",
    ),
    "keep_watching": VerdictWords("Keep watching", "the answer is not final yet", "…", "wait"),
    "not_fixed": VerdictWords(
        "Not fixed", "the deploy did not bring what was promised", "✗", "bad"
    ),
    "roll_back": VerdictWords("Roll back", "the deploy did harm", "✗", "bad"),
    "untrusted": VerdictWords("Not trusted", "the data cannot carry a verdict", "?", "none"),
}

BROKEN = ("not_met", "worse")
NO_FINDING = "Nothing is claimed while the data cannot be trusted: the numbers below help to find the mistake, and are no findings."
NOTHING_DECLARED = "No expectation and no guardrail is declared."
NOT_RANDOMISED = "This is a comparison of before and after, not a randomised trial: whatever else changed at the deploy is in these numbers too."


def headline(result: Result) -> str:
    """The verdict in one sentence with its main number."""
    words = VERDICTS[result["verdict"]]
    found = result["expectations"]
    when = (
        f"after {result['look']['window']}"
        if result["look"]["planned"]
        else "in this stretch of time, outside the planned looks"
    )
    if result["verdict"] == "untrusted":
        return f"No verdict {when}: {words.meaning}."
    met = sum(item["finding"] == "met" for item in found)
    kept = (
        f"{met} of {len(found)} expectations met {when}"
        if found
        else f"no expectation is declared, {when}"
    )
    broken, main = harmful(result), main_finding(result)
    numbers = f"{main['name']}: {changed_text(main)}" if main and changed_text(main) else ""
    said = [numbers, kept] if broken else [kept, numbers]
    return f"{words.meaning[0].upper()}{words.meaning[1:]}: {'; '.join(part for part in said if part)}."


def harmful(result: Result) -> list[Found]:
    """What made the verdict bad, the critical guardrails first; empty when it is not bad."""
    bad = [found for found in result["guardrails"] if found["critical"]] + list(
        result["expectations"]
    )
    states = {"roll_back": ("worse", "not_met"), "not_fixed": ("not_met", "worse")}.get(
        result["verdict"], ()
    )
    return [found for state in states for found in bad if found["finding"] == state]


def main_finding(result: Result) -> Found | None:
    """The one that a headline names: what made the verdict bad, else the first expectation."""
    return next(iter([*harmful(result), *result["expectations"]]), None)


def box_changed(result: Result) -> list[tuple[str, str]]:
    """What changed: what got worse or is not met first, then each expectation with its numbers; nothing where the data is not trusted."""
    if result["verdict"] == "untrusted":
        return []
    broken = [found for found in result["guardrails"] if found["finding"] in BROKEN]
    shown = sorted(
        [*broken, *result["expectations"]], key=lambda found: found["finding"] not in BROKEN
    )
    lines = [
        (found["finding"], f"{found['name']}: {changed_text(found) or 'too few calls to compare'}")
        for found in shown
    ]
    guarded = len(result["guardrails"]) - len(broken)
    if guarded:
        met = sum(found["finding"] == "met" for found in result["guardrails"])
        words = f"{met} of {len(result['guardrails'])} guardrails (what must not get worse) hold"
        lines.append(("met" if met == guarded else "undecided", words))
    return lines + _also_moved(result)


def _also_moved(result: Result) -> list[tuple[str, str]]:
    """What no claim is about and got worse, or fails in a new way: no reason for the verdict, and nothing to keep quiet about."""
    claims = [
        part
        for found in (*result["expectations"], *result["guardrails"])
        for part in (found.get("parts") or [found])
    ]
    asked = {(claim["metric"], claim["feature"]) for claim in claims}
    scanned = [
        found for found in result["exploratory"] if (found["metric"], found["feature"]) not in asked
    ]
    new = [found for found in scanned if found.get("event_hour") is not None]
    worse = [found for found in scanned if found["finding"] == "worse" and found not in new]
    said = []
    if worse:
        named = (
            f"{metric_words(worse[0]['metric'])} of {worse[0]['feature']} {changed_text(worse[0])}"
        )
        more = f" and {count(len(worse) - 1)} more" if len(worse) > 1 else ""
        said.append(
            f"of {count(len(scanned))} numbers scanned {count(len(worse))} got worse ({named}{more})"
        )
    if new:
        kinds = (
            "a new class of errors" if len(new) == 1 else f"{count(len(new))} new classes of errors"
        )
        said.append(
            f"{kinds} ({metric_words(new[0]['metric'])} of {new[0]['feature']}{', and more' if len(new) > 1 else ''})"
        )
    return [(UNASKED, f"{'; '.join(said)}; exploratory, it decides nothing")] if said else []


def box_sure(result: Result) -> list[str]:
    """How sure: what a claim had to cross, how often the same rule cries wolf here, and whether the data can be trusted."""
    look = result["look"]
    levels = [found["level"] for found in result["expectations"] if found.get("level")]
    lines = [f"Intervals hold the true change with {level(levels[0])} certainty"] if levels else []
    if look["planned"]:
        lines.append(
            f"Look {look['number']} of {look['planned']}: to count, a change had to be so large that chance brings it in "
            f"{share(1.0 - level_of(look['bound']))} of such looks at most (the bound; stricter early, so that looking early fools nobody)"
        )
    else:
        lines.append("Not a planned look: what it shows is for exploring and decides nothing")
    lines.append(false_alarm_text(result["calibration"]))
    lines.append(checks_text(result["checks"]))
    return lines


def false_alarm_text(calibration: Mapping[str, Any]) -> str:
    """The same judge on deploys that never happened, inside the baseline."""
    pretended, alarms = (
        calibration.get("pretended_deploys") or 0,
        calibration.get("false_alarms") or 0,
    )
    if not pretended:
        return "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known"
    plural = "alarm" if alarms == 1 else "alarms"
    return f"{count(alarms)} false {plural} on {count(pretended)} pretended deploys inside the baseline, where nothing had changed"


def checks_text(checks: Sequence[Mapping[str, str]]) -> str:
    """How many checks of the data passed, and which did not."""
    bad = {
        state: [check["name"] for check in checks if check["state"] == state]
        for state in ("error", "warning")
    }
    passed = sum(check["state"] == "ok" for check in checks)
    words = f"{passed} of {len(checks)} checks of the data are fine"
    named = [f"{'; '.join(names)} ({state})" for state, names in bad.items() if names]
    return f"{words}; not: {', '.join(named)}" if named else words


@dataclass(frozen=True)
class NextStep:
    """What to do now, the command to copy (None when there is none), and why."""

    words: str
    command: str | None
    why: str = ""


def next_steps(
    result: Result,
    *,
    ingestion_delay: timedelta,
    windows: Sequence[tuple[str, timedelta]],
    config: str = "rollout.toml",
) -> list[NextStep]:
    """What follows from the verdict: the knobs that are advised first."""
    option = "" if config == "rollout.toml" else f" --config {config}"
    first = {
        (advice["knob"], str(advice.get("to"))): advice for advice in reversed(result["advice"])
    }
    steps = [advice_step(advice) for advice in reversed(first.values())]
    verdict = result["verdict"]
    if verdict == "untrusted":
        bad = "; ".join(check["name"] for check in result["checks"] if check["state"] == "error")
        return [
            NextStep(
                f"Mend what the checks of the data name{f' ({bad})' if bad else ''}, then look again.",
                f"rollout doctor{option}",
            )
        ]
    if verdict in ("roll_back", "not_fixed"):
        words = (
            "Undo the change or turn a knob back; the hand-over page has the commands."
            if not steps
            else "The way back, step by step:"
        )
        return [*steps, NextStep(words, f"rollout handoff{option}")]
    if verdict == "sustained":
        return [
            *steps,
            NextStep("Hand over: nothing is left to watch.", f"rollout handoff{option}"),
        ]
    return [
        *steps,
        NextStep(
            f"Keep watching{_next_window(result, ingestion_delay, windows)}.",
            f"rollout watch{option}",
        ),
    ]


def steps_of(result: Result, settings: Settings) -> list[NextStep]:
    """What follows from a look of this rollout."""
    windows = list(zip(settings.monitoring.windows, settings.monitoring.lengths, strict=True))
    return next_steps(
        result,
        ingestion_delay=settings.monitoring.ingestion_delay,
        windows=windows,
        config=settings.path.name,
    )


def advice_step(advice: Mapping[str, Any]) -> NextStep:
    """A knob, from which value to which, and why."""
    before, after = advice.get("from"), advice.get("to")
    turned = (
        str(advice["knob"]) if None in (before, after) else f"{advice['knob']}: {before} → {after}"
    )
    effect = f" {advice['predicted']['sentence']}" if advice.get("predicted") else ""
    return NextStep(f"Turn back {turned}.", None, f"{advice['because']}{effect}")


def _next_window(
    result: Result, ingestion_delay: timedelta, windows: Sequence[tuple[str, timedelta]]
) -> str:
    deployed_at, end = parse_instant(result["deployed_at"]), parse_instant(result["look"]["end"])
    for label, length in windows:
        if deployed_at + length > end:
            return f": the look at {label} is due {when_text(iso(deployed_at + length + ingestion_delay))}"
    return (
        f": every planned look is made; the last {format_duration(windows[-1][1])} did not decide"
        if windows
        else ""
    )


NO_CAP = "No declared feature has a cap or a knob for one."


def what_if_lines(look: Look, features: Sequence[str]) -> list[str]:
    """What each knob's cap would do, in the words of `rollout whatif`."""
    lines = []
    for feature in features:
        names = {claim.name for claim in look.settings.claims if claim.feature == feature}
        caps = {
            knob.new_cap_ms
            for knob in look.settings.knobs
            if knob.new_cap_ms and (knob.when.name in names or knob.when.feature == feature)
        }
        if (look.post.latency.rows["feature"] == feature).any():
            lines += [look.what_if(feature, float(cap))["sentence"] for cap in sorted(caps)]
    return lines


def sort_scan(result: Result, *, alpha: float) -> dict[str, Any]:
    """The exploratory findings in three heaps, and the error classes that are new."""
    found = result["exploratory"]
    worse = [item for item in found if item["finding"] == "worse"]
    better = [
        item
        for item in found
        if item not in worse and item["p_adjusted"] is not None and item["p_adjusted"] <= alpha
    ]
    rest = [item for item in found if item not in worse and item not in better]
    new = [
        _new_errors(item, parse_instant(result["deployed_at"]))
        for item in found
        if item.get("event_hour") is not None
    ]
    intro = (
        f"{count(len(found))} numbers of every feature were scanned although nobody asked for them. Some move by chance, so p (how often "
        "chance alone would bring a change as large) is adjusted for all of them (Benjamini-Hochberg): of those called worse or better, "
        f"about {share(alpha)} are expected to be chance. This is exploratory: it decides nothing."
    )
    return {
        "intro": intro,
        "worse": worse,
        "better": better,
        "rest": rest,
        "new_errors": new,
        "total": len(found),
    }


def _new_errors(item: Mapping[str, Any], deployed_at: datetime) -> str:
    """A class of errors that was not there before: how many, since which hour."""
    after, hour = item["post"], int(item["event_hour"])
    since = when_text(iso(deployed_at + timedelta(hours=hour)))
    events = f"{count(after['events'])} of {among_text(item, 'post')} ({share(after['value'])})"
    none = f"none of {among_text(item, 'baseline')} before"
    return (
        f"{metric_words(item['metric'])} of {item['feature']}: {events}, {none}; the first in hour {hour} "
        f"after the deploy, which began at {since}"
    )
