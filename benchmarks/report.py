"""How long a window's report takes beside a plain script that draws the same figures, and four reports beside one; how large a page is.

    python benchmarks/report.py --runs 5

Whole processes on the example's sample, its baseline frozen and the bytecode warm, timed from outside and in turn: report, script,
report, script. A ratio is the median over the pairs, so that a machine that is busy for a while is busy for both.
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

ROOT = Path(__file__).resolve().parents[1]
WINDOW, WINDOWS = "24h", ("1h", "4h", "12h", "24h")
REPORT = (sys.executable, "-m", "analysis", "report", "--window", WINDOW)
FOUR_SCRIPT = f"""
from pathlib import Path
from analysis.config import load_settings
from analysis.report.reports import run_window_reports
run_window_reports(load_settings(Path("rollout.toml")), {list(WINDOWS)})
"""
FOUR = (sys.executable, "-c", FOUR_SCRIPT)
# The same figures: every one that the page shows, drawn by the same functions and written as SVG; no kernel, no notebook, no page.
SCRIPT = f"""
from pathlib import Path
import analysis
from analysis.counting.scope import Scope
from analysis.report.sections import WindowSections, pictures
look = analysis.open("rollout.toml").look("{WINDOW}")
sections = WindowSections(look)
drawn = [pictures.forest_picture(look.result, too_small=look.settings.monitoring.smallest_useful)]
for feature in sections.declared_features:
    drawn += pictures.card_pictures(look, feature, marks=sections.marks)
drawn += sections.slowness_pictures
drawn += sections.cap_pictures
folder = Path("figures")
folder.mkdir(exist_ok=True)
for picture in drawn:
    (folder / f"{{picture.name}}.svg").write_text(picture.svg)
"""


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs",
        type=int,
        default=5,
        help="pairs of report and script; half of it for the four windows",
    )
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = make_example(Path(name))
        one_s, script_s = time_in_turn((REPORT, (sys.executable, "-c", SCRIPT)), folder, runs=runs)
        same_figures(folder)
        four_s, alone_s = time_in_turn((FOUR, REPORT), folder, runs=max(2, runs // 2))
        size_mb = (
            folder / "outputs" / "phase-94" / "windows" / WINDOW / "report.html"
        ).stat().st_size / 1e6
    print("\n| what | s | beside | s | times (range) | at most |\n|---|---|---|---|---|---|")
    print_row("a window's report", one_s, "the same figures by a plain script", script_s, "1.7")
    print_row("four windows, two at a time", four_s, "one", alone_s, "3")
    print(f"| page of the sample's {WINDOW} window | | {size_mb:.2f} MB | | | 1.5 MB |")


def make_example(folder: Path) -> Path:
    """The example with four windows and its baseline frozen; every command has run once, so that bytecode and font cache are warm."""
    text = (
        (ROOT / "rollout.toml")
        .read_text(encoding="utf-8")
        .replace('windows = ["1h", "4h", "24h"]', f"windows = {list(WINDOWS)}")
    )
    if str(list(WINDOWS)) not in text:
        raise SystemExit("rollout.toml has other windows than this benchmark knows")
    (folder / "rollout.toml").write_text(text, encoding="utf-8")
    write_sample(simulate_phase_94(), folder / "outputs" / "sample")
    for command in (
        (sys.executable, "-m", "analysis", "baseline"),
        REPORT,
        (sys.executable, "-c", SCRIPT),
    ):
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
    """Run a command; one that ends with anything but a verdict is a mistake of the benchmark."""
    ended = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ended.returncode not in (0, 1, 3, 4):
        raise SystemExit(
            f"{' '.join(command)[:80]} ended with {ended.returncode}: {ended.stderr[-400:]}"
        )


def same_figures(folder: Path) -> None:
    """The script must have drawn exactly what the page shows, else the ratio means nothing."""
    page = {
        path.name
        for path in (folder / "outputs" / "phase-94" / "windows" / WINDOW / "figures").glob("*.svg")
    }
    script = {path.name for path in (folder / "figures").glob("*.svg")}
    if page != script:
        raise SystemExit(f"the script does not draw the page's figures: {sorted(page ^ script)}")


def print_row(what: str, seconds: list[float], beside: str, others: list[float], most: str) -> None:
    """Medians, and the median of the ratios with their range."""
    ratios = sorted(first / second for first, second in zip(seconds, others, strict=True))
    times = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(
        f"| {what} | {statistics.median(seconds):.2f} | {beside} | {statistics.median(others):.2f} | {times} | {most} |"
    )


if __name__ == "__main__":
    main()
