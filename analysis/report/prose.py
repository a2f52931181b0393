"""Every sentence of the pages that is not a finding's own, made from the object of result.json and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from analysis.clock import iso, parse_instant
from analysis.decision import wording
from analysis.decision.wording import THIN, claimed_share, count, level, milliseconds, p_value, share
from analysis.metrics import known_metrics
from analysis.window import format_duration

Result = Mapping[str, Any]
Found = Mapping[str, Any]
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class _Unit:
    """A unit, for words that ask a metric for nothing else."""

    unit: str


@dataclass(frozen=True)
class VerdictWords:
    """A verdict for people: the word, what it means, a sign beside the colour, and its tone (good, wait, bad, none)."""

    word: str
    meaning: str
    sign: str
    tone: str


VERDICTS: Mapping[str, VerdictWords] = {
    "sustained": VerdictWords("Sustained", "the fix works, it hurt nothing, and it has lasted", "✓", "good"),
    "improved": VerdictWords("Improved", "the fix works and hurt nothing; whether it lasts is not shown yet", "✓", "good"),
    "keep_watching": VerdictWords("Keep watching", "nothing is decided yet", "…", "wait"),
    "not_fixed": VerdictWords("Not fixed", "the deploy did not bring what was promised", "✗", "bad"),
    "roll_back": VerdictWords("Roll back", "the deploy did harm", "✗", "bad"),
    "untrusted": VerdictWords("Not trusted", "the data cannot carry a verdict", "?", "none"),
}

FINDINGS: Mapping[str, tuple[str, str, str]] = {
    "met": ("✓", "met", "good"),
    "not_met": ("✗", "not met", "bad"),
    "worse": ("✗", "worse", "bad"),
    "undecided": ("…", "undecided", "wait"),
    "no_data": ("–", "too few calls", "none"),
}

NOT_RANDOMISED = (
    "This is a comparison of before and after, not a randomised trial: whatever else changed at the deploy is in these numbers too."
)


def headline(result: Result) -> str:
    """The verdict in one sentence with its main number."""
    words = VERDICTS[result["verdict"]]
    found = result["expectations"]
    when = f"after {result['look']['window']}" if result["look"]["planned"] else "in this stretch of time, outside the planned looks"
    if result["verdict"] == "untrusted":
        return f"No verdict {when}: {words.meaning}."
    met = sum(item["finding"] == "met" for item in found)
    kept = f"{met} of {len(found)} expectations met {when}" if found else f"no expectation is declared, {when}"
    main = next((change for item in found if (change := changed_text(item))), None)
    return f"{words.meaning[0].upper()}{words.meaning[1:]}: {kept}" + (f"; {found[0]['name']}: {main}." if main and changed_text(found[0]) else ".")


def changed_text(found: Found) -> str | None:
    """Before, after and the change at the same mix of calls, in the metric's unit; None when there is nothing to compare."""
    found = deciding_part(found)
    before, after = found["baseline"]["value"], found["post"]["value"]
    if before is None or after is None:
        return None
    unit = found["unit"]
    change = f" ({change_text(unit, found['difference'])})" if found["difference"] is not None else ""
    return f"{value_text(unit, before)} → {value_text(unit, after)}{change}"


def deciding_part(found: Found) -> Found:
    """The part of an `any_of` that its finding rests on; any other finding is its own."""
    parts = found.get("parts") or []
    same = [part for part in parts if part["finding"] == found["finding"]]
    return (same or parts or [found])[0]


def value_text(unit: str | None, value: float | None) -> str:
    """A value in its unit."""
    return wording.value_of(_Unit(unit or ""), value)


def change_text(unit: str | None, change: float | None) -> str:
    """A difference with its sign; shares differ by percentage points."""
    return wording.change_of(_Unit(unit or ""), change)


def interval_text(found: Found) -> str:
    """The interval of the change."""
    interval = found.get("interval")
    return NONE if not interval or None in interval else wording.interval_of(_Unit(found["unit"] or ""), tuple(interval))


