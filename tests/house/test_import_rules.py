"""The rules of imports find what they forbid, and nothing else."""

import pytest

from tests.house.import_rules import import_circles, import_faults, import_graph


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("analysis/counts.py", "from analysis.counting.arms import Arm", "lower floor"),
        ("analysis/counts.py", "from .telemetry import queries", "lower floor"),
        ("analysis/counts.py", "from analysis import judge", "lower floor"),
        ("analysis/judge.py", "def f():\n    import analysis.report.page", "lower floor"),
        ("analysis/report/page.py", "from analysis.deployment import watch", "lower floor"),
        ("analysis/judge.py", "from analysis import open", "lower floor"),
        ("analysis/decision/verdict.py", "from analysis.text import verdict", "lower floor"),
        (
            "analysis/counting/arms.py",
            "if TYPE_CHECKING:\n    from analysis.judge import Rollout",
            "lower floor",
        ),
        ("analysis/statistics/ratio.py", "from analysis.config import Settings", "does without"),
        ("analysis/decision/verdict.py", "from analysis import formatting", "does without"),
        ("analysis/shed.py", "", "no floor"),
        ("analysis/judge.py", "import duckdb", "imports duckdb"),
        ("analysis/judge.py", "def f():\n    import_module('sqlalchemy')", "imports sqlalchemy"),
        ("analysis/report/page.py", "import matplotlib.pyplot as plt", "imports matplotlib"),
        ("analysis/counting/arms.py", "from httpx import Client", "imports httpx"),
    ],
)
def test_a_forbidden_import_is_found(name, text, fault):
    assert fault in " ".join(import_faults(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "analysis/report/figures/ecdf.py",
            "import matplotlib.pyplot as plt\nfrom analysis.report import tables",
        ),
        ("analysis/telemetry/engines/spark/engine.py", "import pyspark\nfrom ..x import Queries"),
        ("analysis/cli/__init__.py", "from analysis import judge\nfrom analysis.report import x"),
        ("analysis/results/writing.py", "from analysis import __version__"),
        ("analysis/__main__.py", "from analysis.cli import main"),
    ],
)
def test_an_allowed_import_is_fine(name, text):
    assert import_faults(name, text) == []


def test_a_circle_is_found_inside_a_room_and_inside_a_function():
    texts = {
        "analysis/decision/a.py": "def f():\n    from analysis.decision.b import x",
        "analysis/decision/b.py": "from analysis.decision import c",
        "analysis/decision/c.py": "if TYPE_CHECKING:\n    from .a import f",
        "analysis/decision/d.py": "from analysis.decision.a import f",
        "analysis/decision/__init__.py": "",
    }
    (circle,) = import_circles(import_graph(texts))
    assert sorted(set(circle.split(" -> "))) == [f"analysis.decision.{name}" for name in "abc"]
    texts["analysis/decision/c.py"] = ""
    assert import_circles(import_graph(texts)) == []
