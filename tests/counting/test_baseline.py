"""A frozen baseline is what was counted: a round trip loses nothing, damage is seen, and it is made anew only when it may be."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.config import load_settings
from analysis.counting.arm import Arm
from analysis.counting.baseline import Baselines
from analysis.counting.frozen import Frozen, fingerprint, read_facts, write_frozen
from analysis.counts import CountTable, EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.errors import DataNotTrusted, TookTooLong
from analysis.telemetry.engines import open_engine, source_origin
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.stores import settings_of, store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
MORE = """
[[guardrail]]
name = "cron"
source = "background-job/*"
metric = "cron_over_budget_rate"
claim = "below"
limit = 0.5
[[guardrail]]
name = "recovers"
feature = "draft.verify"
metric = "recovered_rate"
claim = "no_worse"
margin = 0.5
"""


@pytest.fixture
def settings(tmp_path):
    return store("parquet", edge_case_calls(), tmp_path, more=MORE)


class Opened:
    """The engine of these settings, and how often the baseline asked for it."""

    def __init__(self, settings):
        self.settings, self.times = settings, 0

    def __call__(self):
        self.times += 1
        return open_engine(self.settings)


def read_frozen(path):
    with Frozen(path) as frozen:
        return frozen.arm()


def assert_same(one: Arm, other: Arm) -> None:
    for field in fields(Arm):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, CountTable):
            pd.testing.assert_frame_equal(first.rows, second.rows, obj=field.name)
        elif isinstance(first, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second, obj=field.name)
        else:
            assert first == second, field.name


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_the_second_use_reads_the_frozen_file_and_opens_no_database(settings):
    opened = Opened(settings)
    first = Baselines(settings, DEPLOY).frozen(opened)
    second = Baselines(settings, DEPLOY).frozen(opened)
    assert opened.times == 1
    assert_same(first, second)
    assert (first.calls, len(first.events.rows)) != (0, 0)
    assert sorted(path.name for path in settings.outputs.rglob("*") if path.is_file()) == [
        "counts.parquet"
    ]


def test_nothing_personal_is_frozen(settings):
    path = Baselines(settings, DEPLOY).path
    Baselines(settings, DEPLOY).frozen(Opened(settings))
    content = path.read_bytes() + str(pq.read_table(path).to_pylist()).encode()
    for hidden in (
        "tenant-north",
        "Ténant",
        "lead-a",
        "something else",
        "content_filter",
        "Rate limit",
        str(settings.folder),
    ):
        assert hidden.encode() not in content


# ---- round trip ------------------------------------------------------------------------------------------------------
def test_a_round_trip_loses_nothing(settings, tmp_path):
    arm = Baselines(settings, DEPLOY).frozen(Opened(settings))
    write_frozen(tmp_path / "a" / "counts.parquet", arm, made_from={"x": 1})
    assert_same(read_frozen(tmp_path / "a" / "counts.parquet"), arm)
    assert read_facts(tmp_path / "a" / "counts.parquet")["fingerprint"] == fingerprint(x=1)


def test_a_round_trip_of_nothing_of_na_and_of_the_largest_numbers(tmp_path):
    hour = Window(DEPLOY - timedelta(hours=1), DEPLOY)
    empty = Arm(
        hour,
        (-1, 0),
        LatencyCounts.empty(),
        HourlyCounts.empty(),
        HourlyBins.empty(),
        EventCounts.empty(),
        pd.DataFrame(
            {
                "feature": pd.Series([], dtype="str"),
                **{
                    name: pd.Series([], dtype="int64")
                    for name in ("tau_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")
                },
            }
        ),
        {"written_rows": 0, "first_written_at": None},
    )
    path = tmp_path / "counts.parquet"
    write_frozen(path, empty, made_from={})
    assert_same(read_frozen(path), empty)
    largest = LatencyCounts.of(
        pd.DataFrame(
            {
                "feature": ["f"],
                "source": [None],
                "outcome": [1],
                "latency_ms": [2**31 - 1],
                "calls": [2**63 - 1],
            }
        )
    )
    limits = pd.DataFrame(
        {
            "feature": ["f", "g"],
            "tau_ms": [2**53 + 1, 1],
            "p50_ms": [None, 2],
            "p90_ms": 1,
            "p95_ms": 1,
            "p99_ms": 1,
        }
    ).astype({"feature": "str", "p50_ms": "Int64"})
    full = replace(
        empty,
        latency=largest,
        limits=limits,
        excluded_hours=frozenset({-3}),
        models={"f": "m"},
        trust={
            "written_rows": 3,
            "last_written_at": datetime(2026, 2, 2, 1, 2, 3, 4000, tzinfo=UTC),
        },
    )
    write_frozen(path, full, made_from={})
    assert_same(read_frozen(path), full)


# ---- laws: when it is made anew --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        ('name = "recovers"', 'name = "recovers differently"', False),  # a name decides nothing
        ("limit = 0.5", "limit = 0.4", False),
        ("[monitoring]", '[monitoring]\nsettle = "2m"', True),
        ("[monitoring]", "[baseline]\ndays = 1\n[monitoring]", True),
        (
            "[monitoring]",
            '[baseline]\nexclude = [{from = 2026-02-02T20:00:00Z, to = 2026-02-02T20:30:00Z, why = "x"}]\n[monitoring]',
            True,
        ),
        ("[source]", 'warm_up = "5m"\n[source]', True),
        ("[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["x"]\n[monitoring]', True),
        ("23:10:16.789Z", "23:10:17Z", True),
    ],
    ids=lambda change: change[1].replace("\n", " ")[:40],
)
def test_a_change_that_decides_the_counts_makes_it_anew(settings, change):
    opened = Opened(settings)
    Baselines(settings, DEPLOY).frozen(opened)
    path = settings.folder / "rollout.toml"
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    changed = load_settings(path)
    again = Baselines(changed, changed.rollout.deployed_at).frozen(opened)
    assert opened.times == 1 + change[2]
    assert_same(again, Baselines(changed, changed.rollout.deployed_at).frozen(opened))
    assert opened.times == 1 + change[2]


def test_a_source_file_that_was_written_again_is_counted_anew(settings):
    opened = Opened(settings)
    before = Baselines(settings, DEPLOY).frozen(opened).calls
    calls = edge_case_calls()
    calls[calls["featureId"] != "draft.verify"].to_parquet(
        settings.folder / "calls.parquet", index=False
    )
    assert Baselines(settings, DEPLOY).frozen(opened).calls < before
    assert opened.times == 2


@pytest.fixture
def exports(settings):
    """The calls in two files of a folder, which the settings name with a star; later files may join them."""
    calls = edge_case_calls()
    (settings.folder / "calls.parquet").unlink()
    for name, part in (("1", calls.iloc[::2]), ("2", calls.iloc[1::2])):
        part.to_parquet(settings.folder / f"calls-{name}.parquet", index=False)
    path = settings.folder / "rollout.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("calls.parquet", "calls-*.parquet"),
        encoding="utf-8",
    )
    return load_settings(path)


def shifted_calls(days):
    """The calls of other days, with ids of their own."""
    calls = edge_case_calls()
    return calls.assign(id=calls["id"] + "'", createdAt=calls["createdAt"] + timedelta(days=days))


def queries_asked(settings):
    """The baseline, and by which queries it was found."""
    opened = Opened(settings)
    asked = []

    def watched():
        engine = opened()
        fetch = engine.fetch
        engine.fetch = lambda statement: asked.append(statement.name) or fetch(statement)
        return engine

    return Baselines(settings, DEPLOY).frozen(watched), asked


def test_an_export_file_that_came_since_does_not_have_it_counted_anew(exports):
    first, counted_by = queries_asked(exports)
    shifted_calls(30).to_parquet(exports.folder / "calls-3.parquet", index=False)
    second, looked_by = queries_asked(exports)
    assert (set(looked_by), "latency_counts" in counted_by) == ({"written"}, True)
    assert_same(first, second)


def test_looking_at_the_rows_leaves_no_pieces(exports):
    def slow():
        engine = open_engine(exports)
        fetch = engine.fetch

        def in_days(statement):
            if statement.name == "written" and statement.parameters[
                "written_before"
            ] - statement.parameters["written_from"] > timedelta(days=1):
                raise TookTooLong("too long")
            return fetch(statement)

        engine.fetch = in_days
        return engine

    Baselines(exports, DEPLOY).frozen(slow)
    shifted_calls(30).to_parquet(exports.folder / "calls-3.parquet", index=False)
    Baselines(exports, DEPLOY).frozen(slow)
    assert [path.name for path in exports.outputs.rglob("*") if path.is_file()] == [
        "counts.parquet"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (
            edge_case_calls().iloc[::3].to_parquet(folder / "calls-3.parquet", index=False)
        ),  # came since, and holds rows of the baseline
        lambda folder: (folder / "calls-2.parquet").rename(folder / "calls-3.parquet"),
        lambda folder: (
            edge_case_calls()
            .iloc[1::2]
            .assign(errorMessage="connection error")
            .to_parquet(folder / "calls-2.parquet", index=False)
        ),
    ],
    ids=["rows came", "a file was renamed", "a file was written again"],
)
def test_other_changes_of_the_export_files_have_it_counted_anew(exports, change):
    queries_asked(exports)
    change(exports.folder)
    again, asked = queries_asked(exports)
    assert "latency_counts" in asked
    Baselines(exports, DEPLOY).path.unlink()
    assert_same(again, queries_asked(exports)[0])


def test_deleted_rows_do_not_shorten_a_frozen_baseline(database, tmp_path, monkeypatch):
    database.execute("""INSERT INTO "AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")
        SELECT 'id-' || n, 't', 'draft.verify', 'm', 'r', 5, 'success', TIMESTAMP '2026-02-02 23:00:00' - n * INTERVAL '20 minutes' FROM generate_series(1, 600) AS n""")
    monkeypatch.setenv("TEST_URL", database.url)
    source = 'engine = "postgres"\nurl_env = "TEST_URL"'
    opened = Opened(settings_of(tmp_path, source))
    frozen = Baselines(opened.settings, DEPLOY).frozen(opened)
    assert frozen.window.length == timedelta(days=7)
    database.execute("""DELETE FROM "AIInteraction" WHERE "createdAt" < '2026-01-30'""")
    assert_same(Baselines(opened.settings, DEPLOY).frozen(opened), frozen)
    changed = Opened(
        settings_of(tmp_path, source, more='[[error_class]]\nname = "mine"\ncontains = ["x"]')
    )
    with pytest.raises(
        DataNotTrusted,
        match=r"^\[\[error_class\]\] changed since .* \(before 2026-01-30T00:00:00Z\) are deleted meanwhile; undo the change, or delete baseline/counts.parquet",
    ):
        Baselines(changed.settings, DEPLOY).frozen(changed)
    assert_same(
        read_frozen(Baselines(opened.settings, DEPLOY).path), frozen
    )  # and the frozen one still stands
    database.execute('TRUNCATE "AIInteraction"')
    with pytest.raises(DataNotTrusted, match="are deleted meanwhile"):
        Baselines(changed.settings, DEPLOY).frozen(changed)


# ---- edges: damage ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no parquet",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-20] + b"x" * 20,
        lambda content: b"x" * 60 + content[60:],
    ],
)
def test_a_damaged_file_is_seen(settings, damage):
    baselines = Baselines(settings, DEPLOY)
    baselines.frozen(Opened(settings))
    damaged = damage(baselines.path.read_bytes())
    baselines.path.write_bytes(damaged)
    with pytest.raises(
        DataNotTrusted,
        match=r"the frozen baseline baseline/counts.parquet is damaged; delete it while the rows exist",
    ):
        baselines.frozen(Opened(settings))
    assert baselines.path.read_bytes() == damaged  # nothing is thrown away behind one's back


def test_a_flipped_byte_is_seen_or_harmless(settings):
    path = Baselines(settings, DEPLOY).path
    arm = Baselines(settings, DEPLOY).frozen(Opened(settings))
    content, seen = path.read_bytes(), 0
    for at in range(4, len(content) - 4, len(content) // 60):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            assert_same(read_frozen(path), arm)
        except DataNotTrusted:
            seen += 1
    assert seen > 20


@pytest.mark.parametrize(
    "facts",
    [
        b"[]",
        b"{}",
        b"not json",
        b'{"format": 0}',
        json.dumps({"format": 1, "fingerprint": "x"}).encode(),
    ],
)
def test_a_file_that_is_no_frozen_baseline(settings, facts):
    baselines = Baselines(settings, DEPLOY)
    baselines.frozen(Opened(settings))
    table = pq.read_table(baselines.path)
    pq.write_table(table.replace_schema_metadata({b"rollout": facts}), baselines.path)
    with pytest.raises(DataNotTrusted, match=r"is damaged|written by another version"):
        baselines.frozen(Opened(settings))


def written_again(path, facts, *, with_its_digest):
    """The same pages with other facts, under their digest or the old one."""
    text = json.dumps(facts).encode()
    with pq.ParquetFile(path) as file:
        groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
    old = groups[0].schema.metadata[b"rollout-sha256"]
    digest = hashlib.sha256(text).hexdigest().encode() if with_its_digest else old
    schema = groups[0].schema.with_metadata({b"rollout": text, b"rollout-sha256": digest})
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for group in groups:
            writer.write(group.cast(schema))


def test_what_a_file_says_of_itself_is_checked(settings):
    baselines = Baselines(settings, DEPLOY)
    arm = baselines.frozen(Opened(settings))
    facts = read_facts(baselines.path)
    written_again(baselines.path, facts, with_its_digest=True)
    assert_same(read_frozen(baselines.path), arm)
    without_bins = facts | {
        "row_groups": [
            [name, groups if name != "bins" else 0] for name, groups in facts["row_groups"]
        ]
    }
    for changed, with_its_digest in (
        (facts | {"hours": [-167, 0]}, False),
        (without_bins, False),
        (without_bins, True),
    ):
        written_again(baselines.path, changed, with_its_digest=with_its_digest)
        with pytest.raises(DataNotTrusted, match="is damaged"):
            read_frozen(baselines.path)


def test_another_table_or_database_is_another_origin(tmp_path):
    columns = "\n".join(f"{name} = '\"{name}\"'" for name in CANONICAL_COLUMNS)
    found = []
    for table, variable in (("raw", "A"), ("clean", "A"), ("clean", "B")):
        (tmp_path / "mine.toml").write_text(
            f'table = "{table}"\n[columns]\n{columns}', encoding="utf-8"
        )
        found.append(
            source_origin(
                settings_of(
                    tmp_path, f'engine = "postgres"\nurl_env = "{variable}"\nmapping = "mine.toml"'
                )
            )
        )
    assert len({json.dumps(one) for one in found}) == 3


def test_an_arm_without_calls_is_not_frozen(settings):
    long_ago = DEPLOY - timedelta(days=300)
    assert Baselines(settings, long_ago).frozen(Opened(settings)).calls == 0
    assert not Baselines(settings, long_ago).path.exists()


def test_a_baseline_that_is_excluded_whole_has_no_calls(tmp_path):
    more = '[baseline]\nexclude = [{from = 2026-01-20T00:00:00Z, to = 2026-02-02T23:10:16Z, why = "all of it"}]'
    settings = store("parquet", edge_case_calls(), tmp_path, more=more)
    assert Baselines(settings, DEPLOY).frozen(Opened(settings)).calls == 0
