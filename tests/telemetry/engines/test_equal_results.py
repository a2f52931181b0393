"""The same calls in another store give the same result, except for where it came from."""

import re
from pathlib import Path

import pytest

import analysis
from analysis.clock import CLOCK_VARIABLE
from analysis.sample.simulate import simulate_phase_94
from tests.fixtures.stores import STORES, store

EXAMPLE = Path(__file__).parents[3] / "rollout.toml"
SOURCE = re.compile(r"(?s)\[source\].*?(?=\n\[)")
WINDOWS = ("1h", "24h")


@pytest.fixture
def results(tmp_path, database, monkeypatch):
    """Store -> window -> result.json of the example."""
    (tmp_path / "clock").write_text("2026-02-05T00:00:00Z")
    monkeypatch.setenv(CLOCK_VARIABLE, str(tmp_path / "clock"))
    rows, example, found = simulate_phase_94(), EXAMPLE.read_text(encoding="utf-8"), {}
    for kind in STORES:
        folder = tmp_path / kind
        folder.mkdir()
        settings = store(kind, rows, folder, database=database, monkeypatch=monkeypatch)
        source = SOURCE.search(settings.path.read_text(encoding="utf-8"))[0]
        settings.path.write_text(SOURCE.sub(lambda _, source=source: source, example, count=1))
        with analysis.open(settings.path) as rollout:
            found[kind] = {window: rollout.look(window).result.as_json() for window in WINDOWS}
    return found


def test_every_store_gives_the_same_result(results):
    engines = {kind: looks["24h"]["provenance"]["engine"] for kind, looks in results.items()}
    assert engines == dict.fromkeys(("parquet", "csv", "duckdb"), "duckdb") | {
        "postgres": "postgres"
    }
    for kind, looks in results.items():
        for window in WINDOWS:
            first = results["parquet"][window]
            assert looks[window] | {"provenance": None} == first | {"provenance": None}, kind
    assert results["postgres"]["24h"]["verdict"] in ("improved", "sustained")
    assert results["postgres"]["24h"]["post"]["calls"] > 5000
