"""Other stores by mapping: the shipped mappings on tables with the stores' own traps, files of one's own, and what is refused."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pandas as pd
import pytest

import analysis
from analysis.errors import WrongUse
from analysis.telemetry.doctor import examine
from analysis.telemetry.engines import open_engine
from analysis.telemetry.load import Grid, load_hourly_bins, load_hourly_counts, load_latency_counts
from analysis.telemetry.mapping import CANONICAL_COLUMNS, SHIPPED, load_mapping
from analysis.telemetry.simulate import DEPLOYED_AT, simulate_phase_94
from analysis.telemetry.trust import load_trust
from analysis.window import Window
from tests.postgres_server import Database
from tests.telemetry.other_stores import (
    DDL,
    NEVER_READ,
    SECRET,
    TABLES,
    langfuse_rows,
    litellm_rows,
    load_store,
    plain_langfuse,
    plain_litellm,
)
from tests.telemetry.plain_counts import Calls, outcome_of, plain_rows, trust_numbers
from tests.telemetry.stores import settings_of

ROOT = Path(__file__).parents[2]
STORES = ("litellm", "langfuse-postgres")
ROWS = {"litellm": litellm_rows, "langfuse-postgres": langfuse_rows}
PLAIN = {"litellm": plain_litellm, "langfuse-postgres": plain_langfuse}
STARTS = {"litellm": "startTime", "langfuse-postgres": "start_time"}
DAYS = 3
SETTLE = timedelta(minutes=2)
GRID = Grid(DEPLOYED_AT, SETTLE)
WIDE = Window(DEPLOYED_AT - timedelta(days=DAYS), DEPLOYED_AT + timedelta(days=1))
NO_LIMITS = pd.DataFrame({name: pd.Series(dtype="object") for name in ("feature", "tau_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")})


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    sample = simulate_phase_94()
    return sample[sample["createdAt"] >= pd.Timestamp(WIDE.start.replace(tzinfo=None))].reset_index(drop=True)


@dataclass
class Store:
    """A store of that mapping: its rows, what they mean, and the database that holds them."""

    name: str
    rows: pd.DataFrame
    meant: pd.DataFrame
    database: Database


@pytest.fixture(scope="module", params=STORES)
def store(request, calls, postgres_server):
    with postgres_server.fresh_database() as database:
        rows = ROWS[request.param](calls)
        load_store(request.param, rows, database)
        yield Store(request.param, rows, PLAIN[request.param](rows), database)


@pytest.fixture
def engine(store, tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_URL", store.database.url)
    opened = open_engine(settings_of(tmp_path, source_of(store.name)))
    yield opened
    opened.close()


def source_of(mapping: str) -> str:
    return f'engine = "postgres"\nurl_env = "STORE_URL"\nmapping = "{mapping}"'


def counted(table) -> dict:
    rows = table.rows.astype(object).where(table.rows.notna(), None)
    split = len(table.KEYS)
    found = {tuple(row[:split]): tuple(row[split:]) for row in rows.itertuples(index=False)}
    return {key: sums[0] if len(sums) == 1 else sums for key, sums in found.items()}


def naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)


# ---- shipped mappings against plain Python ---------------------------------------------------------------------------
def test_counts_equal_a_plain_reading_of_the_store_s_rows(store, engine):
    meant = plain_rows(store.meant)
    plain = Calls(meant, start=naive(WIDE.start), end=naive(WIDE.end), settle=SETTLE, deployed_at=naive(DEPLOYED_AT))
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == dict(plain.latency_counts())
    assert counted(load_hourly_counts(engine, GRID, WIDE, NO_LIMITS)) == plain.hourly({})
    assert counted(load_hourly_bins(engine, GRID, WIDE, by_source=True)) == dict(plain.bins())
    trusted = {key: naive(value) if isinstance(value, datetime) else value for key, value in load_trust(engine, GRID, WIDE).items()}
    assert trusted == trust_numbers(meant, start=naive(WIDE.start), end=naive(WIDE.end), settle=SETTLE)
    assert len(plain.calls) > 10_000


def test_compare_gives_the_result_of_the_same_calls_in_the_canonical_table(store, tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_URL", store.database.url)
    results = {}
    for place, source in (("store", source_of(store.name)), ("canonical", 'engine = "duckdb"\npath = "calls.parquet"')):
        config = tmp_path / place / "rollout.toml"
        config.parent.mkdir()
        store.meant.to_parquet(config.parent / "calls.parquet", index=False)
        text = (ROOT / "rollout.toml").read_text(encoding="utf-8").replace('settle = "90s"', 'settle = "2m"')
        head, rest = re.split(r"(?s)\[source\].*?\[baseline\].*?(?=\[monitoring\])", text)
        config.write_text(f"{head}[source]\n{source}\n[baseline]\ndays = {DAYS}\n{rest}", encoding="utf-8")
        with analysis.open(config) as rollout:
            results[place] = rollout.look("24h").result
    assert {place: result.pop("provenance")["engine"] for place, result in results.items()} == {"store": "postgres", "canonical": "duckdb"}
    assert results["store"] == results["canonical"]
    assert results["store"]["verdict"] in ("improved", "sustained", "keep_watching")
    step_3 = next(claim for claim in results["store"]["expectations"] if claim["feature"] == "draft.verify.email.step3")
    assert step_3["finding"] == "met"
    assert SECRET not in str(results)


def test_createdat_is_the_end_of_the_call_and_the_start_the_store_s_own(store, engine):
    """A call of 20 s that began before the deploy and ended after it belongs to the baseline."""
    rows, meant, database = store.rows, store.meant, store.database
    relation = engine.queries.mapping.relation().sql(dialect="postgres")
    found = database.execute(f'SELECT "id", "createdAt" - "latencyMs" * INTERVAL \'1 millisecond\' FROM {relation}')
    starts = dict(zip(rows.iloc[:, 0], rows[STARTS[store.name]], strict=True))
    assert dict(found) == {key: starts[key].to_pydatetime() for key in meant["id"]}
    across = meant[(meant["createdAt"] > pd.Timestamp(naive(DEPLOYED_AT))) & (meant["id"].map(starts) < pd.Timestamp(naive(DEPLOYED_AT)))]
    post = load_latency_counts(engine, GRID, [Window(DEPLOYED_AT, WIDE.end)]).rows["calls"].sum()
    assert len(across) > 0
    assert post == (meant["id"].map(starts) >= pd.Timestamp(naive(DEPLOYED_AT))).sum() - (meant["id"].map(starts) >= pd.Timestamp(naive(WIDE.end))).sum()


def test_prompts_and_answers_are_never_read(store, tmp_path, monkeypatch):
    """A role that may not read them is enough."""
    rows, database = store.rows, store.database
    role = f"reader_{store.name.partition('-')[0]}"
    readable = ", ".join(f'"{column}"' for column in rows if column not in NEVER_READ[store.name])
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader-of-tests'")
    database.execute(f'GRANT SELECT ({readable}) ON "{TABLES[store.name]}" TO {role}')
    parts = urlsplit(database.url)
    monkeypatch.setenv("STORE_URL", parts._replace(netloc=f"{role}:reader-of-tests@{parts.hostname}:{parts.port}").geturl())
    try:
        reading = open_engine(settings_of(tmp_path, source_of(store.name)))
        assert load_latency_counts(reading, GRID, [WIDE]).rows["calls"].sum() > 10_000
        reading.close()
    finally:
        database.execute(f"DROP OWNED BY {role}")
        database.execute(f"DROP ROLE {role}")
    text = (SHIPPED / f"{store.name}.toml").read_text(encoding="utf-8").split("[columns]")[1]
    assert not [column for column in NEVER_READ[store.name] if f'"{column}"' in text and column != "metadata"]


def test_a_window_is_looked_up_by_the_store_s_index(store, engine):
    window = Window(DEPLOYED_AT, DEPLOYED_AT + timedelta(hours=1))
    statement = engine.queries.statement("latency_counts", GRID.parameters(window))
    plan = "\n".join(row[0] for row in store.database.execute("EXPLAIN " + statement.by_hand()))
    assert f'("{STARTS[store.name]}" >= ' in plan.replace(f"({STARTS[store.name]} ", f'("{STARTS[store.name]}" ')
    assert "Index" in plan


# ---- traps, one by one -----------------------------------------------------------------------------------------------
LITELLM_ROW = {
    "request_id": "r", "call_type": "acompletion", "startTime": "2026-02-03 00:00:00", "endTime": "2026-02-03 00:00:20.128", "request_duration_ms": 20_128,
    "model": "gpt-5-mini", "model_group": "mail", "metadata": '{"status": "success"}', "cache_hit": "False", "request_tags": '["a.feature"]',
    "team_id": "team", "session_id": "s", "status": "success", "completion_tokens": 5, "total_tokens": 9,
}  # fmt: skip
LANGFUSE_ROW = {
    "id": "r", "trace_id": "t", "project_id": "p", "type": "GENERATION", "start_time": "2026-02-03 00:00:00", "end_time": "2026-02-03 00:00:20.128",
    "name": "a.feature", "level": "DEFAULT", "status_message": None, "created_at": "2026-02-03 09:00:00", "model": "gpt-5-mini",
    "completion_tokens": 5, "total_tokens": 9,
}  # fmt: skip


def error_information(**fields: str) -> str:
    inner = ", ".join(f'"{key}": "{value}"' for key, value in fields.items())
    return f'{{"status": "failure", "error_information": {{{inner}}}}}'


def read_as(mapping: str, row: dict, database: Database, tmp_path, monkeypatch) -> dict | None:
    """The one row as the canonical table has it, with its class; None when it is left out."""
    database.execute(DDL[mapping])
    columns, marks = ", ".join(f'"{key}"' for key in row), ", ".join(["%s"] * len(row))
    database.execute(f'INSERT INTO "{TABLES[mapping]}" ({columns}) VALUES ({marks})', list(row.values()))
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of(mapping)))
    relation = opened.queries.mapping.relation().sql(dialect="postgres")
    opened.close()
    names = ", ".join(f'"{column}"' for column in CANONICAL_COLUMNS)
    found = database.execute(f"SELECT {names} FROM {relation}")
    return dict(zip(CANONICAL_COLUMNS, found[0], strict=True)) if found else None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"featureId": "a.feature", "source": "acompletion", "clientId": "team", "latencyMs": 20_128, "status": "success", "outputTokens": 5}),
        ({"cache_hit": "True"}, None),
        ({"cache_hit": "None"}, {"status": "success"}),
        ({"cache_hit": ""}, {"status": "success"}),
        ({"cache_hit": None}, {"status": "success"}),
        ({"call_type": "call_mcp_tool"}, None),
        ({"request_duration_ms": None}, {"latencyMs": 20_128, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000)}),
        ({"request_duration_ms": 20_100}, {"latencyMs": 20_100, "createdAt": datetime(2026, 2, 3, 0, 0, 20, 100_000)}),
        ({"status": None}, {"status": "success"}),
        ({"status": None, "metadata": None}, {"status": "success"}),
        ({"status": None, "metadata": '{"status": "failure"}'}, {"status": "error", "outputTokens": None, "totalTokens": None}),
        ({"status": "cancelled"}, {"status": "unknown"}),
        ({"completion_tokens": 0}, {"outputTokens": None, "totalTokens": 9}),
        ({"team_id": ""}, {"clientId": "(no team)"}),
        ({"request_tags": '["User-Agent: openai", "User-Agent: openai/2"]'}, {"featureId": "mail"}),
        ({"request_tags": '["User-Agent: openai", "b.feature", "c"]'}, {"featureId": "b.feature"}),
        ({"request_tags": "[]", "model_group": ""}, {"featureId": "gpt-5-mini"}),
        ({"request_tags": None}, {"featureId": "mail"}),
    ],
)
def test_litellm_row_by_row(database, tmp_path, monkeypatch, change, expected):
    found = read_as("litellm", LITELLM_ROW | change, database, tmp_path, monkeypatch)
    assert found == expected or (expected is not None and found | expected == found)


@pytest.mark.parametrize(
    ("information", "outcome"),
    [
        ({"error_class": "Timeout", "error_code": "408", "error_message": "litellm.Timeout: APITimeoutError"}, "timeout"),
        ({"error_class": "APIConnectionError", "error_code": "500", "error_message": "OpenAIException - Connection error."}, "connection"),
        ({"error_class": "InternalServerError", "error_code": "500", "error_message": "The server had an error"}, "http_5xx"),
        ({"error_class": "ServiceUnavailableError", "error_code": "503", "error_message": "upstream connect error, connection timeout"}, "http_5xx"),
        ({"error_class": "RateLimitError", "error_code": "429", "error_message": "Rate limit reached"}, "rate_limit"),
        ({"error_class": "BadRequestError", "error_code": "400"}, "http_4xx"),
        ({"error_class": "JSONSchemaValidationError", "error_code": ""}, "invalid_output"),
        ({"error_class": "BudgetExceededError", "error_code": "", "error_message": "over"}, "other"),
    ],
)
def test_litellm_s_errors_have_the_classes_of_rollout(database, tmp_path, monkeypatch, information, outcome):
    row = LITELLM_ROW | {"status": "failure", "metadata": error_information(**information)}
    found = read_as("litellm", row, database, tmp_path, monkeypatch)
    names = ("success", "timeout", "max_output_tokens", "http_5xx", "rate_limit", "http_4xx", "invalid_output", "connection", "other")
    assert names[outcome_of(found)] == outcome


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"featureId": "a.feature", "source": None, "latencyMs": 20_128, "status": "success", "createdAt": datetime(2026, 2, 3, 0, 0, 20, 128_000)}),
        ({"type": "SPAN"}, None),
        ({"type": "EVENT", "end_time": None}, None),
        ({"end_time": None}, None),
        ({"level": "ERROR", "status_message": "Request timed out."}, {"status": "error", "errorMessage": "Request timed out.", "outputTokens": None}),
        ({"level": "WARNING", "status_message": "slow"}, {"status": "success"}),
        ({"name": None}, {"featureId": "(no name)"}),
        ({"completion_tokens": 0, "total_tokens": 0}, {"outputTokens": None, "totalTokens": None}),
    ],
)
def test_langfuse_row_by_row(database, tmp_path, monkeypatch, change, expected):
    found = read_as("langfuse-postgres", LANGFUSE_ROW | change, database, tmp_path, monkeypatch)
    assert found == expected or (expected is not None and found | expected == found)


def test_a_table_of_an_older_proxy_names_the_column_that_is_not_there(database, tmp_path, monkeypatch):
    database.execute(DDL["litellm"] + 'ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN "request_duration_ms"')
    monkeypatch.setenv("STORE_URL", database.url)
    with pytest.raises(WrongUse, match="mapping 'litellm': latencyMs reads 'request_duration_ms', which table 'LiteLLM_SpendLogs' does not have"):
        open_engine(settings_of(tmp_path, source_of("litellm")))


# ---- doctor ----------------------------------------------------------------------------------------------------------
def test_doctor_shows_what_was_mapped_and_what_is_left_out(store, tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_URL", store.database.url)
    lines = examine(settings_of(tmp_path, source_of(store.name)))
    said = "\n".join(f"{line.name}: {line.state}: {line.detail}" for line in lines)
    assert f"table {TABLES[store.name]} by mapping {store.name}: id = " in said
    assert "createdAt is " in said
    assert "unit of latencyMs: ok: looks like milliseconds" in said
    counted_out = re.findall(r"left out: warning: ([0-9\u202f]+) generations without an end", said)
    if store.name == "langfuse-postgres":
        unfinished = store.rows["type"].eq("GENERATION") & store.rows["end_time"].isna()
        assert [int(found.replace("\u202f", "")) for found in counted_out] == [unfinished.sum()]
    else:
        assert not counted_out
    assert SECRET not in said


def test_doctor_guesses_seconds_and_names_the_key_that_mends_it(tmp_path):
    frame = simulate_phase_94().head(2_000)
    frame.assign(latencyMs=(frame["latencyMs"] // 1000)).to_parquet(tmp_path / "calls.parquet", index=False)
    line = next(line for line in examine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"')) if line.name == "unit of latencyMs")
    assert line.state == "warning"
    assert "as if they were seconds" in line.detail
    assert "latency_unit" in line.detail


# ---- a mapping of one's own ------------------------------------------------------------------------------------------
OWN = {
    "id": "number", "clientId": "'one'", "leadId": "NULL", "source": "'a:b %x ?'", "featureId": "'odd :name 100%'", "model": "NULL", "latencyMs": "took",
    "status": "CASE WHEN ok THEN 'success' ELSE 'error' END", "errorMessage": "said", "outputTokens": "NULL", "totalTokens": "NULL", "createdAt": "ended",
}  # fmt: skip


def own_mapping(folder: Path, *, head: str = "", leave_out: tuple[str, ...] = (), **columns: str) -> None:
    lines = [f"{column} = '''{sql}'''" for column, sql in (OWN | columns).items() if column not in leave_out]
    (folder / "own.toml").write_text(head + "\n[columns]\n" + "\n".join(lines), encoding="utf-8")


def own_calls(folder: Path, took: str) -> str:
    ended = "TIMESTAMP '2026-02-03 00:10:16'"
    duckdb.sql(f"SELECT 1 AS number, {took} AS took, true AS ok, NULL AS said, {ended} AS ended").write_parquet(str(folder / "own.parquet"))
    return 'engine = "duckdb"\npath = "own.parquet"\nmapping = "own.toml"'


@pytest.mark.parametrize(
    ("unit", "took"),
    [("ms", "20128"), ("s", "20.128"), ("s", "CAST(20.128 AS DOUBLE)"), ("us", "20128400"), ("ns", "20128000000"), ("ns", "CAST(20128000000 AS DOUBLE)")],
)
def test_a_latency_may_have_another_unit(tmp_path, unit, took):
    own_mapping(tmp_path, head=f'latency_unit = "{unit}"')
    opened = open_engine(settings_of(tmp_path, own_calls(tmp_path, took)))
    table = load_latency_counts(opened, GRID, [WIDE])
    opened.close()
    assert counted(table) == {("odd :name 100%", "a:b %x ?", 0, 20128): 1}


def test_expressions_may_be_written_in_another_dialect(tmp_path):
    own_mapping(tmp_path, head='dialect = "spark"', featureId="IF(ok, 'fine', 'not')", createdAt="TIMESTAMPADD(SECOND, 1, ended)")
    opened = open_engine(settings_of(tmp_path, own_calls(tmp_path, "20128")))
    assert counted(load_latency_counts(opened, GRID, [WIDE])) == {("fine", "a:b %x ?", 0, 20128): 1}
    opened.close()


def test_signs_that_drivers_read_in_texts_reach_postgres_as_they_are(database, tmp_path, monkeypatch):
    database.execute("CREATE TABLE own AS SELECT 1 AS number, 20128 AS took, true AS ok, CAST(NULL AS TEXT) AS said, TIMESTAMP '2026-02-03 00:10:16' AS ended")
    own_mapping(tmp_path, head='table = "own"\nindexed = "ended"\nwhere = "said IS NULL OR said LIKE \'%:x?\'"')
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of("own.toml")))
    assert counted(load_latency_counts(opened, GRID, [WIDE])) == {("odd :name 100%", "a:b %x ?", 0, 20128): 1}
    opened.close()


def test_a_changed_mapping_is_another_one_and_a_changed_note_is_not(tmp_path):
    def fingerprint(**changes):
        own_mapping(tmp_path, **changes)
        return load_mapping("own.toml", folder=tmp_path, table=None).fingerprint

    changed = [fingerprint(head='latency_unit = "s"'), fingerprint(head='where = "ok"'), fingerprint(latencyMs="took + 1")]
    assert len({fingerprint(), *changed}) == 4
    assert fingerprint(head='notes = ["new"]') == fingerprint()


def test_a_frozen_baseline_is_made_anew_when_the_mapping_changed(tmp_path):
    """Else the baseline would hold calls that the new window leaves out."""
    frame = simulate_phase_94()
    frame[frame["createdAt"] < pd.Timestamp(naive(WIDE.end))].tail(20_000).to_parquet(tmp_path / "calls.parquet", index=False)
    settings = settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"\nmapping = "own.toml"', deployed_at="2026-02-02T23:10:16Z")
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
        ('latency_unit = "min"', {}, "latency_unit 'min' is not known; use one of ms, s, us, ns"),
        ("where = 1", {}, "where is one text in quotes"),
        ('left_out = ["ended IS NULL"]', {}, "left_out is a list such as"),
        ('left_out = [{what = "open", where = "ended IS"}]', {}, "open is not one SQL expression"),
        ('where = "ok; DROP TABLE own"', {}, "where is not one SQL expression"),
        ("", {"said": "x"}, "has the unknown column 'said'"),
        ("", {"featureId": "(SELECT 1)"}, "featureId is not one SQL expression"),
        ("", {"featureId": "max(said)"}, "featureId is not one SQL expression over the table's columns; give one without SELECT and sums"),
        ("", {"featureId": "lag(said) OVER ()"}, "featureId is not one SQL expression"),
        ("", {"featureId": "said AS x"}, "featureId is not one SQL expression"),
        ("", {"featureId": ":said"}, "featureId is not one SQL expression"),
        ("", {"featureId": ""}, "featureId is not one SQL expression"),
        ("", {"featureId": "name"}, "mapping 'own': featureId reads 'name', which .* does not have; write a mapping of your own"),
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
    with pytest.raises(WrongUse, match=f"has no 'leadId'; it gives exactly {', '.join(CANONICAL_COLUMNS)}"):
        load_mapping("own.toml", folder=tmp_path, table=None)


def test_a_unit_without_columns_says_nothing(tmp_path):
    (tmp_path / "own.toml").write_text('table = "own"\nlatency_unit = "s"\n')
    with pytest.raises(WrongUse, match=r"latency_unit says nothing without \[columns\]"):
        load_mapping("own.toml", folder=tmp_path, table=None)


def test_a_mapping_that_is_nowhere_names_the_shipped_ones(tmp_path):
    with pytest.raises(WrongUse, match=r"neither shipped \(aiinteraction, langfuse-postgres, litellm\) nor a file"):
        load_mapping("litelm", folder=tmp_path, table=None)


@pytest.mark.parametrize("shipped", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_shipped_mapping_loads_and_may_read_a_table_of_another_name(shipped, tmp_path):
    mapping = load_mapping(shipped, folder=tmp_path, table="logs.calls")
    assert (mapping.table, bool(mapping.notes)) == ("logs.calls", True)
    assert 'FROM "logs"."calls"' in f"FROM {mapping.relation().sql(dialect='postgres')}"


# ---- the page --------------------------------------------------------------------------------------------------------
def test_the_page_s_example_is_loaded_and_counts(database, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")
    table, example = (re.search(rf"(?s)```{language}\n(.*?)```", page)[1] for language in ("sql", "toml"))
    database.execute(table)
    (tmp_path / "calls.toml").write_text(example, encoding="utf-8")
    monkeypatch.setenv("STORE_URL", database.url)
    opened = open_engine(settings_of(tmp_path, source_of("calls.toml")))
    found = counted(load_latency_counts(opened, GRID, [WIDE]))
    opened.close()
    assert found == {("summarise", "web", 0, 1250): 1, ("summarise", "cron", 1, 20128): 1}
    assert all(f"`{column}`" in page for column in CANONICAL_COLUMNS)


def test_the_page_names_every_key(tmp_path):
    from analysis.telemetry.mapping import KEYS

    page = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page and f"`[{key}]`" not in page] == []
    assert len(page.splitlines()) < 120
