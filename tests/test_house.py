"""The tree keeps the rules of the house, and every rule does find what it forbids."""

import json
import re
import tomllib

import pytest

from tests.house_rules import (
    ALLOWED_FOLDERS,
    FORBIDDEN_NAMES,
    PYTHON_LINES,
    REQUIRED_FOLDERS,
    clock_faults,
    code_faults,
    files_of,
    header_of,
    house_files,
    import_faults,
    notebook_faults,
    read,
    sql_faults,
    text_faults,
    write_faults,
)

PYTHON = files_of("analysis", ".py")
GOOD_QUERY = """\
-- What:       calls per feature
-- Grain:      feature
-- Parameters: :start_at (UTC)
-- Returns:    feature, calls (whole number)
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT feature, COUNT(*) AS calls
FROM calls
WHERE started_at >= :start_at
GROUP BY feature
ORDER BY feature
"""


# ---- the tree keeps them ---------------------------------------------------------------------------------------------
def test_the_folders_are_those_of_the_design():
    folders = {name.split("/")[0] for name in house_files() if "/" in name}
    assert REQUIRED_FOLDERS - folders == set(), "missing"
    assert folders - ALLOWED_FOLDERS == set(), "unknown"


@pytest.mark.parametrize("folder", ["statistics", "telemetry", "deployment", "report"])
def test_every_room_is_there(folder):
    assert files_of(f"analysis/{folder}", ".py")


@pytest.mark.parametrize("name", PYTHON)
def test_a_module_keeps_floors_rooms_clock_and_gate(name):
    text = read(name)
    assert import_faults(name, text) + clock_faults(name, text) + write_faults(name, text) == []


@pytest.mark.parametrize("name", PYTHON)
def test_a_module_is_short(name):
    assert len(read(name).splitlines()) <= PYTHON_LINES


def test_no_file_has_a_name_that_says_nothing():
    words = {
        name: set(re.split(r"[/_.-]", name.lower())) & FORBIDDEN_NAMES for name in house_files()
    }
    assert {name: found for name, found in words.items() if found} == {}


@pytest.mark.parametrize("name", files_of("sql", ".sql"))
def test_a_query_is_one_documented_select_for_every_engine(name):
    calls = read("sql/calls.sql") if "sql/calls.sql" in house_files() else ""
    assert sql_faults(read(name), calls_header=header_of(calls).get("Parameters", "")) == []


def test_there_are_queries_and_notebooks():
    assert files_of("sql", ".sql")
    assert files_of("notebooks", ".ipynb")


@pytest.mark.parametrize("name", files_of("notebooks", ".ipynb"))
def test_a_notebook_only_calls_and_shows(name):
    assert notebook_faults(json.loads(read(name))) == []


def test_no_text_holds_a_key_or_a_path_of_one_machine():
    faults = {}
    for name in house_files():
        try:
            faults[name] = text_faults(read(name))
        except UnicodeDecodeError:
            continue  # a picture
    assert {name: found for name, found in faults.items() if found} == {}


# ---- the set-up keeps its promises -----------------------------------------------------------------------------------
def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", read(lock), flags=re.MULTILINE))


@pytest.mark.parametrize(
    "name", [name for name in house_files() if re.fullmatch(r"requirements[\w-]*\.txt", name)]
)
def test_every_requirement_has_its_reason(name):
    lines = [
        line
        for line in read(name).splitlines()
        if line.strip() and not line.startswith(("#", "-r "))
    ]
    assert [
        line
        for line in lines
        if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?[<>=!~]+\S+\s+# \S.*", line)
    ] == []


@pytest.mark.parametrize(
    "name", [name for name in house_files() if re.fullmatch(r"requirements[\w-]*\.lock", name)]
)
def test_a_lock_holds_every_requirement_with_hashes_and_no_address(name):
    wanted = re.findall(
        r"^([\w.-]+)[\[<>=!~]", read(name.replace(".lock", ".txt")), flags=re.MULTILINE
    )
    blocks = re.split(r"\n(?=[\w.-]+==)", read(name))[1:]
    assert {package.lower() for package in wanted} <= set(pins_of(name))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|file:", read(name)) == []


