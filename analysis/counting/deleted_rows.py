"""A frozen baseline is not replaced by a shorter one: where the application has deleted rows, its counts are all that is left of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from analysis.clock import iso, parse_instant
from analysis.counting.load import Arm
from analysis.errors import DataNotTrusted
from analysis.window import HOUR, Window

DAY = timedelta(days=1)
_CHANGED = {
    "sql": "the version of rollout",
    "source": "[source]",
    "deployed_at": "the deploy's time",
    "baseline": "[baseline]",
    "settle_s": "[monitoring].settle",
    "warm_up_s": "[rollout].warm_up",
    "classes": "[[error_class]]",
    "taus": "a tau_ms",
    "events": "what the claims count",
}


def check_rows_still_there(
    facts: dict[str, Any], arm: Arm, *, asked: Window, made_from: dict[str, Any], shown: str
) -> None:
    """Refuse to freeze `arm` over the baseline that says `facts` when rows that were counted there, and are asked for, are gone.

    Raises DataNotTrusted naming what changed since, so that it can be undone; `shown` is the file.
    """
    lost_before = _lost_before(facts, arm, asked)
    if lost_before is None:
        return
    changed = [
        words
        for key, words in _CHANGED.items()
        if facts["made_from"].get(key) != _as_json(made_from.get(key))
    ]
    raise DataNotTrusted(
        f"{' and '.join(changed) or 'something'} changed since the baseline was frozen, and rows it was counted from "
        f"(before {lost_before}) are deleted meanwhile; undo the change, or delete {shown} to judge by what is left"
    )


def _lost_before(facts: dict[str, Any], arm: Arm, asked: Window) -> str | None:
    """Until when rows are missing; None when nothing that is asked for is."""
    first_frozen = facts["trust"].get("first_written_at")
    first_now = arm.trust.get("first_written_at")
    if first_frozen and parse_instant(first_frozen) in asked:
        if first_now is None or first_now > parse_instant(first_frozen) + HOUR:
            return iso(first_now or asked.end)
        return None
    shorter = arm.window.start >= max(parse_instant(facts["start"]), asked.start) + DAY
    return iso(arm.window.start) if shorter else None


def _as_json(value: Any) -> Any:
    """The value as the frozen file holds it."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value
