"""benchmarks/speed.py: seeded calls, the contenders of every engine, tables, process times."""

from xml.etree import ElementTree

import duckdb
import pytest

from analysis.config import load_settings
from benchmarks import speed
from benchmarks.speed_parts import contenders
from benchmarks.speed_parts.figure import write_figure
from benchmarks.speed_parts.process_timer import Contender, ProcessCost, time_process
from benchmarks.speed_parts.rows import make_duckdb, make_parquet

COSTS = {
    speed.OURS: ProcessCost(2.0, 3.0, 200.0),
    "bare GROUP BY feature": ProcessCost(0.5, 0.6, 90.0),
    "analyst: Mann-Whitney per feature": ProcessCost(9.0, 9.5, 800.0),
}
PATH = {"PATH": "/usr/bin:/bin"}


def test_the_same_seed_gives_the_same_calls_and_one_of_eight_days_is_after_the_deploy(tmp_path):
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    rows = []
    for path in (first, second):
        make_parquet(path, 4000)
        rows.append(duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall())
    assert rows[0] == rows[1]
    assert len({row[0] for row in rows[0]}) == 4000

    make_duckdb(tmp_path / "calls.duckdb", first)
    with duckdb.connect(str(tmp_path / "calls.duckdb"), read_only=True) as connection:
        span, after = connection.sql(
            """SELECT MAX("createdAt") - MIN("createdAt"),
            COUNT(*) FILTER ("createdAt" >= TIMESTAMP '2026-02-02 23:10:16') FROM "AIInteraction"
            """
        ).fetchall()[0]
    assert span.days == 7
    assert after / 4000 == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize("engine", list(contenders.SOURCES))
def test_every_engine_has_a_valid_configuration_and_its_contenders(engine, tmp_path):
    config = contenders.CONFIG.format(source=contenders.SOURCES[engine])
    (tmp_path / "rollout.toml").write_text(config)
    expected = "duckdb" if engine == "parquet" else engine
    assert load_settings(tmp_path / "rollout.toml").source.engine == expected

    timed = speed.contenders(engine, 1.0)
    assert next(iter(timed)) == speed.OURS
    assert (speed.BOOTSTRAP in timed) == (engine != "spark")
    assert speed.BOOTSTRAP not in speed.contenders(engine, 10.0)
    for contender in timed.values():
        if contender.command[1] == "-c":
            compile(contender.command[2], "contender", "exec")


@pytest.mark.parametrize("program", ["GROUP_BY", "PERCENTILES", "LATENCY_COUNTS", "ANALYST"])
def test_a_contender_runs(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_parquet(tmp_path / "calls.parquet", 2000)
    config = contenders.CONFIG.format(source=contenders.SOURCES["parquet"])
    (tmp_path / "rollout.toml").write_text(config)
    variables = {}
    exec(contenders.READERS["parquet"] + getattr(contenders, program), variables)
    assert callable(variables["read"])


def test_the_table_and_the_figure(tmp_path):
    rows = speed.table_of("parquet", 10, COSTS).splitlines()
    assert rows[1] == "**10 million calls, parquet**"
    assert rows[-1] == "| analyst: Mann-Whitney per feature | 9.00 | 4.50 | 9.50 | 800 |"

    walls = {name: {1.0: cost.wall_s, 10.0: 4 * cost.wall_s} for name, cost in COSTS.items()}
    write_figure(walls, tmp_path / "speed.svg")
    text = " ".join(ElementTree.parse(tmp_path / "speed.svg").getroot().itertext())
    assert "linear growth" in text


def time_shell(script: str, folder, *, runs: int = 1, **more) -> ProcessCost:
    contender = Contender(["sh", "-c", script], **more)
    return time_process(contender, folder, runs=runs, environment=PATH)


def test_wall_time_and_peak_memory_are_measured_and_a_failure_ends_the_benchmark(tmp_path):
    cost = time_shell("python3 -c 'x = bytearray(50_000_000)'", tmp_path)
    assert cost.wall_s > 0
    assert cost.peak_mb > 50
    with pytest.raises(SystemExit, match="ended with 70: no such calls"):
        time_shell("echo no such calls >&2; exit 70", tmp_path)


def test_each_run_starts_without_the_folder_of_the_last_unless_it_is_prepared(tmp_path):
    def kept_after_three_runs(**more) -> list[str]:
        time_shell("mkdir -p kept && echo run >> kept/runs", tmp_path, runs=3, **more)
        return (tmp_path / "kept" / "runs").read_text().split()

    prepares = ["sh", "-c", "mkdir kept && echo prepared > kept/runs"]
    assert kept_after_three_runs(removes="kept") == ["run"]
    assert kept_after_three_runs(removes="kept", prepares=prepares) == ["prepared", *["run"] * 3]