def test_running_and_testing_use_the_same_versions():
    run, test = pins_of("requirements.lock"), pins_of("requirements-test.lock")
    assert {name: pin for name, pin in run.items() if test.get(name) != pin} == {}


def test_the_build_backend_is_locked():
    project = tomllib.loads(read("pyproject.toml"))
    backend = [
        re.split(r"[<>=]", requirement)[0] for requirement in project["build-system"]["requires"]
    ]
    assert set(backend) <= set(pins_of("requirements.lock"))


def test_make_alone_lists_every_target_with_a_line():
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", read("Makefile"), flags=re.MULTILINE))
    described = set(re.findall(r"^([a-z-]+):.* ## \S", read("Makefile"), flags=re.MULTILINE))
    assert targets == described >= {"report", "test", "lint", "lab", "bench", "lock", "clean"}


# ---- every rule finds what it forbids --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("analysis/counts.py", "from analysis.counting.load import Arm", "lower floor"),
        ("analysis/counts.py", "from .telemetry import load", "lower floor"),
        ("analysis/counts.py", "from analysis import judge", "lower floor"),
        ("analysis/judge.py", "def f():\n    import analysis.report.page", "lower floor"),
        ("analysis/report/page.py", "from analysis.deployment import ledger", "lower floor"),
        (
            "analysis/counting/load.py",
            "if TYPE_CHECKING:\n    from analysis.judge import Verdict",
            "lower floor",
        ),
        (
            "analysis/statistics/ratio.py",
            "from analysis.metrics import METRICS",
            "nothing else of ours",
        ),
        ("analysis/judge.py", "from analysis import compare", "lower floor"),
        ("analysis/shed.py", "", "no floor"),
        ("analysis/judge.py", "import duckdb", "imports duckdb"),
        (
            "analysis/judge.py",
            "from importlib import import_module\nimport_module('sqlalchemy')",
            "imports sqlalchemy",
        ),
        ("analysis/report/page.py", "import matplotlib.pyplot as plt", "imports matplotlib"),
        ("analysis/counting/load.py", "from httpx import Client", "imports httpx"),
    ],
)
def test_an_import_across_the_house_is_found(name, text, fault):
    assert fault in " ".join(import_faults(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "analysis/report/figures/ecdf.py",
            "import matplotlib.pyplot as plt\nfrom analysis.report import tables",
        ),
        (
            "analysis/counting/load.py",
            "if TYPE_CHECKING:\n    from analysis.config import Settings",
        ),
        (
            "analysis/telemetry/engines/spark/engine.py",
            "import pyspark\nfrom ..queries import Queries\nfrom . import Engine",
        ),
        ("analysis/cli.py", "from analysis import judge\nfrom analysis.report import page"),
        ("analysis/results/serializer.py", "from analysis import __version__"),
        ("analysis/__main__.py", "from analysis.cli import main"),
    ],
)
def test_an_import_down_the_house_is_fine(name, text):
    assert import_faults(name, text) == []


@pytest.mark.parametrize(
    "call",
    ["datetime.now(UTC)", "datetime.datetime.utcnow()", "pd.Timestamp.now('UTC')", "time.time()"],
)
def test_a_real_clock_is_found(call):
    assert clock_faults("analysis/judge.py", call)
    assert not clock_faults("analysis/clock.py", call)
    assert not clock_faults("analysis/judge.py", "time.monotonic(); clock.now()")


@pytest.mark.parametrize(
    "call",
    [
        "open(path, 'w')",
        "path.open(mode='ab')",
        "path.write_text(text)",
        "frame.to_csv(path)",
        "pq.write_table(t, path)",
    ],
)
def test_a_write_beside_the_gate_is_found(call):
    assert write_faults("analysis/judge.py", call)


