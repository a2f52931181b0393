"""The verdict as Markdown, for a pull request, a chat, or the summary of a GitHub Actions run."""

from __future__ import annotations

import os
from pathlib import Path

from analysis import files
from analysis.errors import WrongUse
from analysis.report.page_templates import render
from analysis.results.baseline import BaselineResult
from analysis.results.model import LookResult
from analysis.text.baseline import baseline_lines, cliff_lines
from analysis.text.harm import feature_lines, harm_texts
from analysis.text.headline import NOT_RANDOMISED, confidence_lines, verdict_headline

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def summary_of(result: LookResult | BaselineResult) -> str:
    """summary.md of a report."""
    if isinstance(result, BaselineResult):
        lines = [*baseline_lines(result), *cliff_lines(result.cliffs)]
        return render("baseline_summary.md.j2", title=result.title, lines=lines)
    return render(
        "summary.md.j2",
        result=result,
        headline=verdict_headline(result),
        harm=harm_texts(result),
        features=feature_lines(result),
        sure=confidence_lines(result),
        not_randomised=NOT_RANDOMISED,
    )


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
