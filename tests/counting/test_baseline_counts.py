"""The baseline is counted once and frozen; it is counted again when its inputs change."""

import json
from datetime import UTC, timedelta

import pytest

from analysis.config import load_settings
from analysis.counting.baseline import load_baseline
from analysis.counting.storage.frozen import FrozenCounts
from analysis.errors import DataNotTrusted
from analysis.telemetry.engines import open_engine, source_origin
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.window import DAY
from tests.fixtures.arm_comparison import assert_same_arm
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.growing_looks import EVENT_CLAIMS
from tests.fixtures.stores import settings_of, store
from tests.fixtures.watched_engine import WatchedEngine

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return store("parquet", edge_case_calls(), tmp_path, more=EVENT_CLAIMS)


@pytest.fixture
def exports(settings):
    """The calls in two files of a folder that the settings name with a star."""
    calls = edge_case_calls()
    (settings.folder / "calls.parquet").unlink()
    for name, part in (("1", calls.iloc[::2]), ("2", calls.iloc[1::2])):
        part.to_parquet(settings.folder / f"calls-{name}.parquet", index=False)
    return rewrite_settings(settings, "calls.parquet", "calls-*.parquet")


def rewrite_settings(settings, old, new):
    path = settings.folder / "rollout.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load_settings(path)


def load(settings, **limits):
    """The baseline, and the names of the queries that it was counted by; none when it was read."""
    engines = []

    def open_watched():
        engines.append(WatchedEngine(open_engine(settings), **limits))
        return engines[-1]

    arm = load_baseline(settings, settings.rollout.deployed_at, open_watched)
    return arm, [statement.name for engine in engines for statement in engine.statements]


def add_later_export(folder):
    calls = edge_case_calls()
    later = calls.assign(id=calls["id"] + "'", createdAt=calls["createdAt"] + 30 * DAY)
    later.to_parquet(folder / "calls-3.parquet", index=False)


def files_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_the_second_use_reads_the_frozen_file_and_opens_no_database(settings):
    first, queries = load(settings)
    second, none = load(settings)
    assert ("latency_counts" in queries, none) == (True, [])
    assert_same_arm(first, second)
    assert first.calls
    assert len(first.events.rows)
    assert files_in(settings.outputs) == ["counts.parquet"]


# ---- when it is counted again -----------------------------------------------------------------
EXCLUDE = '{from = 2026-02-02T20:00:00Z, to = 2026-02-02T20:30:00Z, why = "x"}'