@pytest.mark.parametrize(
    "call",
    [
        "open(path, 'rb')",
        "files.write_text(path, text)",
        "frame.to_parquet(temporary)",
        "temporary.write_text(text)",
        "with open(path, 'xb') as temporary: ...",
    ],
)
def test_reading_and_writing_by_the_gate_are_fine(call):
    assert not write_faults("analysis/judge.py", call)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("-- Grain:      feature\n", "", "no 'Grain'"),
        (
            "-- What:       calls per feature\n-- Grain:      feature\n",
            "-- Grain:      feature\n-- What:       x\n",
            "order",
        ),
        ("ORDER BY feature", "", "does not end with ORDER BY"),
        ("ORDER BY feature", "ORDER BY feature LIMIT 5", "does not end with ORDER BY"),
        ("ORDER BY feature", "ORDER BY feature; SELECT 1", "exactly one SELECT"),
        ("SELECT feature, COUNT(*) AS calls\nFROM calls", "DELETE\nFROM calls", "cannot read it"),
        ("WHERE", "where", "'where' is not upper case"),
        ("COUNT(*)", "count(*)", "'count' is not upper case"),
        ("COUNT(*)", "COUNT(*)::int", "'::'"),
        ("COUNT(*)", "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY ms)", "percentile"),
        (":start_at\nGROUP", ":start_at AND message ~* 'x'\nGROUP", "'~*'"),
        (":start_at\nGROUP", ":start_at AND message SIMILAR TO 'x'\nGROUP", "SIMILAR TO"),
        (":start_at\nGROUP", ":start_at AND EXTRACT(EPOCH FROM t) > 1\nGROUP", "EXTRACT(EPOCH"),
        ("COUNT(*)", "date_bin('1 hour', started_at, t)", "date_bin"),
        ("feature, COUNT(*) AS calls", "*", "name the columns"),
        (":start_at\nGROUP", ":end_at\nGROUP", "':end_at' is not in the header"),
        ("AS calls", "AS n", "Returns are not the columns: feature, n"),
    ],
)
def test_a_query_that_breaks_a_rule_is_found(old, new, fault):
    assert sql_faults(GOOD_QUERY) == []
    assert fault in " ".join(sql_faults(GOOD_QUERY.replace(old, new)))


def test_words_in_text_names_and_comments_are_no_keywords():
    quoted = """"order" <> 'select ::y; :z' AND -- and so on, ::
        started_at >= :start_at"""
    assert sql_faults(GOOD_QUERY.replace("started_at >= :start_at", quoted)) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(): ...", "FunctionDef"),
        ("class C: ...", "ClassDef"),
        ("for row in rows: print(row)", "For"),
        ("while True: pass", "While"),
        ("load('SELECT a\\nFROM calls')", "SQL"),
        ("open(path)", "open"),
        ("frame.to_csv('x.csv')", "to_csv"),
        ("figure.savefig('x.svg')", "savefig"),
        ("calls > 100", "thresholds"),
        ("plt.rcParams", "styles"),
        ("import duckdb", "imports duckdb"),
        ("%matplotlib inline", "not plain Python"),
    ],
)
def test_a_cell_that_breaks_a_rule_is_found(source, fault):
    assert fault in " ".join(code_faults(source))


def test_a_notebook_that_breaks_a_rule_is_found():
    heading = {"cell_type": "markdown", "metadata": {}, "source": ["# Did it help?"]}
    parameters = {
        "cell_type": "code",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "source": ["window: str = '4h'  # which look"],
    }
    call = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": ["show(window)"],
    }
    assert notebook_faults({"cells": [heading, parameters, call]}) == []
    assert "begin with a heading" in notebook_faults({"cells": [parameters, heading]})[0]
    assert "0 cells tagged" in notebook_faults({"cells": [heading, call]})[0]
    assert (
        "saved output"
        in notebook_faults({"cells": [heading, parameters, call | {"outputs": [{}]}]})[0]
    )
    assert (
        "12 lines"
        in notebook_faults({"cells": [heading, parameters, call | {"source": ["show()\n"] * 13}]})[
            0
        ]
    )
    assert (
        "name: type"
        in notebook_faults({"cells": [heading, parameters | {"source": ["window = '4h'"]}]})[0]
    )


def test_a_key_or_a_path_of_one_machine_is_found():
    key = "sk-" + "Zq7Rw9Kp2Lm5Vx8Tn4Bc6"
    assert [fault.split(":")[0] for fault in text_faults(f"key = '{key}'")] == [
        "holds what looks like a key"
    ]
    assert text_faults("key = 'sk-EXAMPLE" + "0" * 20 + "'") == []
    assert text_faults("see " + "/home" + "/ann/rollout") == [
        "holds a path of one machine: " + "/home" + "/ann"
    ]
    assert text_faults("https://x.example/home/page, ./Users/a, api/root/b") == []
