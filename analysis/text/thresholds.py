"""What would change our mind: for each claim, the number now and the number at which its finding turns."""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.config.settings import Settings
from analysis.formatting import value_of
from analysis.metrics import known_metrics


def say_turning_points(settings: Settings, result: Mapping[str, Any]) -> Iterator[str]:
    """For each claim the number now, the baseline's, and the number at which the finding would turn."""
    metrics = known_metrics(tuple(error_class.name for error_class in settings.error_classes))
    for claim in (*result.get("expectations", ()), *result.get("guardrails", ())):
        for part in claim.get("parts") or (claim,):
            metric = metrics.get(part.get("metric"))
            baseline, post = (part.get(arm, {}).get("value") for arm in ("baseline", "post"))
            turn = _turning_point(part, baseline)
            if metric is None or turn is None:
                continue
            side, value = turn
            name = claim["name"] if part is claim else f"{claim['name']} ({part['metric']})"
            numbers = f"{value_of(metric, post)} now, {value_of(metric, baseline)} before"
            yield f"{name}: {numbers}; turns {side} {value_of(metric, value)}"


def _turning_point(claim: Mapping[str, Any], baseline: float | None) -> tuple[str, float] | None:
    """On which side of which value a claim stops holding."""
    kind = claim.get("claim")
    if kind == "below" and claim.get("limit") is not None:
        return "above", float(claim["limit"])
    if kind == "stays_zero":
        return "above", 0.0
    if baseline is None:
        return None
    if kind == "no_worse":
        return "above", baseline * (1 + float(claim.get("margin") or 0))
    if kind == "falls":
        return "above", baseline * (1 - float(claim.get("by") or 0))
    return ("below", baseline * (1 + float(claim.get("by") or 0))) if kind == "rises" else None
