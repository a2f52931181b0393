"""The same calls in another store: every look says the same, word for word and number for number, but for where it came from."""

from pathlib import Path

import pytest

import analysis
from analysis.clock import CLOCK_VARIABLE
from analysis.sample.simulate import simulate_phase_94
from tests.fixtures.stores import STORES, store

EXAMPLE = Path(__file__).parents[2] / "rollout.toml"
WINDOWS = ("1h", "24h")


def without_source(text: str) -> str:
    """The example's rollout.toml up to and from its [source]."""
    head, rest = text.split("[source]\n")
    return head + "[baseline]" + rest.split("[baseline]", 1)[1]


@pytest.fixture
def results(tmp_path, database, monkeypatch):
    """Store -> window -> result.json of the example."""
    (tmp_path / "clock").write_text("2026-02-05T00:00:00Z")
    monkeypatch.setenv(CLOCK_VARIABLE, str(tmp_path / "clock"))
    rows, found = simulate_phase_94(), {}
    for kind in STORES:
        folder = tmp_path / kind
        folder.mkdir()
        settings = store(kind, rows, folder, database=database, monkeypatch=monkeypatch)
        source = (
            settings.path.read_text(encoding="utf-8")
            .partition("[source]")[2]
            .partition("[monitoring]")[0]
        )
        settings.path.write_text(
            f"{without_source(EXAMPLE.read_text(encoding='utf-8'))}\n[source]{source}",
            encoding="utf-8",
        )
        with analysis.open(settings.path) as rollout:
            found[kind] = {window: rollout.look(window).result for window in WINDOWS}
    return found


def test_every_store_gives_the_same_result(results):
    sources = {kind: looks["24h"]["provenance"]["engine"] for kind, looks in results.items()}
    assert sources == {
        "parquet": "duckdb",
        "csv": "duckdb",
        "duckdb": "duckdb",
        "postgres": "postgres",
    }
    for kind, looks in results.items():
        for window in WINDOWS:
            mine, first = looks[window], results["parquet"][window]
            assert {**mine, "provenance": None} == {**first, "provenance": None}, (kind, window)
    assert results["postgres"]["24h"]["verdict"] in ("improved", "sustained")
    assert results["postgres"]["24h"]["post"]["calls"] > 5000
