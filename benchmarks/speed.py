"""The time of a comparison next to what analysts write today: medians, ratios, peak memory.

Without options it times 1 million calls in Parquet, in some minutes. The tables and the figure of
docs/performance.md take an hour:

    python benchmarks/speed.py --docs docs --millions 1 10 100
                               --engines parquet duckdb postgres spark

Each contender is a whole process, timed from outside. DuckDB makes the rows with a seed: seven days
of baseline and one day after. PostgreSQL is that of the tests (or TEST_DATABASE_URL). Spark runs in
.venv-spark, which `make test-spark` creates.
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

from benchmarks.output.markdown import replace_part, table
from benchmarks.output.options import positive
from benchmarks.speed_parts import contenders as programs
from benchmarks.speed_parts.figure import write_figure
from benchmarks.speed_parts.process_timer import Contender, ProcessCost, time_process
from benchmarks.speed_parts.rows import make_duckdb, make_parquet, make_postgres

ROOT = Path(__file__).resolve().parents[1]
OURS = "rollout compare, nothing frozen"
LOOKS = "outputs/speed/post"  # the counts of earlier looks
BOOTSTRAP = "analyst who also bootstraps p95"
LARGEST_BOOTSTRAP = 1.0  # million calls: a thousand resamples of more take an hour
LARGEST_OTHERS = 10.0  # million calls: programs that read single calls need gigabytes beyond


def main(arguments: list[str] | None = None) -> None:
    """Print one table for each engine and size; with --docs also write them, and the figure."""
    options = read_options(arguments)
    tables: list[str] = [describe_machine()]
    walls: dict[str, dict[float, float]] = {}
    for millions in options.millions:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run_in_process(make_parquet, folder / "calls.parquet", int(millions * 1e6))
            for engine in engines_at(millions, options):
                runs = options.runs if millions <= LARGEST_OTHERS else 1
                costs = time_engine(engine, folder, millions, runs=runs)
                tables.append(table_of(engine, millions, costs))
                print(tables[-1], flush=True)
                if engine == options.engines[0]:
                    for contender, cost in costs.items():
                        walls.setdefault(contender, {})[millions] = cost.wall_s
    if options.docs:
        replace_part(options.docs / "performance.md", "speed", "\n".join(tables))
        write_figure(walls, options.docs / "figures" / "speed.svg")


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """The sizes, engines and number of runs."""
    parser = argparse.ArgumentParser(
        description="The time of a comparison next to what analysts write today."
    )
    parser.add_argument(
        "--millions", type=float, nargs="+", default=[1.0], help="millions of calls (default 1)"
    )
    parser.add_argument(
        "--engines",
        nargs="+",
        choices=list(programs.SOURCES),
        default=["parquet"],
        help="stores; the first is used at every size",
    )
    parser.add_argument(
        "--runs",
        type=positive,
        default=3,
        help="runs of each, of which the median counts; 1 beyond 10 million (default 3)",
    )
    parser.add_argument("--docs", type=Path, help="write the tables and the figure to this folder")
    options = parser.parse_args(arguments)
    if min(options.millions) <= 0:
        parser.error("--millions: more than 0")
    return options


def engines_at(millions: float, options: argparse.Namespace) -> list[str]:
    """The first engine at every size; the others at the largest size of all contenders."""
    largest = max((size for size in options.millions if size <= LARGEST_OTHERS), default=None)
    return options.engines if millions == largest else options.engines[:1]


def time_engine(engine: str, folder: Path, millions: float, *, runs: int) -> dict[str, ProcessCost]:
    """Put the rows into the engine's store and time every contender on them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with ExitStack() as stack:
        if engine == "duckdb":
            run_in_process(make_duckdb, folder / "calls.duckdb", folder / "calls.parquet")
        if engine == "postgres":
            from tests.fixtures.postgres_server import run_postgres

            server = stack.enter_context(run_postgres())
            url = stack.enter_context(server.fresh_database()).url
            environment["SPEED_DATABASE_URL"] = url
            run_in_process(make_postgres, url, folder / "calls.parquet")
        config = programs.CONFIG.format(source=programs.SOURCES[engine])
        (folder / "rollout.toml").write_text(config)
        return {
            name: time_process(
                contender, folder, runs=1 if name == BOOTSTRAP else runs, environment=environment
            )
            for name, contender in contenders(engine, millions).items()
        }


def run_in_process(make: Callable[..., None], *arguments: object) -> None:
    """Call `make` in another process: a child's peak memory starts at that of its parent."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(make, *arguments).result()


def contenders(engine: str, millions: float) -> dict[str, Contender]:
    """What is timed, by name. Ours come first: they freeze the baseline for the next ones."""
    python = str(ROOT / ".venv-spark/bin/python") if engine == "spark" else sys.executable
    compare = [python, "-m", "analysis", "compare", "--window"]
    ours = {
        OURS: Contender([*compare, "24h"], removes="outputs"),
        "rollout compare, baseline frozen": Contender([*compare, "24h"], removes=LOOKS),
        "rollout compare that grows from 12 h to 24 h": Contender(
            [*compare, "24h"], removes=LOOKS, prepares=[*compare, "12h"]
        ),
        "rollout compare of 1 h, baseline frozen": Contender([*compare, "1h"], removes=LOOKS),
    }
    if engine not in programs.READERS:
        return ours
    others = {
        "rollout: its start alone, no call read": programs.START,
        "rollout: the latency counts alone": programs.LATENCY_COUNTS,
        "bare GROUP BY feature": programs.GROUP_BY,
        "four percentiles a group": programs.PERCENTILES,
    }
    if millions <= LARGEST_OTHERS:
        others["analyst: Mann-Whitney per feature"] = programs.ANALYST
        others["tea-tasting: Mean and Proportion per feature"] = programs.TEA_TASTING
    if millions <= LARGEST_BOOTSTRAP:
        others[BOOTSTRAP] = programs.BOOTSTRAP
    reader = programs.READERS[engine]
    return ours | {
        name: Contender([python, "-c", reader + program]) for name, program in others.items()
    }


def table_of(engine: str, millions: float, costs: dict[str, ProcessCost]) -> str:
    """One Markdown table: times, memory, and how many times ours each takes."""
    ours = costs[OURS].wall_s
    rows = [
        (
            name,
            f"{cost.wall_s:.2f}",
            f"{cost.wall_s / ours:.2f}",
            f"{cost.processor_s:.2f}",
            f"{cost.peak_mb:.0f}",
        )
        for name, cost in costs.items()
    ]
    head = ("contender", "wall s", "times ours", "processor s", "peak MB")
    return f"\n**{millions:g} million calls, {engine}**\n\n{table(head, rows)}"


def describe_machine() -> str:
    """Date, cores, load, and versions."""
    packages = ("duckdb", "pandas", "scipy", "tea-tasting")
    versions = [f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)]
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    return f"{datetime.now(UTC):%Y-%m-%d}: {load}; {', '.join(versions)}."


if __name__ == "__main__":
    main()
