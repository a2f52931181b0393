"""Each safety measure is removed in a copy of the source, and the test that guards it must fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source_tree import ROOT

COPIED = ("analysis", "sql", "notebooks", "tests", "pyproject.toml", "rollout.toml")
ENGINES, QUERIES, FILES, LEAKS = (
    "tests/telemetry/engines/test_engines_read_only.py",
    "tests/telemetry/test_queries.py",
    "tests/test_files.py",
    "tests/faults/test_leaks_in_outputs.py",
)
TRANSACTIONS, DUCKDB, STATEMENTS = (
    "analysis/telemetry/engines/sqlalchemy/transactions.py",
    "analysis/telemetry/engines/duckdb/source_view.py",
    "analysis/telemetry/statements.py",
)

MUTATIONS = {
    # ---- first lock: the database keeps the transaction read-only, DuckDB the file
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
    # ---- second lock: a parser that accepts one SELECT
    "the parser accepts everything": (
        STATEMENTS,
        'raise PermissionError("only one SELECT',
        'print("only one SELECT',
        f"{QUERIES}::test_only_one_select_passes",
    ),
    "the parser accepts functions with side effects": (
        "analysis/telemetry/statements.py",
        "if name := refused_function(query):",
        "if name := None:",
        "tests/faults/test_three_locks.py::test_a_function_with_side_effects_reaches_no_database",
    ),
    "the address of a preview may have a path": (
        "analysis/history/recorded_values.py",
        " and port != 0 and whole == plain",
        "",
        "tests/deployment/test_smoke.py::test_an_edited_address_of_a_preview_is_not_used",
    ),
    "a preview may be on any host": (
        "analysis/deployment/smoke.py",
        "if not host_is_allowed(address, allowed):",
        "if False:",
        "tests/deployment/test_smoke.py::test_a_preview_on_another_host_gets_nothing",
    ),
    "an id may begin with a minus": (
        "analysis/history/recorded_values.py",
        "[A-Za-z0-9_][A-Za-z0-9_-]{0,79}",
        "[A-Za-z0-9_-]{0,80}",
        "tests/deployment/test_rollback.py::test_an_edited_build_is_in_no_command",
    ),
    "control characters are written": (
        "analysis/files.py",
        "if has_controls:",
        "if False:",
        "tests/faults/test_hostile_names.py::test_no_control_character_is_printed_or_written",
    ),
    "DuckDB's own parser is not asked": (
        "analysis/telemetry/engines/duckdb/engine.py",
        "!= [duckdb.StatementType.SELECT]",
        "is None",
        "tests/faults/test_three_locks.py::test_duckdb_accepts_one_select_even_without_our_parser",
    ),
    "values are written into the query text": (
        "analysis/telemetry/error_classes.py",
        'conditions.append(f"STRPOS(message, :class_{number}_{part}) > 0")',
        "conditions.append(f\"STRPOS(message, '{words}') > 0\")",
        f"{QUERIES}::test_values_travel_as_parameters",
    ),
    # ---- third lock: doctor warns about a role that can write
    "doctor accepts any role": (
        "analysis/doctor/source_checks.py",
        "if not privileges.may_write:",
        "if True:",
        "tests/faults/test_three_locks.py::test_the_grant_that_doctor_prints_makes_a_reader",
    ),
    "doctor's grant allows more than reading": (
        "analysis/doctor/source_checks.py",
        "GRANT SELECT ON",
        "GRANT ALL ON",
        "tests/faults/test_three_locks.py::test_the_grant_that_doctor_prints_makes_a_reader",
    ),
    # ---- the last check before anything is written or printed
    "files are not scanned": (
        "analysis/files.py",
        "if path.suffix not in BINARY_SUFFIXES:",
        "if False:",
        f"{FILES}::test_a_planted_secret_is_refused_by_every_way_of_writing",
    ),
    "lines of the ledger are not scanned": (
        "analysis/files.py",
        "    _refuse_leak(path, line)\n",
        "",
        f"{FILES}::test_a_planted_secret_is_refused_by_every_way_of_writing",
    ),
    "names of files are not scanned": (
        "analysis/files.py",
        "    _refuse_leak(path, path.name)\n",
        "",
        f"{FILES}::test_a_secret_in_a_file_name_is_refused",
    ),
    "names in frozen counts are not scanned": (
        "analysis/counting/storage/frozen.py",
        "    refuse_leaks(path, (*arm.models.values(), *_find_names(tables)))\n",
        "",
        f"{LEAKS}::test_a_name_that_breaks_a_rule_is_refused[featureId-mail]",
    ),
    "the answer is not scanned": (
        "analysis/cli/gate.py",
        "if rule := find_leak(text):",
        "if rule := None:",
        "tests/cli/test_gate.py::test_a_secret_is_refused_on_stdout_and_hidden_on_stderr",
    ),
    "a rule of the check is missing": (
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
    "the parser accepts everything",
    "doctor accepts any role",
    "files are not scanned",
    "a file is written under its own name",
)
"""One for each lock and engine, for the check and for the rename; these run in every run."""


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
    """The copy without a mutation, in which all guarding tests pass."""
    chosen = {
        item.callspec.params["name"] for item in request.session.items if item.path == request.path
    }
    done = run(copy, *sorted({MUTATIONS[name][-1] for name in chosen}))
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


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_fits_the_source(name):
    path, old, new, guard = MUTATIONS[name]
    assert old in (ROOT / path).read_text(encoding="utf-8")
    assert old != new
    file, _, function = guard.partition("::")
    assert f"def {function.partition('[')[0]}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.faults
@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "name",
    [
        name if name in ALWAYS else pytest.param(name, marks=pytest.mark.whole_only)
        for name in MUTATIONS
    ],
)
def test_a_removed_safety_measure_is_noticed(without_mutation, tally, name):
    path, old, new, guard = MUTATIONS[name]
    file = without_mutation / path
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{path} no longer holds {old!r}; update the mutation"
    file.write_text(text.replace(old, new), encoding="utf-8")
    try:
        compile(file.read_text(encoding="utf-8"), path, "exec")  # invalid Python fails every test
        done = run(without_mutation, guard)
    finally:
        file.write_text(text, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-3000:]
    assert f"FAILED {guard}" in done.stdout, done.stdout[-3000:]
    tally(faults=1)
