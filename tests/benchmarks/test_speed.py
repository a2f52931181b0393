"""benchmarks/speed.py: the same seed gives the same calls, every engine has its contenders, and what was timed is told in times ours."""

from xml.etree import ElementTree

import duckdb
import pytest

from analysis.config import load_settings
from benchmarks import speed
from benchmarks.speed_parts import contenders
from benchmarks.speed_parts.figure import write_figure
from benchmarks.speed_parts.rows import make_duckdb, make_parquet
from benchmarks.speed_parts.timed import Contender, Timed, time_process

TIMED = {
    speed.OURS: Timed(2.0, 3.0, 200.0),
    "bare GROUP BY feature": Timed(0.5, 0.6, 90.0),
    "analyst: Mann-Whitney per feature": Timed(9.0, 9.5, 800.0),
}


def test_the_calls(tmp_path):
    for name in ("one", "other"):
        make_parquet(tmp_path / f"{name}.parquet", 4000)
    one, other = (
        duckdb.sql(f"SELECT * FROM read_parquet('{tmp_path / name}.parquet')").fetchall()
        for name in ("one", "other")
    )
    assert one == other
    assert len({row[0] for row in one}) == 4000
    make_duckdb(tmp_path / "calls.duckdb", tmp_path / "one.parquet")
    with duckdb.connect(str(tmp_path / "calls.duckdb"), read_only=True) as connection:
        days = connection.sql(
            'SELECT MAX("createdAt") - MIN("createdAt"), COUNT(*) FILTER ("createdAt" >= TIMESTAMP \'2026-02-02 23:10:16\') FROM "AIInteraction"'
        )
        span, after = days.fetchall()[0]
    assert (span.days, round(after / 4000, 2)) == (
        7,
        0.12,
    )  # of eight days, the last one is after the deploy


@pytest.mark.parametrize("engine", list(contenders.SOURCES))
def test_the_contenders(engine, tmp_path):
    (tmp_path / "rollout.toml").write_text(
        contenders.CONFIG.format(source=contenders.SOURCES[engine])
    )
    assert load_settings(tmp_path / "rollout.toml").source.engine == {"parquet": "duckdb"}.get(
        engine, engine
    )
    found = speed.contenders(engine, 1.0)
    assert next(iter(found)) == speed.OURS
    assert (speed.BOOTSTRAPPER in found) == (engine != "spark")
    assert speed.BOOTSTRAPPER not in speed.contenders(engine, 10.0)
    for command in (contender.command for contender in found.values()):
        if command[1] == "-c":
            compile(command[2], "contender", "exec")


def test_the_table_and_the_figure(tmp_path):
    rows = speed.table_of("parquet", 10, TIMED).splitlines()
    assert rows[1] == "**10 million calls, parquet**"
    assert rows[-1] == "| analyst: Mann-Whitney per feature | 9.00 | 4.50 | 9.50 | 800 |"
    write_figure(
        {name: {1.0: found.wall_s, 10.0: 4 * found.wall_s} for name, found in TIMED.items()},
        tmp_path / "speed.svg",
    )
    assert "linear growth" in " ".join(
        ElementTree.parse(tmp_path / "speed.svg").getroot().itertext()
    )


PATH = {"PATH": "/usr/bin:/bin"}


def test_a_process_that_fails_is_told(tmp_path):
    found = time_process(
        Contender(["python3", "-c", "x = bytearray(50_000_000)"]),
        tmp_path,
        runs=1,
        environment=PATH,
    )
    assert found.wall_s > 0
    assert found.peak_mb > 50
    with pytest.raises(SystemExit, match="ended with 70: no such calls"):
        time_process(
            Contender(["sh", "-c", "echo no such calls >&2; exit 70"]),
            tmp_path,
            runs=1,
            environment=PATH,
        )


def test_what_an_earlier_run_left_is_forgotten_unless_it_is_what_is_timed(tmp_path):
    def runs(**more):
        time_process(
            Contender(["sh", "-c", "mkdir -p kept && echo x >> kept/runs"], **more),
            tmp_path,
            runs=3,
            environment=PATH,
        )
        return (tmp_path / "kept" / "runs").read_text().split()

    assert runs(forgets="kept") == ["x"]
    assert runs(forgets="kept", follows=["sh", "-c", "mkdir kept && echo first > kept/runs"]) == [
        "first",
        "x",
        "x",
        "x",
    ]
