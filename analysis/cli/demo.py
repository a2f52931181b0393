"""The whole example in one call: sample data, baseline, every window, index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from analysis.config import load_settings
from analysis.deployment.handoff import find_handoff
from analysis.deployment.reported_looks import report_planned_looks
from analysis.files import write_text
from analysis.report.handoff import write_handoff
from analysis.report.index import write_index
from analysis.report.reports import run_baseline_report
from analysis.results.model import LookResult
from analysis.sample.simulate import simulate_phase_94, write_sample

EXAMPLE = Path(__file__).resolve().parents[2] / "rollout.toml"


def run_demo(out: Path | None, *, say: Callable[[str], None]) -> tuple[LookResult, Path]:
    """Make the example next to rollout.toml, or in a folder `out` with a copy of the file.

    Returns the last look's result and the index page.
    """
    config = EXAMPLE if out is None else _copy_example(out)
    say("sample data: seven days before and a day after the deploy, simulated with a fixed seed")
    write_sample(simulate_phase_94(), config.parent / "outputs" / "sample")
    settings = load_settings(config)
    say("baseline")
    run_baseline_report(settings)
    say(f"windows {', '.join(settings.monitoring.windows)}, two at a time")
    written = report_planned_looks(settings, settings.monitoring.windows)
    write_handoff(settings, asdict(find_handoff(settings)))
    return written[-1].result, write_index(settings)


def _copy_example(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    config = out / "rollout.toml"
    if not config.exists():
        write_text(config, EXAMPLE.read_text(encoding="utf-8"))
    return config
