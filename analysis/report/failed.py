"""The page of a run that failed: the reason in one sentence, what to do, the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis import clock
from analysis.errors import RolloutError
from analysis.leaks import find_leak
from analysis.report.rendering import render
from analysis.text.prose import when_text

if TYPE_CHECKING:
    from analysis.config import Settings


def failed_page(
    settings: Settings, folder: Path, failure: RolloutError, *, has_report: bool
) -> str:
    """The page as text; an earlier good report is linked, for it is still there."""
    reason = str(failure)
    if rule := find_leak(reason):
        reason = f"the reason cannot be shown, it would hold what looks like a secret or personal data (rule: {rule})"
    return render(
        "failed.html.j2",
        name=settings.rollout.name,
        place=settings.paths.relative(folder),
        reason=reason,
        at=when_text(clock.iso(clock.now().replace(microsecond=0))),
        exit_code=failure.exit_code,
        log=getattr(failure, "log", ()),
        has_report=has_report,
        up=settings.paths.up_from(folder),
    )
