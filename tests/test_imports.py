"""Commands load what they need and no more: a help text no library of numbers, a verdict in the terminal no drawing and no notebooks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"pandas", "numpy", "scipy", "duckdb", "sqlglot", "sqlalchemy", "pyarrow", "pydantic"}
PAGES = {"matplotlib", "papermill", "nbconvert", "nbformat", "jinja2", "IPython"}
OTHER_STORES = {"sqlalchemy", "psycopg2", "pyspark", "httpx"}


@pytest.mark.parametrize(
    ("program", "kept_out"),
    [
        (
            "from analysis.cli import app; from typer.testing import CliRunner; assert 'compare' in CliRunner().invoke(app, ['--help']).output",
            HEAVY | PAGES | OTHER_STORES,
        ),
        (
            "import analysis.cli.verdict_commands, analysis.judge, analysis.cli.progress, analysis.telemetry.engines.duckdb.engine",
            PAGES | OTHER_STORES | {"scipy.stats"},
        ),
    ],
    ids=["--help", "compare"],
)
def test_what_a_command_leaves_alone(program, kept_out):
    code = f"import sys; {program}; print(sorted(sys.modules.keys() & {kept_out!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
