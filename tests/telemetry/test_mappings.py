"""The shipped mappings on tables as their stores keep them: counts, results and what doctor says of them."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest

import analysis
from analysis.counting.scanning.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scanning.written_rows import load_row_quality
from analysis.doctor.source import examine
from analysis.sample.simulate import DEPLOYED_AT, simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping_file import SHIPPED
from analysis.window import Window
from tests.fixtures.litellm_and_langfuse import (
    NEVER_READ,
    SECRET,
    TABLES,
    langfuse_rows,
    litellm_rows,
    load_store,
    plain_langfuse,
    plain_litellm,
)
from tests.fixtures.mapped_stores import DAYS, GRID, SETTLE, WIDE, naive, source_of
from tests.fixtures.plain_counts import Calls, counted, plain_rows, quality_numbers
from tests.fixtures.postgres_server import Database
from tests.fixtures.stores import settings_of

ROOT = Path(__file__).parents[2]
STORES = ("litellm", "langfuse-postgres")
ROWS = {"litellm": litellm_rows, "langfuse-postgres": langfuse_rows}
PLAIN = {"litellm": plain_litellm, "langfuse-postgres": plain_langfuse}
STARTS = {"litellm": "startTime", "langfuse-postgres": "start_time"}
NO_LIMITS = pd.DataFrame(
    {
        name: pd.Series(dtype="object")
        for name in ("feature", "tau_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")
    }
)


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    sample = simulate_phase_94()
    return sample[sample["createdAt"] >= pd.Timestamp(WIDE.start.replace(tzinfo=None))].reset_index(
        drop=True
    )


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


# ---- shipped mappings against plain Python ---------------------------------------------------------------------------
def test_counts_equal_a_plain_reading_of_the_store_s_rows(store, engine):
    meant = plain_rows(store.meant)
    plain = Calls(
        meant,
        start=naive(WIDE.start),
        end=naive(WIDE.end),
        ingestion_delay=SETTLE,
        deployed_at=naive(DEPLOYED_AT),
    )
    assert counted(load_latency_counts(engine, GRID, [WIDE])) == dict(plain.latency_counts())
    assert counted(load_hourly_counts(engine, GRID, WIDE, NO_LIMITS)) == plain.hourly({})
    assert counted(load_hourly_bins(engine, GRID, WIDE, by_source=True)) == dict(plain.bins())
    quality = {
        key: naive(value) if isinstance(value, datetime) else value
        for key, value in asdict(load_row_quality(engine, GRID, WIDE)).items()
    }
    assert quality == quality_numbers(
        meant, start=naive(WIDE.start), end=naive(WIDE.end), ingestion_delay=SETTLE
    )
    assert len(plain.calls) > 10_000


def test_compare_gives_the_result_of_the_same_calls_in_the_canonical_table(
    store, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORE_URL", store.database.url)
    results = {}
    for place, source in (
        ("store", source_of(store.name)),
        ("canonical", 'engine = "duckdb"\npath = "calls.parquet"'),
    ):
        config = tmp_path / place / "rollout.toml"
        config.parent.mkdir()
        store.meant.to_parquet(config.parent / "calls.parquet", index=False)
        text = (
            (ROOT / "rollout.toml")
            .read_text(encoding="utf-8")
            .replace('settle = "90s"', 'settle = "2m"')
        )
        head, rest = re.split(r"(?s)\[source\].*?\[baseline\].*?(?=\[monitoring\])", text)
        config.write_text(
            f"{head}[source]\n{source}\n[baseline]\ndays = {DAYS}\n{rest}", encoding="utf-8"
        )
        with analysis.open(config) as rollout:
            results[place] = rollout.look("24h").result
    assert {place: result.pop("provenance")["engine"] for place, result in results.items()} == {
        "store": "postgres",
        "canonical": "duckdb",
    }
    assert results["store"] == results["canonical"]
    assert results["store"]["verdict"] in ("improved", "sustained", "keep_watching")
    step_3 = next(
        claim
        for claim in results["store"]["expectations"]
        if claim["feature"] == "draft.verify.email.step3"
    )
    assert step_3["finding"] == "met"
    assert SECRET not in str(results)


def test_createdat_is_the_end_of_the_call_and_the_start_the_store_s_own(store, engine):
    """A call of 20 s that began before the deploy and ended after it belongs to the baseline."""
    rows, meant, database = store.rows, store.meant, store.database
    relation = engine.queries.mapping.relation().sql(dialect="postgres")
    found = database.execute(
        f'SELECT "id", "createdAt" - "latencyMs" * INTERVAL \'1 millisecond\' FROM {relation}'
    )
    starts = dict(zip(rows.iloc[:, 0], rows[STARTS[store.name]], strict=True))
    assert dict(found) == {key: starts[key].to_pydatetime() for key in meant["id"]}
    across = meant[
        (meant["createdAt"] > pd.Timestamp(naive(DEPLOYED_AT)))
        & (meant["id"].map(starts) < pd.Timestamp(naive(DEPLOYED_AT)))
    ]
    post = load_latency_counts(engine, GRID, [Window(DEPLOYED_AT, WIDE.end)]).rows["calls"].sum()
    assert len(across) > 0
    assert (
        post
        == (meant["id"].map(starts) >= pd.Timestamp(naive(DEPLOYED_AT))).sum()
        - (meant["id"].map(starts) >= pd.Timestamp(naive(WIDE.end))).sum()
    )


def test_prompts_and_answers_are_never_read(store, tmp_path, monkeypatch):
    """A role that may not read them is enough."""
    rows, database = store.rows, store.database
    role = f"reader_{store.name.partition('-')[0]}"
    readable = ", ".join(f'"{column}"' for column in rows if column not in NEVER_READ[store.name])
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader-of-tests'")
    database.execute(f'GRANT SELECT ({readable}) ON "{TABLES[store.name]}" TO {role}')
    parts = urlsplit(database.url)
    monkeypatch.setenv(
        "STORE_URL",
        parts._replace(netloc=f"{role}:reader-of-tests@{parts.hostname}:{parts.port}").geturl(),
    )
    try:
        reading = open_engine(settings_of(tmp_path, source_of(store.name)))
        assert load_latency_counts(reading, GRID, [WIDE]).rows["calls"].sum() > 10_000
        reading.close()
    finally:
        database.execute(f"DROP OWNED BY {role}")
        database.execute(f"DROP ROLE {role}")
    text = (SHIPPED / f"{store.name}.toml").read_text(encoding="utf-8").split("[columns]")[1]
    assert not [
        column
        for column in NEVER_READ[store.name]
        if f'"{column}"' in text and column != "metadata"
    ]


def test_a_window_is_looked_up_by_the_store_s_index(store, engine):
    window = Window(DEPLOYED_AT, DEPLOYED_AT + timedelta(hours=1))
    statement = engine.queries.statement("latency_counts", GRID.parameters(window))
    plan = "\n".join(
        row[0] for row in store.database.execute("EXPLAIN " + statement.text_with_values())
    )
    assert f'("{STARTS[store.name]}" >= ' in plan.replace(
        f"({STARTS[store.name]} ", f'("{STARTS[store.name]}" '
    )
    assert "Index" in plan


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
    frame.assign(latencyMs=(frame["latencyMs"] // 1000)).to_parquet(
        tmp_path / "calls.parquet", index=False
    )
    line = next(
        line
        for line in examine(settings_of(tmp_path, 'engine = "duckdb"\npath = "calls.parquet"'))
        if line.name == "unit of latencyMs"
    )
    assert line.state == "warning"
    assert "as if they were seconds" in line.detail
    assert "latency_unit" in line.detail
