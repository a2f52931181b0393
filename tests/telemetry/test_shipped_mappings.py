"""The shipped mappings over tables as their stores keep them: counts, results, doctor."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest

import analysis
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.counting.scans.count_tables import (
    load_hourly_bins,
    load_hourly_counts,
    load_latency_counts,
)
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality
from analysis.doctor.source_checks import check_source
from analysis.sample.features import DEPLOYED_AT
from analysis.sample.simulate import simulate_phase_94
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping_file import SHIPPED
from analysis.window import HOUR, Window
from tests.fixtures.langfuse_store import LANGFUSE
from tests.fixtures.litellm_store import LITELLM
from tests.fixtures.opened_engines import naive
from tests.fixtures.other_store import SECRET, OtherStore
from tests.fixtures.plain_counts import Calls, counted, plain_rows, quality_numbers
from tests.fixtures.postgres_server import Database
from tests.fixtures.stores import PARQUET_SOURCE, POSTGRES_SOURCE, settings_of

ROOT = Path(__file__).parents[2]
DAYS, DELAY = 3, timedelta(minutes=2)
GRID = Grid(DEPLOYED_AT, DELAY)
WINDOW = Window(DEPLOYED_AT - timedelta(days=DAYS), DEPLOYED_AT + timedelta(days=1))


@dataclass
class LoadedStore:
    """A store in a database, its rows, and what they mean."""

    store: OtherStore
    rows: pd.DataFrame
    meaning: pd.DataFrame
    database: Database

    @property
    def source(self) -> str:
        return f'{POSTGRES_SOURCE}\nmapping = "{self.store.mapping}"'


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    sample = simulate_phase_94()
    return sample[sample["createdAt"] >= pd.Timestamp(naive(WINDOW.start))].reset_index(drop=True)


@pytest.fixture(scope="module", params=[LITELLM, LANGFUSE], ids=lambda store: store.mapping)
def loaded(request, calls, postgres_server):
    with postgres_server.fresh_database() as database:
        rows = request.param.rows(calls)
        request.param.load(rows, database)
        yield LoadedStore(request.param, rows, request.param.plain(rows), database)


@pytest.fixture(autouse=True)
def url(loaded, monkeypatch):
    monkeypatch.setenv("TEST_URL", loaded.database.url)


@pytest.fixture
def engine(loaded, tmp_path):
    opened = open_engine(settings_of(tmp_path, loaded.source))
    yield opened
    opened.close()


def test_counts_equal_a_plain_reading_of_the_rows(loaded, engine):
    rows = plain_rows(loaded.meaning)
    span = {"start": naive(WINDOW.start), "end": naive(WINDOW.end), "ingestion_delay": DELAY}
    plain = Calls(rows, **span, deployed_at=naive(DEPLOYED_AT))
    no_limits = pd.DataFrame({name: pd.Series(dtype="object") for name in LIMIT_COLUMNS})
    assert len(plain.calls) > 10_000
    assert counted(load_latency_counts(Scan(engine, GRID), [WINDOW])) == dict(
        plain.latency_counts()
    )
    assert counted(load_hourly_counts(Scan(engine, GRID), WINDOW, no_limits)) == plain.hourly({})
    assert counted(load_hourly_bins(Scan(engine, GRID), WINDOW, by_source=True)) == dict(
        plain.bins()
    )
    quality = {
        key: naive(value) if isinstance(value, datetime) else value
        for key, value in asdict(load_row_quality(Scan(engine, GRID), WINDOW)).items()
    }
    assert quality == quality_numbers(rows, **span)


def test_the_result_is_that_of_the_same_calls_in_the_canonical_table(loaded, tmp_path):
    results = {}
    for place, source in (("store", loaded.source), ("canonical", PARQUET_SOURCE)):
        config = tmp_path / place / "rollout.toml"
        config.parent.mkdir()
        loaded.meaning.to_parquet(config.parent / "calls.parquet", index=False)
        text = (ROOT / "rollout.toml").read_text(encoding="utf-8")
        text = text.replace('settle = "90s"', 'settle = "2m"')
        head, rest = re.split(r"(?s)\[source\].*?\[baseline\].*?(?=\[monitoring\])", text)
        config.write_text(
            f"{head}[source]\n{source}\n[baseline]\ndays = {DAYS}\n{rest}", encoding="utf-8"
        )
        with analysis.open(config) as rollout:
            results[place] = rollout.look("24h").result.as_json()
    engines = {place: result.pop("provenance")["engine"] for place, result in results.items()}
    assert engines == {"store": "postgres", "canonical": "duckdb"}
    assert results["store"] == results["canonical"]
    assert results["store"]["verdict"] in ("improved", "sustained", "keep_watching")
    findings = {claim["feature"]: claim["finding"] for claim in results["store"]["expectations"]}
    assert findings["draft.verify.email.step3"] == "met"
    assert SECRET not in str(results)


def test_created_at_is_the_end_of_a_call_and_its_start_the_store_s_own(loaded, engine):
    """A call of 20 s that began before the deploy and ended after it belongs to the baseline."""
    relation = engine.queries.mapping.relation().sql(dialect="postgres")
    start = """ "createdAt" - "latencyMs" * INTERVAL '1 millisecond' """
    found = dict(loaded.database.execute(f'SELECT "id", {start} FROM {relation}'))
    ids, starts = loaded.rows.iloc[:, 0], loaded.rows[loaded.store.start_column]
    stored = dict(zip(ids, starts, strict=True))
    assert found == {key: stored[key].to_pydatetime() for key in loaded.meaning["id"]}
    deploy, end = pd.Timestamp(naive(DEPLOYED_AT)), pd.Timestamp(naive(WINDOW.end))
    started = loaded.meaning["id"].map(stored)
    assert ((loaded.meaning["createdAt"] > deploy) & (started < deploy)).any()
    post = (
        load_latency_counts(Scan(engine, GRID), [Window(DEPLOYED_AT, WINDOW.end)])
        .rows["calls"]
        .sum()
    )
    assert post == ((started >= deploy) & (started < end)).sum()


def test_prompts_and_answers_are_never_read(loaded, tmp_path, monkeypatch):
    """A role that may not read them is enough."""
    store, database = loaded.store, loaded.database
    role = f"reader_{store.mapping.partition('-')[0]}"
    readable = ", ".join(f'"{column}"' for column in loaded.rows if column not in store.never_read)
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader-of-tests'")
    database.execute(f'GRANT SELECT ({readable}) ON "{store.table}" TO {role}')
    parts = urlsplit(database.url)
    address = f"{role}:reader-of-tests@{parts.hostname}:{parts.port}"
    monkeypatch.setenv("TEST_URL", parts._replace(netloc=address).geturl())
    try:
        reading = open_engine(settings_of(tmp_path, loaded.source))
        assert load_latency_counts(Scan(reading, GRID), [WINDOW]).rows["calls"].sum() > 10_000
        reading.close()
    finally:
        database.execute(f"DROP OWNED BY {role}")
        database.execute(f"DROP ROLE {role}")
    text = (SHIPPED / f"{store.mapping}.toml").read_text(encoding="utf-8").split("[columns]")[1]
    forbidden = set(store.never_read) - {"metadata"}
    assert not [column for column in forbidden if f'"{column}"' in text]


def test_a_window_is_found_by_the_store_s_index(loaded, engine):
    parameters = GRID.parameters(Window(DEPLOYED_AT, DEPLOYED_AT + HOUR))
    text = engine.queries.statement("latency_counts", parameters).text_with_values()
    plan = "\n".join(row[0] for row in loaded.database.execute("EXPLAIN " + text))
    assert f"({loaded.store.start_column} >= " in plan.replace('"', "")
    assert "Index" in plan


def test_doctor_shows_the_mapping_and_counts_what_it_leaves_out(loaded, tmp_path):
    checks = check_source(settings_of(tmp_path, loaded.source))
    text = "\n".join(f"{check.name}: {check.state}: {check.detail}" for check in checks)
    assert f"table '{loaded.store.table}' by mapping {loaded.store.mapping}: id = " in text
    assert "createdAt is " in text
    assert "unit of latencyMs: ok: probably milliseconds" in text
    left_out = re.findall(r"left out: warning: ([0-9\u202f]+) generations without an end", text)
    expected = []
    if loaded.store is LANGFUSE:
        rows = loaded.rows
        expected = [(rows["type"].eq("GENERATION") & rows["end_time"].isna()).sum()]
    assert [int(number.replace("\u202f", "")) for number in left_out] == expected
    assert SECRET not in text
