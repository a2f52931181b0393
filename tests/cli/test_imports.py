"""Commands import what they need and no more, so that they start fast."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "numpy", "scipy", "duckdb", "sqlglot", "sqlalchemy", "pyarrow", "pydantic"}
PAGES = {"matplotlib", "papermill", "nbconvert", "nbformat", "jinja2", "IPython"}
OTHER_STORES = {"sqlalchemy", "psycopg2", "pyspark", "httpx"}
HELP = """
from analysis.cli import app
from typer.testing import CliRunner
assert "compare" in CliRunner().invoke(app, ["--help"]).output
"""
COMPARE = """
import analysis.cli.analysis_commands, analysis.cli.result_output, analysis.rollout
import analysis.telemetry.engines.duckdb
"""


@pytest.mark.parametrize(
    ("program", "not_imported"),
    [(HELP, HEAVY | PAGES | OTHER_STORES), (COMPARE, PAGES | OTHER_STORES | {"scipy.stats"})],
    ids=["--help", "compare"],
)
def test_what_a_command_does_not_import(program, not_imported):
    code = f"import sys\n{program}\nprint(sorted(sys.modules.keys() & {not_imported!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
