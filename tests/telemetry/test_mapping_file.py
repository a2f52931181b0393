"""A user's own mapping: units, dialects, what a change means, and every mistake as a sentence."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import analysis
from analysis.counting.scans.count_tables import load_latency_counts
from analysis.counting.scans.scan import Scan
from analysis.errors import WrongUse
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.telemetry.mapping_file import SHIPPED, MappingFile, load_mapping
from tests.fixtures.opened_engines import ALL_CALLS, GRID
from tests.fixtures.plain_counts import counted
from tests.fixtures.stores import PARQUET_SOURCE, POSTGRES_SOURCE, settings_of

PAGE = Path(__file__).parents[2] / "docs" / "mappings.md"
OWN_FILE = 'engine = "duckdb"\npath = "own.parquet"\nmapping = "own.toml"'
ONE_CALL = "1 AS number, {took} AS took, true AS ok, CAST(NULL AS TEXT) AS said"
ENDED = "TIMESTAMP '2026-02-03 00:10:16' AS ended"
OWN_COLUMNS = {
    "id": "number",
    "clientId": "'one'",
    "leadId": "NULL",
    "source": "'a:b %x ?'",
    "featureId": "'odd :name 100%'",
    "model": "NULL",
    "latencyMs": "took",
    "status": "CASE WHEN ok THEN 'success' ELSE 'error' END",
    "errorMessage": "said",
    "outputTokens": "NULL",
    "totalTokens": "NULL",
    "createdAt": "ended",
}


def write_mapping(folder: Path, *, head: str = "", leave_out: str = "", **columns: str) -> None:
    """own.toml: `head` above [columns], the columns of `OWN_COLUMNS` or others in their place."""
    columns = OWN_COLUMNS | columns
    lines = [f"{name} = '''{sql}'''" for name, sql in columns.items() if name != leave_out]
    (folder / "own.toml").write_text("\n".join([head, "[columns]", *lines]), encoding="utf-8")


def write_call(folder: Path, took: str = "20128") -> None:
    """own.parquet with one call."""
    rows = duckdb.sql(f"SELECT {ONE_CALL.format(took=took)}, {ENDED}")
    rows.write_parquet(str(folder / "own.parquet"))


def count_calls(folder: Path, source: str = OWN_FILE) -> dict:
    """(feature, source, outcome, latency) -> calls."""
    engine = open_engine(settings_of(folder, source))
    table = load_latency_counts(Scan(engine, GRID), [ALL_CALLS])
    engine.close()
    return counted(table)


# ---- what a mapping may say ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("unit", "took"),
    [
        ("ms", "20128"),
        ("s", "20.128"),
        ("s", "CAST(20.128 AS DOUBLE)"),
        ("us", "20128400"),
        ("ns", "20128000000"),
        ("ns", "CAST(20128000000 AS DOUBLE)"),
    ],
)
def test_a_latency_may_have_another_unit(tmp_path, unit, took):
    write_call(tmp_path, took)
    write_mapping(tmp_path, head=f'latency_unit = "{unit}"')
    assert count_calls(tmp_path) == {("odd :name 100%", "a:b %x ?", 0, 20128): 1}


def test_expressions_may_be_written_in_another_dialect(tmp_path):
    write_call(tmp_path)
    one_second_later = "TIMESTAMPADD(SECOND, 1, ended)"
    write_mapping(
        tmp_path,
        head='dialect = "spark"',
        featureId="IF(ok, 'fine', 'not')",
        createdAt=one_second_later,
    )
    assert count_calls(tmp_path) == {("fine", "a:b %x ?", 0, 20128): 1}


def test_texts_with_signs_of_parameters_reach_postgres_unchanged(database, tmp_path, monkeypatch):
    database.execute(f"CREATE TABLE own AS SELECT {ONE_CALL.format(took=20128)}, {ENDED}")
    condition = """where = "said IS NULL OR said LIKE '%:x?'\""""
    write_mapping(tmp_path, head=f'table = "own"\nindexed = "ended"\n{condition}')
    monkeypatch.setenv("TEST_URL", database.url)
    found = count_calls(tmp_path, f'{POSTGRES_SOURCE}\nmapping = "own.toml"')
    assert found == {("odd :name 100%", "a:b %x ?", 0, 20128): 1}


def test_the_fingerprint_changes_with_the_mapping_but_not_with_its_notes(tmp_path):
    def fingerprint(**changes):
        write_mapping(tmp_path, **changes)
        return load_mapping("own.toml", folder=tmp_path, table=None).fingerprint

    changed = [
        fingerprint(head='latency_unit = "s"'),
        fingerprint(head='where = "ok"'),
        fingerprint(latencyMs="took + 1"),
    ]
    assert len({fingerprint(), *changed}) == 4
    assert fingerprint(head='notes = ["new"]') == fingerprint()


