"""A window that grows: the counts of the longer look are those of the whole window, and only the new hours are read for them."""

import numpy as np
import pandas as pd
import pytest

from analysis.judge import Rollout
from tests.decision.growing import DEPLOY, HOUR, MORE, SETTLE, Looks, at, changed, growing_calls
from tests.fixtures.edge_case_calls import DEPLOYED_AT
from tests.fixtures.plain_counts import Calls
from tests.fixtures.stores import store
from tests.telemetry.test_freeze import assert_same
from tests.telemetry.test_load import counted, plain_rows


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_a_longer_look_reads_the_new_hours_alone_and_has_the_counts_of_all(looks):
    first, read = looks.look(1)
    assert read == at(0)
    longer, read = looks.look(4)
    assert read == at(1)
    again, read = looks.look(4)
    assert read == at(4)  # and what is written after that by calls of before: nothing
    for found in (longer, again):
        assert_same(found, looks.whole(4))
    assert_same(first, looks.whole(1))
    rows = Calls(
        plain_rows(growing_calls(1)),
        start=DEPLOYED_AT,
        end=DEPLOYED_AT + 4 * HOUR,
        ingestion_delay=SETTLE,
        deployed_at=DEPLOYED_AT,
    )
    assert counted(longer.latency) == dict(rows.latency_counts())
    assert counted(longer.bins) == dict(rows.bins())


def test_the_judge_keeps_the_planned_looks_that_a_longer_one_follows(files):
    rollout = Rollout(files.settings)
    look = rollout.look("1h")
    assert files.path.exists()
    kept = files.path.read_bytes()
    rollout.explore(DEPLOY, DEPLOY + 2 * HOUR)
    last = rollout.look("4h")
    assert files.path.read_bytes() == kept  # nothing longer is planned
    files.path.unlink()
    whole = Rollout(files.settings).look("4h")
    rollout.close()
    assert last.result == whole.result
    assert look.result["post"]["calls"] < last.result["post"]["calls"]
    assert sorted(
        path.relative_to(files.settings.outputs).as_posix()
        for path in files.settings.outputs.rglob("*.parquet")
    ) == ["baseline/counts.parquet"]


# ---- laws: looks in any order are those of the whole ------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_looks_of_any_lengths_are_those_of_the_whole_windows(tmp_path, seed):
    looks = Looks(store("parquet", growing_calls(seed), tmp_path, more=MORE))
    rng = np.random.default_rng(seed)
    lengths = [int(hours) for hours in rng.integers(1, 6, 6)]
    grown, longest = [], 0
    for hours in lengths:
        arm, read = looks.look(hours)
        assert read == at(longest if longest <= hours else 0)
        longest = hours if hours > longest or read == at(0) else longest
        grown.append(arm)
    for hours, arm in zip(lengths, grown, strict=True):
        assert_same(arm, looks.whole(hours))


def test_with_a_warm_up_and_classes_of_ones_own(files):
    looks = changed(files, "[source]", 'warm_up = "7m"\n[source]')
    looks = changed(
        looks, "[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["timed"]\n[monitoring]'
    )
    looks.look(1)
    grown, read = looks.look(4)
    assert read == at(1)
    assert_same(grown, looks.whole(4))


def test_a_later_stage_has_counts_of_its_own(files):
    files.look(1)
    second, read = files.look(files.window(4, start=2))
    assert read == at(2)
    grown, read = files.look(files.window(5, start=2))
    assert read == at(4)
    assert_same(grown, files.whole(files.window(5, start=2)))
    assert second.calls < grown.calls


# ---- edges -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no parquet",
        lambda content: content[: len(content) // 2],
        lambda content: b"x" * 60 + content[60:],
    ],
)
def test_a_damaged_file_costs_time_and_nothing_else(files, damage):
    expected = files.whole(4)
    files.look(1)
    files.path.write_bytes(damage(files.path.read_bytes()))
    grown, read = files.look(4)
    assert read == at(0)
    assert_same(grown, expected)
    assert files.look(4)[1] == at(4)  # and the file is a whole one again


def test_a_flipped_byte_is_seen_or_harmless(files):
    expected = files.whole(4)
    files.look(1)
    content = files.path.read_bytes()
    for place in range(4, len(content) - 4, len(content) // 12):
        files.path.write_bytes(
            content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        )
        assert_same(files.look(4, keep=False)[0], expected)


def test_counts_that_cannot_be_kept_cost_no_verdict(files):
    files.look(1, keep=False)
    files.path.parent.write_text("in the way", encoding="utf-8")
    arm, _ = files.look(1)
    assert arm.calls
    (line,) = files.told
    assert line.startswith("the counts of this look are not kept for the next one: cannot write ")


def test_a_folder_that_takes_no_file_costs_no_verdict(files):
    files.look(1, keep=False)
    files.path.parent.symlink_to("/proc")  # nobody may write there
    arm, _ = files.look(1)
    assert arm.calls
    assert files.told == [
        f"the counts of this look are not kept for the next one: cannot write '{files.path}': No such file or directory; "
        "free space or make the folder writable, then run again"
    ]


def test_a_window_without_calls_is_not_kept(files):
    assert files.look(files.window(41, start=40))[0].calls == 0
    assert not files.path.exists()


def test_nothing_personal_is_kept(files):
    files.look(1)
    content = files.path.read_bytes() + str(pd.read_parquet(files.path).to_dict("records")).encode()
    for hidden in ("Post-process", "Rate limit", "'t0'", "'t1'", "'a'", str(files.settings.folder)):
        assert hidden.encode() not in content
