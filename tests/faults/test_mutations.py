"""A lock taken away is noticed: each mutation is made in a copy of the source, and the test that guards it is run there and must fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.place import ROOT

pytestmark = pytest.mark.faults
COPIED = ("analysis", "sql", "notebooks", "tests", "pyproject.toml", "rollout.toml")
ENGINES, QUERIES, DOCTOR, FILES = (
    "tests/telemetry/test_engines.py",
    "tests/telemetry/test_queries.py",
    "tests/telemetry/test_doctor.py",
    "tests/test_files.py",
)
TRANSACTIONS, DUCKDB, STATEMENTS = (
    "analysis/telemetry/engines/sqlalchemy/transactions.py",
    "analysis/telemetry/engines/duckdb/source_view.py",
    "analysis/telemetry/statements.py",
)

MUTATIONS = {
    # ---- the first lock: a transaction that the database itself keeps read-only, a file that it may only read
    "the transaction is not read-only": (
        TRANSACTIONS,
        '("SET TRANSACTION READ ONLY", {})',
        "",
        f"{ENGINES}::test_postgres_stays_read_only_when_the_start_up_option_is_lost",
    ),
    "the connection is not read-only": (
        "analysis/telemetry/engines/sqlalchemy/database_url.py",
        "default_transaction_read_only=on",
        "default_transaction_read_only=off",
        f"{ENGINES}::test_postgres_stays_read_only_by_the_start_up_option_alone",
    ),
    "the DuckDB file is attached for writing": (
        "analysis/telemetry/engines/duckdb/files.py",
        "(READ_ONLY)",
        "",
        f"{ENGINES}::test_duckdb_refuses_to_write[duckdb]",
    ),
    "DuckDB may open other files": (
        DUCKDB,
        'connection.execute("SET enable_external_access = false")',
        "pass",
        f"{ENGINES}::test_duckdb_refuses_to_write[parquet]",
    ),
    "DuckDB's settings may be changed": (
        DUCKDB,
        'connection.execute("SET lock_configuration = true")',
        "pass",
        f"{ENGINES}::test_duckdb_refuses_to_write[parquet]",
    ),
    # ---- the second lock: a parser that lets one SELECT pass
    "the parser lets everything pass": (
        STATEMENTS,
        'raise PermissionError("only one SELECT',
        'print("only one SELECT',
        f"{QUERIES}::test_only_one_select_passes",
    ),
    "the parser lets functions with side effects pass": (
        "analysis/telemetry/expressions.py",
        " or _acts(query)",
        "",
        "tests/faults/test_read_only.py::test_a_function_that_acts_reaches_no_database",
    ),
    "DuckDB's own parser is not asked": (
        "analysis/telemetry/engines/duckdb/engine.py",
        "!= [duckdb.StatementType.SELECT]",
        "is None",
        "tests/faults/test_read_only.py::test_duckdb_takes_one_select_even_when_the_parser_s_lock_is_open",
    ),
    "values are written into the text": (
        "analysis/telemetry/error_classes.py",
        'conditions.append(f"STRPOS(message, :class_{number}_{part}) > 0")',
        "conditions.append(f\"STRPOS(message, '{words}') > 0\")",
        f"{QUERIES}::test_no_value_is_pasted_into_the_text",
    ),
    # ---- the third lock: doctor says that the role can write, and how to make one that cannot
    "doctor is content with any role": (
        "analysis/doctor/source.py",
        'if row["may_write"]:',
        "if False:",
        "tests/faults/test_read_only.py::test_the_grant_that_doctor_prints_makes_a_reader",
    ),
    "doctor's grant gives more than reading": (
        "analysis/doctor/source.py",
        "GRANT SELECT ON",
        "GRANT ALL ON",
        "tests/faults/test_read_only.py::test_the_grant_that_doctor_prints_makes_a_reader",
    ),
    # ---- the last gate
    "files are not scanned": (
        "analysis/files.py",
        "if path.suffix in BINARY_ENDINGS:",
        "if True:",
        f"{FILES}::test_a_planted_secret_is_refused_by_every_way_of_writing",
    ),
    "lines of the ledger are not scanned": (
        "analysis/files.py",
        "find_leak(path.name) or find_leak(line)",
        "find_leak(path.name)",
        f"{FILES}::test_a_planted_secret_is_refused_by_every_way_of_writing",
    ),
    "names of files are not scanned": (
        "analysis/files.py",
        "if rule := find_leak(path.name):",
        "if rule := None:",
        f"{FILES}::test_a_secret_in_a_file_name_is_refused",
    ),
    "names in frozen counts are not scanned": (
        "analysis/counting/frozen.py",
        "_check_names(path, arm)\n    tables",
        "tables",
        "tests/faults/test_leaks.py::test_a_name_that_breaks_a_rule_is_refused[featureId-mail]",
    ),
    "the answer is not scanned": (
        "analysis/cli/gate.py",
        "if rule := find_leak(text):",
        "if rule := None:",
        "tests/faults/test_terminal.py::test_a_secret_is_refused_on_stdout_and_hidden_on_stderr",
    ),
    "a rule of the gate is gone": (
        "analysis/leaks.py",
        '    ("IBAN", _has_iban),\n',
        "",
        "tests/test_leaks.py::test_a_planted_secret_is_found_wherever_it_stands",
    ),
    # ---- the atomic rename
    "a file is written under its own name": (
        "analysis/files.py",
        'path.with_name(f".{path.stem[:80]}.{secrets.token_hex(6)}.tmp{path.suffix}")',
        "path",
        f"{FILES}::test_a_killed_writer_leaves_the_old_file",
    ),
    "a temporary file is left": (
        "analysis/files.py",
        "temporary.unlink(missing_ok=True)",
        "pass",
        f"{FILES}::test_a_failing_block_leaves_the_old_file_and_no_temporary",
    ),
    "files that belong together are written one by one": (
        "analysis/files.py",
        "opened.enter_context(atomic_write(folder / name))",
        "folder / name",
        f"{FILES}::test_one_that_cannot_be_written_leaves_all_the_old_ones",
    ),
}
ALWAYS = (
    "the transaction is not read-only",
    "DuckDB may open other files",
    "the parser lets everything pass",
    "doctor is content with any role",
    "files are not scanned",
    "a file is written under its own name",
)
"""One for each of the three locks on each engine, the gate and the rename: in every run."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source in which a test can be run."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def without_mutation(copy, request):
    """The named tests pass in the copy as it is; else that they fail with a mutation would prove nothing."""
    asked = {
        item.callspec.params["name"] for item in request.session.items if item.path == request.path
    }
    done = run(copy, *sorted({MUTATIONS[name][-1] for name in asked}))
    assert done.returncode == 0, done.stdout[-3000:]
    return copy


def run(folder: Path, *names: str) -> subprocess.CompletedProcess:
    options = ("-q", "-n", "0", "-m", "", "-p", "no:cacheprovider", "--no-header", "--maxfail", "1")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *names],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "name",
    [
        name if name in ALWAYS else pytest.param(name, marks=pytest.mark.whole_only)
        for name in MUTATIONS
    ],
)
def test_a_lock_taken_away_is_noticed(without_mutation, tally, name):
    place, there, instead, guard = MUTATIONS[name]
    file = without_mutation / place
    text = file.read_text(encoding="utf-8")
    assert text.count(there) >= 1, (
        f"{place} no longer holds {there!r}; name what stands in its place"
    )
    file.write_text(text.replace(there, instead), encoding="utf-8")
    try:
        compile(
            file.read_text(encoding="utf-8"), place, "exec"
        )  # a mutation that is no Python would fail every test
        done = run(without_mutation, guard)
    finally:
        file.write_text(text, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-3000:]
    assert f"FAILED {guard}" in done.stdout, done.stdout[-3000:]
    tally(faults=1)
