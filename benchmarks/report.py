"""How long a window's report takes, how long four take, and how large a page is.

    python benchmarks/report.py --runs 5

A report is compared with a plain script that draws the same figures, and four reports with one.
Each is a whole process on the example's sample with a frozen baseline, timed from outside. The two
sides take turns, and a ratio is the median over the pairs, so that a busy machine slows both sides.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from analysis.sample.simulate import simulate_phase_94, write_sample
from benchmarks.output.markdown import table
from benchmarks.output.options import positive

ROOT = Path(__file__).resolve().parents[1]
WINDOW, WINDOWS = "24h", ("1h", "4h", "12h", "24h")
OUTPUT = Path("outputs", "phase-94", "windows", WINDOW)
FOUR_REPORTS = f"""
from pathlib import Path
from analysis.config import load_settings
from analysis.report.reports import run_window_reports
run_window_reports(load_settings(Path("rollout.toml")), {list(WINDOWS)})
"""
# Every figure of the page, drawn by the same functions; no kernel, no notebook, no page.
FIGURES = f"""
from pathlib import Path
import analysis
from analysis.report.sections import WindowSections
sections = WindowSections(analysis.open("rollout.toml").look("{WINDOW}"))
shown = (sections.expectations, sections.features, sections.controls, sections.what_if)
folder = Path("figures")
folder.mkdir(exist_ok=True)
for section in shown:
    for name, svg in section.figures.items():
        (folder / f"{{name}}.svg").write_text(svg)
"""
BASELINE = (sys.executable, "-m", "analysis", "baseline")
REPORT = (sys.executable, "-m", "analysis", "report", "--window", WINDOW)
FOUR = (sys.executable, "-c", FOUR_REPORTS)
SCRIPT = (sys.executable, "-c", FIGURES)
VERDICTS = (0, 1, 3, 4)  # exit codes of a run that worked


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description="How long a window's report takes.")
    parser.add_argument(
        "--runs", type=positive, default=5, help="pairs of report and script; half for four windows"
    )
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = make_example(Path(name))
        report_s, script_s = time_in_turn((REPORT, SCRIPT), folder, runs=runs)
        check_figures(folder)
        four_s, one_s = time_in_turn((FOUR, REPORT), folder, runs=max(2, runs // 2))
        size_mb = (folder / OUTPUT / "report.html").stat().st_size / 1e6
    rows = [
        row("a window's report", report_s, "the same figures by a plain script", script_s, "1.7"),
        row("four windows, two at a time", four_s, "one", one_s, "3"),
        (f"page of the sample's {WINDOW} window", "", f"{size_mb:.2f} MB", "", "", "1.5 MB"),
    ]
    print(table(("what", "s", "compared with", "s", "times (range)", "at most"), rows))


def make_example(folder: Path) -> Path:
    """The example with four windows. Each command runs once, to warm bytecode and font cache."""
    example = (ROOT / "rollout.toml").read_text(encoding="utf-8")
    text = example.replace('windows = ["1h", "4h", "24h"]', f"windows = {list(WINDOWS)}")
    if text == example:
        raise SystemExit(
            "rollout.toml no longer has the windows 1h, 4h, 24h; update this benchmark"
        )
    (folder / "rollout.toml").write_text(text, encoding="utf-8")
    write_sample(simulate_phase_94(), folder / "outputs" / "sample")
    for command in (BASELINE, REPORT, SCRIPT):
        run(command, folder)
    return folder


def time_in_turn(
    commands: Sequence[Sequence[str]], folder: Path, *, runs: int
) -> tuple[list[float], ...]:
    """Wall seconds of each command in each round."""
    seconds: tuple[list[float], ...] = tuple([] for _ in commands)
    for _ in range(runs):
        for command, walls in zip(commands, seconds, strict=True):
            started = time.perf_counter()
            run(command, folder)
            walls.append(time.perf_counter() - started)
    return seconds


def run(command: Sequence[str], folder: Path) -> None:
    """Run a command. Raises SystemExit when it ends without a verdict."""
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode not in VERDICTS:
        text = done.stderr[-400:]
        raise SystemExit(f"{' '.join(command)[:80]} ended with {done.returncode}: {text}")


def check_figures(folder: Path) -> None:
    """The script must draw the figures of the page, or the ratio means nothing."""
    page = {path.name for path in (folder / OUTPUT / "figures").glob("*.svg")}
    script = {path.name for path in (folder / "figures").glob("*.svg")}
    if page != script:
        raise SystemExit(f"script and page have different figures: {sorted(page ^ script)}")


def row(
    what: str, seconds: list[float], other: str, others: list[float], most: str
) -> tuple[str, ...]:
    """Medians, and the median of the ratios with their range."""
    ratios = sorted(first / second for first, second in zip(seconds, others, strict=True))
    times = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    medians = (f"{statistics.median(values):.2f}" for values in (seconds, others))
    first, second = medians
    return (what, first, other, second, times, most)


if __name__ == "__main__":
    main()
