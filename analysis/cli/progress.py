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
    console.print(Text(f"{result['verdict']}: {result['reason']}", style="bold"))
    number = f"look {look['number']} of {look['planned']}" if look["number"] else "exploratory look"
    stretch = f"{look['start']} to {look['end']}"
    console.print(
        Text(
            f"{result['rollout']}, window {look['window']} ({number}), {stretch}; before/after, not randomised"
        )
    )
    for kind in ("expectations", "guardrails"):
        for finding in result[kind]:
            console.print(
                Text(f"  {MARKS[finding['finding']]:5} {finding['name']}: {finding['sentence']}")
            )
    for check in result["checks"]:
        if check["state"] in ("warning", "error"):
            console.print(Text(f"  {check['state']}: {check['name']}: {check['detail']}"))
