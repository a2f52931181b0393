"""The verdict in a few lines of Markdown: for a pull request, a chat message, or the step summary of a GitHub Actions run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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
    return _window_summary(result) if "look" in result else _baseline_summary(result)


def append_to_step_summary(text: str) -> None:
    """Write a summary to the step summary of the GitHub Actions run that this is a step of."""
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        raise WrongUse(
            f"--github needs a GitHub Actions run: {STEP_SUMMARY} is not set; leave --github out elsewhere"
        )
    for line in text.splitlines():
        files.append_line(Path(path), line)


def _window_summary(result: Mapping[str, Any]) -> str:
    words = verdict_prose.VERDICTS[result["verdict"]]
    lines = [
        f"## {words.sign} {words.word}: {_plain(result['title'])}, {result['look']['window']} after the deploy",
        "",
        _plain(verdict_prose.headline(result)),
        "",
        "| expectation | found | before | after | change (interval) |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(found) for found in result["expectations"]]
    lines += [
        "",
        *(f"- {_plain(line)}" for line in verdict_prose.box_sure(result)),
        "",
        _plain(verdict_prose.NOT_RANDOMISED),
    ]
    lines += [
        "",
        f"Window {prose.window_text(result)}, {count(result['post']['calls'])} calls after the deploy.",
    ]
    return "\n".join(lines) + "\n"


def _row(found: Mapping[str, Any]) -> str:
    main = prose.deciding_part(found)
    sign, words, _ = prose.FINDINGS[found["finding"]]
    before, after = (
        f"{prose.value_text(main['unit'], main[arm]['value'])} ({prose.calls_text(main, arm)})"
        for arm in ("baseline", "post")
    )
    change = f"{prose.change_text(main['unit'], main['difference'])} ({prose.interval_text(main)})"
    return f"| {_plain(found['name'])} | {sign} {words} | {before} | {after} | {change} |"


def _baseline_summary(result: Mapping[str, Any]) -> str:
    lines = [
        f"## Baseline: {_plain(result['title'])}",
        "",
        *(f"- {_plain(line)}" for line in baseline_prose.baseline_lines(result)),
    ]
    lines += [f"- {_plain(line)}" for line in baseline_prose.cliff_lines(result["cliffs"])]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is."""
    return _SPECIAL.sub(r"\\\1", text)
