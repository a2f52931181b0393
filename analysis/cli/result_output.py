"""A verdict in the terminal: one sentence, then a line per finding."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

MARKS = {"met": "ok", "not_met": "no", "worse": "WORSE", "undecided": "?", "no_data": "few"}


def print_result(result: dict[str, Any], console: Console | None = None) -> None:
    """Print the verdict, its reason, and every finding with its sentence."""
    console = console or Console(highlight=False, soft_wrap=True)
    look = result["look"]
    number = f"look {look['number']} of {look['planned']}" if look["number"] else "exploratory look"
    lines = [
        f"{result['rollout']}, window {look['window']} ({number}), "
        f"{look['start']} to {look['end']}; before/after, not randomised"
    ]
    for finding in (*result["expectations"], *result["guardrails"]):
        mark = MARKS[finding["finding"]]
        lines.append(f"  {mark:5} {finding['name']}: {finding['sentence']}")
    for check in result["checks"]:
        if check["state"] in ("warning", "error"):
            lines.append(f"  {check['state']}: {check['name']}: {check['detail']}")
    console.print(Text(f"{result['verdict']}: {result['reason']}", style="bold"))
    for line in lines:
        console.print(Text(line))
