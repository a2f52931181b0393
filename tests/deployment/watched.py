"""A watch whose looks are quick and known in advance: what the tests run, in this process and in ones that are killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from analysis.clock import CLOCK_VARIABLE, iso, parse_instant
from analysis.config import Settings, load_settings
from analysis.deployment.watch import watch
from analysis.files import write_json, write_text
from analysis.history.ledger import open_ledger
from analysis.history.stages import PlannedLook

DEPLOYED = "2026-02-02T23:10:16Z"
DEPLOY = parse_instant(DEPLOYED)
GOOD_STORY = {"1h": "keep_watching", "4h": "improved", "24h": "sustained"}


def result_of(look: PlannedLook, verdict: str, **more: Any) -> dict[str, Any]:
    """The parts of result.json that the deployment reads."""
    window = {"window": look.label, "start": iso(look.window.start), "end": iso(look.window.end)}
    window |= {"number": look.number, "planned": look.planned, "bound": 3.0}
    empty = {
        "expectations": [],
        "guardrails": [],
        "exploratory": [],
        "advice": [],
        "checks": [],
        "cliffs": [],
    }
    start = {"start": iso(DEPLOY - timedelta(days=7)), "end": DEPLOYED}
    said = {
        "rollout": "phase-94",
        "baseline": start | {"days": 7, "calls": 1000, "excluded_hours": 0},
        "provenance": {"version": "0", "sql_sha256": "0" * 64, "engine": "duckdb"},
        "verdict": verdict,
        "reason": f"{look.label} says {verdict}",
        "deployed_at": DEPLOYED,
        "look": window,
    }
    return said | empty | more


def writing_looks(
    settings: Settings, story: Mapping[str, str], *, takes_s: float = 0.0
) -> Callable[[PlannedLook], Mapping[str, Any]]:
    """Looks that write their page and result as a report does, and note that they were whole."""

    def run_look(look: PlannedLook) -> Mapping[str, Any]:
        folder, result = (
            settings.paths.window(look.label, stage=look.stage).path,
            result_of(look, story[look.label]),
        )
        time.sleep(takes_s / 2)
        write_text(folder / "report.html", f"<p>{result['reason']}</p>")
        time.sleep(takes_s / 2)
        write_json(folder / "result.json", result)
        with (settings.folder / "whole.txt").open("a") as noted:
            noted.write(f"{look.stage} {look.label}\n")
        return result

    return run_look


def looks_in(settings: Settings) -> list[tuple]:
    """The look events without the moment they were written."""
    events = open_ledger(settings).read().of("look", "look_failed")
    return [
        (
            event.event,
            *(
                event.facts.get(key)
                for key in ("stage", "window", "start", "end", "verdict", "exit_code", "reason")
            ),
        )
        for event in events
    ]


def whole_looks(settings: Settings) -> list[str]:
    path = settings.folder / "whole.txt"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def watch_in_a_process(config: Path, clock_file: Path, takes_s: float) -> None:
    """Watch to the end and exit as the command does."""
    os.environ[CLOCK_VARIABLE] = str(clock_file)
    settings = load_settings(config)
    sys.exit(watch(settings, writing_looks(settings, GOOD_STORY, takes_s=takes_s)).exit_code)