@pytest.mark.parametrize(
    ("old", "new", "is_counted"),
    [
        ('name = "recovers"', 'name = "recovers differently"', False),
        ("limit = 0.5", "limit = 0.4", False),
        ("[monitoring]", '[monitoring]\nsettle = "2m"', True),
        ("[monitoring]", "[baseline]\ndays = 1\n[monitoring]", True),
        ("[monitoring]", f"[baseline]\nexclude = [{EXCLUDE}]\n[monitoring]", True),
        ("[source]", 'warm_up = "5m"\n[source]', True),
        ("[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["x"]\n[monitoring]', True),
        ("23:10:16.789Z", "23:10:17Z", True),
    ],
)
def test_a_change_that_decides_the_counts_makes_it_counted_again(settings, old, new, is_counted):
    load(settings)
    changed = rewrite_settings(settings, old, new)
    again, queries = load(changed)
    assert bool(queries) == is_counted
    frozen, queries = load(changed)
    assert_same_arm(again, frozen)
    assert queries == []


def test_a_rewritten_source_file_is_counted_again(settings):
    before, _ = load(settings)
    calls = edge_case_calls()
    rest = calls[calls["featureId"] != "draft.verify"]
    rest.to_parquet(settings.folder / "calls.parquet", index=False)
    after, queries = load(settings)
    assert after.calls < before.calls
    assert queries


def test_an_added_export_file_is_checked_and_nothing_is_counted_again(exports):
    first, _ = load(exports)
    add_later_export(exports.folder)
    second, queries = load(exports)
    assert set(queries) == {"written"}
    assert_same_arm(first, second)


def test_the_check_of_the_rows_leaves_no_chunks(exports):
    load(exports, longest=2 * DAY)
    add_later_export(exports.folder)
    load(exports, longest=2 * DAY)
    assert files_in(exports.outputs) == ["counts.parquet"]


def add_rows_of_the_baseline(folder):
    edge_case_calls().iloc[::3].to_parquet(folder / "calls-3.parquet", index=False)


def rename_file(folder):
    (folder / "calls-2.parquet").rename(folder / "calls-3.parquet")


def rewrite_file(folder):
    calls = edge_case_calls().iloc[1::2].assign(errorMessage="connection error")
    calls.to_parquet(folder / "calls-2.parquet", index=False)


@pytest.mark.parametrize("change", [add_rows_of_the_baseline, rename_file, rewrite_file])
def test_other_changes_of_the_export_files_make_it_counted_again(exports, change):
    load(exports)
    change(exports.folder)
    again, queries = load(exports)
    assert "latency_counts" in queries
    exports.paths.baseline_counts.unlink()
    assert_same_arm(again, load(exports)[0])


def test_another_table_or_database_is_another_origin(tmp_path):
    columns = "\n".join(f"{name} = '\"{name}\"'" for name in CANONICAL_COLUMNS)
    origins = []
    for table, variable in (("raw", "A"), ("clean", "A"), ("clean", "B")):
        mapping = f'table = "{table}"\n[columns]\n{columns}'
        (tmp_path / "mine.toml").write_text(mapping, encoding="utf-8")
        source = f'engine = "postgres"\nurl_env = "{variable}"\nmapping = "mine.toml"'
        origins.append(source_origin(settings_of(tmp_path, source)))
    assert len({json.dumps(one) for one in origins}) == 3


# ---- deleted rows -----------------------------------------------------------------------------
def test_deleted_rows_do_not_shorten_a_frozen_baseline(database, tmp_path, monkeypatch):
    database.execute("""
        INSERT INTO "AIInteraction" ("id", "clientId", "featureId", "model", "apiType",
            "latencyMs", "status", "createdAt")
        SELECT 'id-' || n, 't', 'draft.verify', 'm', 'r', 5, 'success',
            TIMESTAMP '2026-02-02 23:00:00' - n * INTERVAL '20 minutes'
        FROM generate_series(1, 600) AS n""")
    monkeypatch.setenv("TEST_URL", database.url)
    source = 'engine = "postgres"\nurl_env = "TEST_URL"'
    settings = settings_of(tmp_path, source)
    frozen, _ = load(settings)
    assert frozen.window.length == 7 * DAY
    database.execute("""DELETE FROM "AIInteraction" WHERE "createdAt" < '2026-01-30'""")
    assert_same_arm(load(settings)[0], frozen)

    user_class = '[[error_class]]\nname = "mine"\ncontains = ["x"]'
    changed = settings_of(tmp_path, source, more=user_class)
    message = (
        r"^\[\[error_class\]\] changed since .* \(before 2026-01-30T00:00:00Z\) have been "
        "deleted; undo the change, or delete baseline/counts.parquet"
    )
    with pytest.raises(DataNotTrusted, match=message):
        load(changed)
    with FrozenCounts(settings.paths.baseline_counts) as file:
        assert_same_arm(file.arm(), frozen)
    database.execute('TRUNCATE "AIInteraction"')
    with pytest.raises(DataNotTrusted, match="have been deleted"):
        load(changed)


# ---- edges ------------------------------------------------------------------------------------
def test_a_baseline_without_calls_is_not_frozen(settings):
    long_ago = DEPLOY - timedelta(days=300)
    assert load_baseline(settings, long_ago, lambda: open_engine(settings)).calls == 0
    assert not settings.paths.baseline_counts.exists()


def test_a_baseline_that_is_excluded_as_a_whole_has_no_calls(tmp_path):
    all_of_it = '{from = 2026-01-20T00:00:00Z, to = 2026-02-02T23:10:16Z, why = "all of it"}'
    more = f"[baseline]\nexclude = [{all_of_it}]"
    settings = store("parquet", edge_case_calls(), tmp_path, more=more)
    assert load(settings)[0].calls == 0
