"""A mapping of one's own: units, dialects, what a change of it means, every mistake in one sentence, and the page that tells of it."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import analysis
from analysis.counting.scanning.count_tables import load_latency_counts
from analysis.errors import WrongUse
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.telemetry.mapping_file import SHIPPED, MappingFile, load_mapping
from tests.fixtures.mapped_stores import GRID, WIDE, naive, source_of
from tests.fixtures.plain_counts import counted
from tests.fixtures.stores import settings_of

ROOT = Path(__file__).parents[2]


# ---- a mapping of one's own ------------------------------------------------------------------------------------------
OWN = {
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


def own_mapping(
    folder: Path, *, head: str = "", leave_out: tuple[str, ...] = (), **columns: str
) -> None:
    lines = [
        f"{column} = '''{sql}'''"
        for column, sql in (OWN | columns).items()
        if column not in leave_out
    ]
    (folder / "own.toml").write_text(head + "\n[columns]\n" + "\n".join(lines), encoding="utf-8")


def own_calls(folder: Path, took: str) -> str:
    ended = "TIMESTAMP '2026-02-03 00:10:16'"
    duckdb.sql(
        f"SELECT 1 AS number, {took} AS took, true AS ok, NULL AS said, {ended} AS ended"
    ).write_parquet(str(folder / "own.parquet"))
    return 'engine = "duckdb"\npath = "own.parquet"\nmapping = "own.toml"'


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
    own_mapping(tmp_path, head=f'latency_unit = "{unit}"')
    opened = open_engine(settings_of(tmp_path, own_calls(tmp_path, took)))
    table = load_latency_counts(opened, GRID, [WIDE])
    opened.close()
    assert counted(table) == {("odd :name 100%", "a:b %x ?", 0, 20128): 1}


def test_expressions_may_be_written_in_another_dialect(tmp_path):
    own_mapping(
        tmp_path,
        head='dialect = "spark"',
        featureId="IF(ok, 'fine', 'not')",
        createdAt="TIMESTAMPADD(SECOND, 1, ended)",
    )
    opened = open_engine(settings_of(tmp_path, own_calls(tmp_path, "20128")))
    assert counted(load_latency_counts(opened, GRID, [WIDE])) == {("fine", "a:b %x ?", 0, 20128): 1}
    opened.close()


def test_signs_that_drivers_read_in_texts_reach_postgres_as_they_are(
    database, tmp_path, monkeypatch
):
    database.execute(
        "CREATE TABLE own AS SELECT 1 AS number, 20128 AS took, true AS ok, CAST(NULL AS TEXT) AS said, TIMESTAMP '2026-02-03 00:10:16' AS ended"
    )
    own_mapping(
        tmp_path,
        head='table = "own"\nindexed = "ended"\nwhere = "said IS NULL OR said LIKE \'%:x?\'"',
    )
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of("own.toml")))
    assert counted(load_latency_counts(opened, GRID, [WIDE])) == {
        ("odd :name 100%", "a:b %x ?", 0, 20128): 1
    }
    opened.close()


def test_a_changed_mapping_is_another_one_and_a_changed_note_is_not(tmp_path):
    def fingerprint(**changes):
        own_mapping(tmp_path, **changes)
        return load_mapping("own.toml", folder=tmp_path, table=None).fingerprint

    changed = [
        fingerprint(head='latency_unit = "s"'),
        fingerprint(head='where = "ok"'),
        fingerprint(latencyMs="took + 1"),
    ]
    assert len({fingerprint(), *changed}) == 4
    assert fingerprint(head='notes = ["new"]') == fingerprint()


def test_a_frozen_baseline_is_made_anew_when_the_mapping_changed(tmp_path):
    """Else the baseline would hold calls that the new window leaves out."""
    frame = simulate_phase_94()
    frame[frame["createdAt"] < pd.Timestamp(naive(WIDE.end))].tail(20_000).to_parquet(
        tmp_path / "calls.parquet", index=False
    )
    settings = settings_of(
        tmp_path,
        'engine = "duckdb"\npath = "calls.parquet"\nmapping = "own.toml"',
        deployed_at="2026-02-02T23:10:16Z",
    )
    columns = {column: f'"{column}"' for column in CANONICAL_COLUMNS}
    calls = []
    for where in ("1 = 1", "\"featureId\" <> 'signature.context'"):
        own_mapping(tmp_path, head=f"where = '''{where} '''", **columns)
        with analysis.open(settings.path) as rollout:
            calls.append(rollout.baseline.calls)
    assert calls[1] < calls[0]


@pytest.mark.parametrize(
    ("head", "columns", "sentence"),
    [
        ("colums = 1", {}, "unknown key 'colums'; it takes table, dialect"),
        ('dialect = "postgre"', {}, "dialect 'postgre' is not known; use one of"),
        (f'dialect = "{"pg" * 90}"', {}, f"dialect '{'pg' * 30}...' is not known"),
        (f'dialect = "{".a" * 900}"', {}, "is not known; use one of"),
        ('latency_unit = "min"', {}, "latency_unit 'min' is not known; use one of ms, s, us, ns"),
        ("where = 1", {}, "where is one text in quotes"),
        ('left_out = ["ended IS NULL"]', {}, "left_out is a list such as"),
        ('left_out = [{what = "open", where = "ended IS"}]', {}, "open is not one SQL expression"),
        ('where = "ok; DROP TABLE own"', {}, "where is not one SQL expression"),
        (
            "",
            {"id": '~ ~ "id"'},
            "id cannot be translated into SQL for postgres; write a simpler expression",
        ),
        ("", {"said": "x"}, "has the unknown column 'said'"),
        ("", {"featureId": "(SELECT 1)"}, "featureId is not one SQL expression"),
        (
            "",
            {"featureId": "max(said)"},
            "featureId is not one SQL expression over the table's columns; remove SELECT, aggregates",
        ),
        ("", {"featureId": "lag(said) OVER ()"}, "featureId is not one SQL expression"),
        ("", {"featureId": "said AS x"}, "featureId is not one SQL expression"),
        ("", {"featureId": ":said"}, "featureId is not one SQL expression"),
        ("", {"featureId": ""}, "featureId is not one SQL expression"),
        (
            "",
            {"featureId": "name"},
            "mapping 'own': featureId reads 'name', which .* does not have; copy the mapping and write another",
        ),
        ('where = "deleted IS NULL"', {}, "mapping 'own': where reads 'deleted', which"),
    ],
)
def test_a_mapping_with_a_mistake_is_one_sentence(tmp_path, head, columns, sentence):
    own_mapping(tmp_path, head=head, **columns)
    with pytest.raises(WrongUse, match=sentence) as caught:
        open_engine(settings_of(tmp_path, own_calls(tmp_path, "20128")))
    assert "\n" not in str(caught.value)


def test_a_mapping_without_a_column_says_which(tmp_path):
    own_mapping(tmp_path, leave_out=("leadId",))
    with pytest.raises(
        WrongUse, match=f"has no 'leadId'; give exactly {', '.join(CANONICAL_COLUMNS)}"
    ):
        load_mapping("own.toml", folder=tmp_path, table=None)


def test_a_unit_without_columns_says_nothing(tmp_path):
    (tmp_path / "own.toml").write_text('table = "own"\nlatency_unit = "s"\n')
    with pytest.raises(WrongUse, match=r"latency_unit has no effect without \[columns\]"):
        load_mapping("own.toml", folder=tmp_path, table=None)


def test_a_mapping_that_is_nowhere_names_the_shipped_ones(tmp_path):
    with pytest.raises(
        WrongUse, match=r"neither shipped \(aiinteraction, langfuse-postgres, litellm\) nor a file"
    ):
        load_mapping("litelm", folder=tmp_path, table=None)


@pytest.mark.parametrize("shipped", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_shipped_mapping_loads_and_may_read_a_table_of_another_name(shipped, tmp_path):
    mapping = load_mapping(shipped, folder=tmp_path, table="logs.calls")
    assert (mapping.table, bool(mapping.notes)) == ("logs.calls", True)
    assert 'FROM "logs"."calls"' in f"FROM {mapping.relation().sql(dialect='postgres')}"


# ---- the page --------------------------------------------------------------------------------------------------------
def test_the_page_s_example_is_loaded_and_counts(database, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")
    table, example = (
        re.search(rf"(?s)```{language}\n(.*?)```", page)[1] for language in ("sql", "toml")
    )
    database.execute(table)
    (tmp_path / "calls.toml").write_text(example, encoding="utf-8")
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of("calls.toml")))
    found = counted(load_latency_counts(opened, GRID, [WIDE]))
    opened.close()
    assert found == {("summarise", "web", 0, 1250): 1, ("summarise", "cron", 1, 20128): 1}
    assert all(f"`{column}`" in page for column in CANONICAL_COLUMNS)


def test_the_page_names_every_key(tmp_path):

    page = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")
    assert [
        key
        for key in MappingFile.model_fields
        if f"`{key}`" not in page and f"`[{key}]`" not in page
    ] == []
    assert len(page.splitlines()) < 120
