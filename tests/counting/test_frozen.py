"""A frozen file holds what was counted: a round trip loses nothing, and damage is found."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.counting.arm import Arm, RowQuality
from analysis.counting.baseline import load_baseline
from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.inputs import fingerprint
from analysis.counting.storage.frozen import FrozenCounts, read_facts, write_frozen
from analysis.counts import EventCounts, HourlyBins, HourlyCounts, LatencyCounts
from analysis.errors import DataNotTrusted
from analysis.files import LeakRefused
from analysis.telemetry.engines import open_engine
from analysis.window import window_of_hours
from tests.fixtures.arm_comparison import assert_same_arm
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.growing_looks import EVENT_CLAIMS
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return store("parquet", edge_case_calls(), tmp_path, more=EVENT_CLAIMS)


@pytest.fixture
def arm(settings):
    """A baseline; its frozen file is at `path`."""
    return load_baseline(settings, DEPLOY, lambda: open_engine(settings))


@pytest.fixture
def path(settings, arm):
    return settings.paths.baseline_counts


def read_arm(path):
    with FrozenCounts(path) as frozen:
        return frozen.arm()


def empty_arm():
    limits = pd.DataFrame(columns=list(LIMIT_COLUMNS)).astype(
        {name: "str" if name == "feature" else "int64" for name in LIMIT_COLUMNS}
    )
    return Arm(
        window=window_of_hours(DEPLOY, -1, 0),
        hours=(-1, 0),
        latency=LatencyCounts.empty(),
        hourly=HourlyCounts.empty(),
        bins=HourlyBins.empty(),
        events=EventCounts.empty(),
        limits=limits,
        quality=RowQuality(),
    )


# ---- round trip -------------------------------------------------------------------------------
def test_a_round_trip_loses_nothing(arm, tmp_path):
    path = tmp_path / "again" / "counts.parquet"
    write_frozen(path, arm, made_from={"x": 1}, rows="r")
    assert_same_arm(read_arm(path), arm)
    facts = read_facts(path)
    assert (facts.made_from, facts.fingerprint) == ({"x": 1}, fingerprint({"x": 1}))
    assert (facts.rows, facts.start, facts.end) == ("r", arm.window.start, arm.window.end)


def test_a_round_trip_of_nothing(tmp_path):
    write_frozen(tmp_path / "counts.parquet", empty_arm(), made_from={})
    assert_same_arm(read_arm(tmp_path / "counts.parquet"), empty_arm())


def test_a_round_trip_of_missing_values_and_the_largest_numbers(tmp_path):
    largest = {"outcome": [1], "latency_ms": [2**31 - 1], "calls": [2**63 - 1]}
    limits = [["f", 2**53 + 1, None, 1, 1, 1], ["g", 1, 2, 1, 1, 1]]
    full = replace(
        empty_arm(),
        latency=LatencyCounts.of(pd.DataFrame({"feature": ["f"], "source": [None], **largest})),
        limits=pd.DataFrame(limits, columns=list(LIMIT_COLUMNS)).astype(
            {"feature": "str", "p50_ms": "Int64"}
        ),
        excluded_hours=frozenset({-3}),
        models={"f": "m"},
        quality=RowQuality(
            written_rows=3, last_written_at=datetime(2026, 2, 2, 1, 2, 3, 4000, tzinfo=UTC)
        ),
    )
    write_frozen(tmp_path / "counts.parquet", full, made_from={})
    assert_same_arm(read_arm(tmp_path / "counts.parquet"), full)


def test_nothing_personal_is_frozen(path, settings):
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


@pytest.mark.parametrize("place", ["feature", "model"])
def test_a_name_that_looks_like_a_secret_is_not_frozen(arm, tmp_path, place):
    mail = "someone@example.com"
    models = {"f": mail} if place == "model" else {}
    limits = arm.limits.assign(feature=mail) if place == "feature" else arm.limits
    with pytest.raises(LeakRefused):
        write_frozen(
            tmp_path / "x.parquet", replace(arm, models=models, limits=limits), made_from={}
        )
    assert not (tmp_path / "x.parquet").exists()


# ---- damage -----------------------------------------------------------------------------------
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
def test_a_damaged_file_is_an_error_and_stays(settings, path, damage):
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    message = "the frozen baseline baseline/counts.parquet is damaged; delete it while the rows"
    with pytest.raises(DataNotTrusted, match=message):
        load_baseline(settings, DEPLOY, lambda: open_engine(settings))
    assert path.read_bytes() == damaged


def test_a_flipped_byte_is_found_or_harmless(arm, path):
    content, found = path.read_bytes(), 0
    for at in range(4, len(content) - 4, len(content) // 60):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            assert_same_arm(read_arm(path), arm)
        except DataNotTrusted:
            found += 1
    assert found > 20


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (b"not json", "is damaged"),
        (b"[]", "written by another version"),
        (b"{}", "written by another version"),
        (b'{"format": 0}', "written by another version"),
        (b'{"format": 1, "fingerprint": "x"}', "written by another version"),
        (b'{"format": 2, "fingerprint": "x"}', "written by another version"),
        (b'{"format": 3}', "is damaged"),
    ],
)
def test_a_file_with_other_facts_is_refused(path, facts, message):
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"rollout": facts}), path)
    with pytest.raises(DataNotTrusted, match=message):
        read_facts(path)


def write_with_facts(path, facts, *, update_digest):
    """The same pages with other facts, under their own digest or the old one."""
    text = json.dumps(facts).encode()
    with pq.ParquetFile(path) as file:
        groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
    old = groups[0].schema.metadata[b"rollout-sha256"]
    digest = hashlib.sha256(text).hexdigest().encode() if update_digest else old
    schema = groups[0].schema.with_metadata({b"rollout": text, b"rollout-sha256": digest})
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for group in groups:
            writer.write(group.cast(schema))


def test_the_facts_are_checked(arm, path):
    facts = read_facts(path).model_dump(mode="json")
    write_with_facts(path, facts, update_digest=True)
    assert_same_arm(read_arm(path), arm)
    groups = [[name, 0 if name == "bins" else n] for name, n in facts["row_groups"]]
    for changed, update_digest in (
        (facts | {"hours": [-167, 0]}, False),
        (facts | {"row_groups": groups}, False),
        (facts | {"row_groups": groups}, True),
    ):
        write_with_facts(path, changed, update_digest=update_digest)
        with pytest.raises(DataNotTrusted, match="is damaged"):
            read_arm(path)
