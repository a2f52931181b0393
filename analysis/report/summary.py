"""The verdict as Markdown, for a pull request, a chat, or the summary of a GitHub Actions run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis import files
from analysis.errors import WrongUse
from analysis.formatting import count
from analysis.text import baseline as baseline_prose
from analysis.text import prose
from analysis.text import verdict as verdict_prose

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def summary_of(result: Mapping[str, Any]) -> str:
    """summary.md of a report."""
    lines = _window_lines(result) if "look" in result else _baseline_lines(result)
    return "\n".join(lines) + "\n"


def append_to_step_summary(text: str) -> None:
    """Append a summary to that of the GitHub Actions run which this command is a step of."""
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        raise WrongUse(
            f"--github needs a GitHub Actions run: {STEP_SUMMARY} is not set; "
            "leave --github out elsewhere"
        )
    for line in text.splitlines():
        files.append_line(Path(path), line)


def _window_lines(result: Mapping[str, Any]) -> list[str]:
    words, window = verdict_prose.VERDICTS[result["verdict"]], result["look"]["window"]
    title = f"{words.sign} {words.word}: {_escaped(result['title'])}"
    calls = count(result["post"]["calls"])
    return [
        f"## {title}, {window} after the deploy",
        "",
        _escaped(verdict_prose.headline(result)),
        "",
        "| expectation | found | before | after | change (interval) |",
        "|---|---|---|---|---|",
        *map(_finding_row, result["expectations"]),
        "",
        *_bullets(verdict_prose.box_sure(result)),
        "",
        _escaped(verdict_prose.NOT_RANDOMISED),
        "",
        f"Window {prose.window_text(result)}, {calls} calls after the deploy.",
    ]


def _finding_row(found: Mapping[str, Any]) -> str:
    main = prose.deciding_part(found)
    unit, (sign, words, _) = main["unit"], prose.FINDINGS[found["finding"]]
    before, after = (
        f"{prose.value_text(unit, main[arm]['value'])} ({prose.calls_text(main, arm)})"
        for arm in ("baseline", "post")
    )
    change = f"{prose.change_text(unit, main['difference'])} ({prose.interval_text(main)})"
    return f"| {_escaped(found['name'])} | {sign} {words} | {before} | {after} | {change} |"


def _baseline_lines(result: Mapping[str, Any]) -> list[str]:
    return [
        f"## Baseline: {_escaped(result['title'])}",
        "",
        *_bullets(baseline_prose.baseline_lines(result)),
        *_bullets(baseline_prose.cliff_lines(result["cliffs"])),
    ]


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {_escaped(line)}" for line in lines]


def _escaped(text: str) -> str:
    """Text without Markdown's special characters."""
    return _SPECIAL.sub(r"\\\1", text)