def calls_text(arm: Mapping[str, Any]) -> str:
    """How many calls, and how many of them are events when that is counted."""
    calls = f"{count(arm['calls'])} calls"
    return calls if arm.get("events") is None else f"{count(arm['events'])} of {calls}"


def claim_text(found: Found) -> str:
    """What was asked, in words."""
    kind, unit = found.get("claim"), found.get("unit")
    if found.get("parts"):
        return "at least one of: " + "; ".join(f"{part['metric']} {claim_text(part)}" for part in found["parts"])
    if kind in ("falls", "rises"):
        return f"{kind} by at least {claimed_share(found['by'])}" if found.get("by") else kind
    if kind == "no_worse":
        return f"at most {claimed_share(found.get('margin') or 0)} worse than before"
    if kind == "below":
        return f"stays below {value_text(unit, found['limit'])}"
    return "stays at zero" if kind == "stays_zero" else "nothing was asked"


def own_sentence(found: Found) -> str:
    """The finding's sentence, without its name where that stands before it."""
    return found["sentence"].removeprefix(f"{found['name']}: ")


def visible_text(found: Found) -> str:
    """What a finding that says nothing could have said: the smallest change this look would have seen, and the hours still needed."""
    if found["finding"] in ("met", "worse"):
        return ""
    change = found.get("smallest_visible_change")
    if change is None:
        return "no change could have been seen with so few calls"
    words = f"a change of {change_text(found['unit'], abs(change)).lstrip('+')} would have been seen (in 4 of 5 cases)"
    needed = found.get("hours_needed")
    return words + (f"; about {count(needed)}{THIN}h from the deploy are needed at today's traffic" if needed else "")


def box_changed(result: Result) -> list[tuple[str, str]]:
    """What changed: for each expectation its state and its numbers."""
    lines = []
    for found in result["expectations"]:
        numbers = changed_text(found) or "too few calls to compare"
        lines.append((found["finding"], f"{found['name']}: {numbers}"))
    broken = [found for found in result["guardrails"] if found["finding"] in ("not_met", "worse")]
    lines += [(found["finding"], f"{found['name']}: {changed_text(found) or 'too few calls to compare'}") for found in broken]
    guarded = len(result["guardrails"]) - len(broken)
    if guarded:
        met = sum(found["finding"] == "met" for found in result["guardrails"])
        lines.append(("met" if met == guarded else "undecided", f"{met} of {len(result['guardrails'])} guardrails hold"))
    return lines


def box_sure(result: Result) -> list[str]:
    """How sure: what a claim had to cross, how often the same rule cries wolf here, and whether the data can be trusted."""
    look = result["look"]
    lines = []
    if look["planned"]:
        lines.append(
            f"Look {look['number']} of {look['planned']}: a change had to stand out by {look['bound']:.2f} standard errors (the bound), "
            "so that looking early cannot fool us"
        )
    else:
        lines.append("Not a planned look: what it shows is for exploring and decides nothing")
    levels = [found["level"] for found in result["expectations"] if found.get("level")]
    if levels:
        lines.append(f"Intervals hold the true change with {level(levels[0])} certainty")
    lines.append(false_alarm_text(result["calibration"]))
    lines.append(checks_text(result["checks"]))
    return lines


def false_alarm_text(calibration: Mapping[str, Any]) -> str:
    """The same judge on deploys that never happened, inside the baseline."""
    pretended, alarms = calibration.get("pretended_deploys") or 0, calibration.get("false_alarms") or 0
    if not pretended:
        return "No pretended deploy fits into this baseline, so how often the rule cries wolf here is not known"
    plural = "alarm" if alarms == 1 else "alarms"
    return f"{count(alarms)} false {plural} on {count(pretended)} pretended deploys inside the baseline, where nothing had changed"