def test_a_frozen_baseline_is_counted_again_when_the_mapping_changes(tmp_path):
    """Otherwise the baseline would hold calls that the new window leaves out."""
    calls = simulate_phase_94()
    calls = calls[calls["createdAt"] < pd.Timestamp("2026-02-03 23:10:16")].tail(20_000)
    calls.to_parquet(tmp_path / "calls.parquet", index=False)
    settings = settings_of(tmp_path, f'{PARQUET_SOURCE}\nmapping = "own.toml"')
    columns = {column: f'"{column}"' for column in CANONICAL_COLUMNS}
    n_calls = []
    for where in ("1 = 1", "\"featureId\" <> 'signature.context'"):
        write_mapping(tmp_path, head=f"where = '''{where} '''", **columns)
        with analysis.open(settings.path) as rollout:
            n_calls.append(rollout.baseline.calls)
    assert n_calls[1] < n_calls[0]


@pytest.mark.parametrize("shipped", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_shipped_mapping_loads_and_may_read_another_table(shipped, tmp_path):
    mapping = load_mapping(shipped, folder=tmp_path, table="logs.calls")
    assert (mapping.table, bool(mapping.notes)) == ("logs.calls", True)
    assert 'FROM "logs"."calls"' in f"FROM {mapping.relation().sql(dialect='postgres')}"


# ---- mistakes --------------------------------------------------------------------------------
NOT_ONE = "is not one SQL expression over the table's columns"


@pytest.mark.parametrize(
    ("head", "columns", "sentence"),
    [
        ("colums = 1", {}, "line 1: colums is not a key .* did you mean 'columns'?"),
        ('dialect = "postgre"', {}, "dialect = 'postgre' is not known; did you mean 'postgres'?"),
        (f'dialect = "{"pg" * 90}"', {}, f"dialect = '{'pg' * 30}...' is not known"),
        (f'dialect = "{".a" * 900}"', {}, "'.a.* is not known .known: "),
        ('latency_unit = "min"', {}, r"latency_unit = 'min' is not known \(known: ms, s, us, ns\)"),
        ("where = 1", {}, "where = 1 must be text in quotes"),
        ('left_out = ["ended IS NULL"]', {}, "must be a table; write left_out = "),
        ('left_out = [{what = "open", where = "ended IS"}]', {}, f"where = 'ended IS' {NOT_ONE}"),
        ('where = "ok; DROP TABLE own"', {}, f"where = 'ok; DROP TABLE own' {NOT_ONE}"),
        ("", {"id": '~ ~ "id"'}, "line 3: .*cannot be translated into SQL for postgres; write a"),
        ("", {"said": "x"}, "said is no canonical column; give exactly"),
        ("", {"featureId": "(SELECT 1)"}, f"featureId = .* {NOT_ONE}"),
        ("", {"featureId": "max(said)"}, f"featureId = .* {NOT_ONE}; remove SELECT, aggregates"),
        ("", {"featureId": "lag(said) OVER ()"}, f"featureId = .* {NOT_ONE}"),
        ("", {"featureId": "said AS x"}, f"featureId = .* {NOT_ONE}"),
        ("", {"featureId": ":said"}, f"featureId = .* {NOT_ONE}"),
        ("", {"featureId": ""}, f"featureId = .* {NOT_ONE}"),
        ("", {"featureId": "name"}, "mapping 'own': featureId reads 'name', which .* not have; "),
        ('where = "deleted IS NULL"', {}, "mapping 'own': where reads 'deleted', which"),
        ("", {"leave_out": "leadId"}, "has no 'leadId'; give exactly id, clientId, leadId, source"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, head, columns, sentence):
    write_call(tmp_path)
    write_mapping(tmp_path, head=head, **columns)
    with pytest.raises(WrongUse, match=sentence) as caught:
        open_engine(settings_of(tmp_path, OWN_FILE))
    assert "\n" not in str(caught.value)


def test_a_unit_without_columns_has_no_effect(tmp_path):
    (tmp_path / "own.toml").write_text('table = "own"\nlatency_unit = "s"\n')
    with pytest.raises(WrongUse, match=r"line 2: latency_unit has no effect without \[columns\]"):
        load_mapping("own.toml", folder=tmp_path, table=None)


def test_an_unknown_mapping_names_the_shipped_ones(tmp_path):
    shipped = r"neither shipped \(aiinteraction, langfuse-postgres, litellm\) nor a file"
    with pytest.raises(WrongUse, match=shipped):
        load_mapping("litelm", folder=tmp_path, table=None)


# ---- the page --------------------------------------------------------------------------------
def test_the_example_of_the_page_counts(database, tmp_path, monkeypatch):
    page = PAGE.read_text(encoding="utf-8")
    table, example = (
        re.search(rf"(?s)```{language}\n(.*?)```", page)[1] for language in ("sql", "toml")
    )
    database.execute(table)
    (tmp_path / "calls.toml").write_text(example, encoding="utf-8")
    monkeypatch.setenv("TEST_URL", database.url)
    found = count_calls(tmp_path, f'{POSTGRES_SOURCE}\nmapping = "calls.toml"')
    assert found == {("summarise", "web", 0, 1250): 1, ("summarise", "cron", 1, 20128): 1}


def test_the_page_names_every_key_and_column():
    page = PAGE.read_text(encoding="utf-8")
    names = [*(MappingFile.model_fields.keys() - {"columns"}), "[columns]", *CANONICAL_COLUMNS]
    assert [name for name in names if f"`{name}`" not in page] == []
