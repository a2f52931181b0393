"""How long a comparison takes beside what an analyst writes today, side by side in one run: medians, ratios, peak memory.

    python benchmarks/speed.py                                      1 million calls in Parquet: some minutes
    python benchmarks/speed.py --millions 1 10 100 --engines parquet duckdb postgres spark --docs docs
                                                                    and the tables and the figure of docs/performance.md: an hour

Each contender is a whole process, timed from outside. The rows are made by DuckDB, seeded: a week of baseline and a day after.
PostgreSQL is that of the tests (TEST_DATABASE_URL names another); Spark runs in .venv-spark, which `make test-spark` makes.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from analysis.files import write_text
from benchmarks.speed_parts import contenders as who
from benchmarks.speed_parts.figure import write_figure
from benchmarks.speed_parts.rows import make_duckdb, make_parquet, make_postgres
from benchmarks.speed_parts.timed import Contender, Timed, time_process

ROOT = Path(__file__).resolve().parents[1]
OURS = "rollout compare, nothing frozen"
LOOKS = "outputs/speed/post"
"""The counts of earlier looks."""
BOOTSTRAPPER = "analyst who also bootstraps p95"
LARGEST_BOOTSTRAP = 1.0  # millions: a thousand resamples of more take an hour
LARGEST_OTHERS = 10.0  # millions: one who reads every row into a DataFrame needs gigabytes beyond
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"


def main(arguments: list[str] | None = None) -> None:
    """Print one table for each engine and size; with --docs also write them, and the figure."""
    options = read_options(arguments)
    tables, walls = [machine()], {}
    for millions in options.millions:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            apart(make_parquet, folder / "calls.parquet", int(millions * 1e6))
            for engine in engines_at(millions, options):
                timed = time_engine(
                    engine, folder, millions, runs=options.runs if millions <= LARGEST_OTHERS else 1
                )
                tables.append(table_of(engine, millions, timed))
                print(tables[-1], flush=True)
                if engine == options.engines[0]:
                    for contender, found in timed.items():
                        walls.setdefault(contender, {})[millions] = found.wall_s
    if options.docs:
        write_docs(options.docs, "\n".join(tables))
        write_figure(walls, options.docs / "figures" / "speed.svg")


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """The sizes, engines and number of runs."""
    parser = argparse.ArgumentParser(
        description="How long a comparison takes, beside what an analyst writes today."
    )
    parser.add_argument(
        "--millions",
        type=float,
        nargs="+",
        default=[1.0],
        help="sizes, in millions of calls (default 1)",
    )
    parser.add_argument(
        "--engines",
        nargs="+",
        choices=list(who.SOURCES),
        default=["parquet"],
        help="stores, the first at every size",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=3,
        help="runs of each, the median counts; beyond 10 million 1 (default 3)",
    )
    parser.add_argument(
        "--docs",
        type=Path,
        help="folder of performance.md, to write the tables and the figure there",
    )
    options = parser.parse_args(arguments)
    if options.runs < 1 or min(options.millions) <= 0:
        parser.error("--runs and --millions: more than 0")
    return options


def engines_at(millions: float, options: argparse.Namespace) -> list[str]:
    """The first engine at every size, the others at the largest size that all contenders can do."""
    all_can = max((size for size in options.millions if size <= LARGEST_OTHERS), default=None)
    return options.engines if millions == all_can else options.engines[:1]


def time_engine(engine: str, folder: Path, millions: float, *, runs: int) -> dict[str, Timed]:
    """Put the rows into the engine's store and time every contender on them."""
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    } | {"PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        if engine == "duckdb":
            apart(make_duckdb, folder / "calls.duckdb", folder / "calls.parquet")
        if engine == "postgres":
            from tests.fixtures.postgres_server import run_postgres

            environment["SPEED_DATABASE_URL"] = stack.enter_context(
                stack.enter_context(run_postgres()).fresh_database()
            ).url
            apart(make_postgres, environment["SPEED_DATABASE_URL"], folder / "calls.parquet")
        (folder / "rollout.toml").write_text(who.CONFIG.format(source=who.SOURCES[engine]))
        timed = {}
        for name, contender in contenders(engine, millions).items():
            timed[name] = time_process(
                contender, folder, runs=1 if name == BOOTSTRAPPER else runs, environment=environment
            )
        return timed


def apart(make: Callable[..., None], *arguments: object) -> None:
    """Make rows in a process of its own: what is started from here begins with this one's peak of memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(make, *arguments).result()


def contenders(engine: str, millions: float) -> dict[str, Contender]:
    """Who is timed, by name; ours come first, so that the baseline is frozen for the next ones."""
    python = str(ROOT / ".venv-spark/bin/python") if engine == "spark" else sys.executable
    compare = [python, "-m", "analysis", "compare", "--window"]
    found = {
        OURS: Contender([*compare, "24h"], forgets="outputs"),
        "rollout compare, baseline frozen": Contender([*compare, "24h"], forgets=LOOKS),
        "rollout compare that grows from 12 h to 24 h": Contender(
            [*compare, "24h"], forgets=LOOKS, follows=[*compare, "12h"]
        ),
        "rollout compare of 1 h, baseline frozen": Contender([*compare, "1h"], forgets=LOOKS),
    }
    if engine not in who.READERS:
        return found
    programs = {
        "rollout: its start alone, no call read": who.START,
        "rollout: the latency counts alone": who.LATENCY_COUNTS,
        "bare GROUP BY feature": who.GROUP_BY,
        "four percentiles a group": who.PERCENTILES,
    }
    if millions <= LARGEST_OTHERS:
        programs |= {
            "analyst: Mann-Whitney per feature": who.ANALYST,
            "tea-tasting: Mean and Proportion per feature": who.TEA_TASTING,
        }
    if millions <= LARGEST_BOOTSTRAP:
        programs[BOOTSTRAPPER] = who.BOOTSTRAP
    return found | {
        name: Contender([python, "-c", who.READERS[engine] + program])
        for name, program in programs.items()
    }


def table_of(engine: str, millions: float, timed: dict[str, Timed]) -> str:
    """One Markdown table: times, memory, and how many times ours each takes."""
    ours = timed[OURS].wall_s
    lines = [
        f"\n**{millions:g} million calls, {engine}**\n",
        "| contender | wall s | times ours | processor s | peak MB |",
    ]
    lines.append("|---|---|---|---|---|")
    for name, found in timed.items():
        lines.append(
            f"| {name} | {found.wall_s:.2f} | {found.wall_s / ours:.2f} | {found.processor_s:.2f} | {found.peak_mb:.0f} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """What was measured on, and how busy it was."""
    names = ", ".join(
        f"{name} {version(name)}" for name in ("duckdb", "pandas", "scipy", "tea-tasting")
    )
    python = f"Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; {python}, {names}."


def write_docs(docs: Path, text: str) -> None:
    """Put the tables between the two marks of performance.md."""
    page = docs / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    write_text(page, f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