def checks_text(checks: Sequence[Mapping[str, str]]) -> str:
    """How many checks of the data passed, and which did not."""
    bad = {state: [check["name"] for check in checks if check["state"] == state] for state in ("error", "warning")}
    passed = sum(check["state"] == "ok" for check in checks)
    words = f"{passed} of {len(checks)} checks of the data are fine"
    named = [f"{'; '.join(names)} ({state})" for state, names in bad.items() if names]
    return f"{words}; not: {', '.join(named)}" if named else words


@dataclass(frozen=True)
class NextStep:
    """What to do now, and the command to copy; None when there is none."""

    words: str
    command: str | None


def next_steps(result: Result, *, settle: timedelta, windows: Sequence[tuple[str, timedelta]], config: str = "rollout.toml") -> list[NextStep]:
    """What follows from the verdict: the knobs that are advised first."""
    option = "" if config == "rollout.toml" else f" --config {config}"
    steps = [advice_step(advice) for advice in result["advice"]]
    verdict = result["verdict"]
    if verdict == "untrusted":
        return [NextStep("Mend what the checks of the data name, then look again.", f"rollout doctor{option}")]
    if verdict in ("roll_back", "not_fixed"):
        words = "Undo the change or turn a knob back; the hand-over page has the commands." if not steps else "The way back, step by step:"
        return [*steps, NextStep(words, f"rollout handoff{option}")]
    if verdict == "sustained":
        return [*steps, NextStep("Hand over: nothing is left to watch.", f"rollout handoff{option}")]
    return [*steps, NextStep(f"Keep watching{_next_window(result, settle, windows)}.", f"rollout watch{option}")]


def advice_step(advice: Mapping[str, Any]) -> NextStep:
    """A knob, from which value to which, and why."""
    turned = f"{advice['knob']}: {advice['from']} → {advice['to']}" if advice.get("to") is not None else str(advice["knob"])
    effect = f" {advice['predicted']['sentence']}" if advice.get("predicted") else ""
    return NextStep(f"Turn back {turned}. Why: {advice['because']}{effect}", None)


def window_text(result: Result) -> str:
    """The window in words, with the time zone."""
    look = result["look"]
    return f"{when_text(look['start'])} to {when_text(look['end'])}"


def when_text(instant: str) -> str:
    """An instant for people, in UTC.

    >>> when_text("2026-02-02T23:10:16Z")
    '2026-02-02 23:10:16 UTC'
    """
    return iso(parse_instant(instant)).replace("T", " ").replace("Z", " UTC")


def p_text(found: Found) -> str:
    """p of the claim's own null, and the one adjusted for all expectations."""
    adjusted = found.get("p_adjusted")
    return p_value(found.get("p_value")) + (f" (adjusted {p_value(adjusted)})" if adjusted is not None else "")


def _next_window(result: Result, settle: timedelta, windows: Sequence[tuple[str, timedelta]]) -> str:
    deployed_at, end = parse_instant(result["deployed_at"]), parse_instant(result["look"]["end"])
    for label, length in windows:
        if deployed_at + length > end:
            return f": the look at {label} is due {when_text(iso(deployed_at + length + settle))}"
    return f": every planned look is made; the last {format_duration(windows[-1][1])} did not decide" if windows else ""


NO_CAP = "No declared feature has a cap or a knob for one."


def what_if_lines(look: Any, features: Sequence[str]) -> list[str]:
    """What each knob's cap would do, in the words of `rollout whatif`."""
    lines = []
    for feature in features:
        names = {claim.name for claim in look.settings.claims if claim.feature == feature}
        caps = {knob.new_cap_ms for knob in look.settings.knobs if knob.new_cap_ms and (knob.when.name in names or knob.when.feature == feature)}
        if (look.post.latency.rows["feature"] == feature).any():
            lines += [look.what_if(feature, float(cap))["sentence"] for cap in sorted(caps)]
    return lines


def sort_scan(result: Result, *, alpha: float) -> dict[str, Any]:
    """The exploratory findings in three heaps, and the error classes that are new."""
    found = result["exploratory"]
    worse = [item for item in found if item["finding"] == "worse"]
    better = [item for item in found if item not in worse and item["p_adjusted"] is not None and item["p_adjusted"] <= alpha]
    rest = [item for item in found if item not in worse and item not in better]
    new = [
        f"{item['metric'].removesuffix('_rate')} of {item['feature']} ({count(item['post']['events'])} of {count(item['post']['calls'])} "
        f"calls, the first in hour {item['event_hour']} after the deploy)"
        for item in found
        if item.get("event_hour") is not None
    ]
    intro = (
        f"{count(len(found))} numbers of every feature were scanned although nobody asked for them. Some move by chance, so p is adjusted "
        f"for all of them (Benjamini-Hochberg): of those called worse or better, about {share(alpha)} are expected to be chance. "
        "This is exploratory and decides nothing."
    )
    return {"intro": intro, "worse": worse, "better": better, "rest": rest, "new_errors": new, "total": len(found)}


def is_sample(path: str | None) -> bool:
    """Whether the calls are the made-up ones that `rollout demo` writes."""
    return bool(path) and path.replace("\\", "/").startswith("outputs/sample/")


POWER = (
    "What the planned looks will be able to tell: a change smaller than this would mostly be missed at that look (it is seen in 4 of 5 "
    "cases). A claim that asks for less cannot be decided so early."
)
UNKNOWN = "Texts of errors stay in the database; a signature keeps only words that are known to hold no data, all else is blanked."
NO_UNKNOWN = "Every error has a known class."


def baseline_lines(content: Result) -> list[str]:
    """What the baseline is."""
    baseline, published = content["baseline"], content["published"]
    days = "day" if baseline["days"] == 1 else "days"
    lines = [
        f"{count(baseline['calls'])} calls started in the {baseline['days']} {days} from {when_text(baseline['start'])} to "
        f"{when_text(baseline['end'])}; {count(baseline['excluded_hours'])} hours are left out.",
        f"The two tables below cover {when_text(published['start'])} to {when_text(published['end'])}, by the time a call was written; "
        "everywhere else a call belongs to the hour in which it started.",
    ]
    if baseline["days"] < 3:
        lines.append("With fewer than three days the spread of hours is known badly, so only large changes will be seen; seven days are better.")
    return lines


def cliff_lines(cliffs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where calls were cut off."""
    if not cliffs:
        return ["No feature has a timeout cliff: errors do not pile up at one latency."]
    return [
        f"{cliff['feature']}: {share(cliff['share_of_timeouts'])} of its timeouts lie within 2\N{NARROW NO-BREAK SPACE}% of {milliseconds(cliff['at_ms'])} "
        "(a timeout cliff: calls are cut off there)."
        for cliff in cliffs
    ]


def exclusion_lines(content: Result) -> list[str]:
    """Hours that stand out, proposed for exclusion."""
    hours = content["proposed_exclusions"]
    if not hours:
        return ["No hour stands out as an incident."]
    return [f"These hours stand far out; if they were an incident, add them to [baseline].exclude: {', '.join(when_text(hour) for hour in hours)}."]


def power_rows(foresight: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a claim and metric, one column a window."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in foresight:
        metric = metric_unit(item["metric"])
        key = (item["name"], item["metric"], item["feature"], item["source"])
        row = rows.setdefault(key, {"name": item["name"], "metric": item["metric"], "now": value_text(metric, item["baseline"])})
        visible = item["smallest_visible_change"]
        row[item["window"]] = _seen(metric, visible)
    return list(rows.values())


def _seen(unit: str, visible: float | None) -> str:
    """The smallest visible change; a share that would have to change by more than it can is not seen at all."""
    if visible is None:
        return "not known"
    return "nothing" if unit == "share" and abs(visible) >= 1 else change_text(unit, abs(visible)).lstrip("+")


def metric_unit(name: str) -> str:
    """The unit of a metric; a class of the user is a share."""
    known = known_metrics()
    return known[name].unit if name in known else "share"
