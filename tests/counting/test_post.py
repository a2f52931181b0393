"""A window that grows has the counts of the whole window, and only its new hours are read."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.counting.baseline import load_baseline
from analysis.counting.post import PostCounter
from analysis.rollout import Rollout
from analysis.telemetry.engines import open_engine
from analysis.window import HOUR
from tests.fixtures.arm_comparison import assert_same_arm
from tests.fixtures.edge_case_calls import DEPLOYED_AT
from tests.fixtures.growing_looks import (
    DEPLOY,
    EVENT_CLAIMS,
    Looks,
    change_settings,
    growing_calls,
    hour_at,
)
from tests.fixtures.plain_counts import Calls, counted, plain_rows
from tests.fixtures.stores import store
from tests.fixtures.watched_engine import WatchedEngine


def assert_grown(looks, hours, *, read_from):
    """Look at `hours` after other looks: the counts are the whole window's, read from that hour."""
    grown, read = looks.look(hours)
    assert read == hour_at(read_from)
    assert_same_arm(grown, looks.whole(hours))


def is_known_at_first_look(calls):
    delay = timedelta(seconds=90)
    return calls["createdAt"] < DEPLOYED_AT + HOUR + delay


# ---- by hand ----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["parquet", "postgres"])
def test_a_longer_look_reads_the_new_hours_alone(kind, file_looks, request):
    looks = file_looks
    if kind == "postgres":
        looks = request.getfixturevalue("database_looks")(growing_calls(1))
    first, read = looks.look(1)
    assert read == hour_at(0)
    longer, read = looks.look(4)
    assert read == hour_at(1)
    again, read = looks.look(4)
    assert read == hour_at(4)  # only rows written after that by earlier calls: there are none
    assert_same_arm(longer, looks.whole(4))
    assert_same_arm(again, looks.whole(4))
    assert_same_arm(first, looks.whole(1))
    rows = Calls(
        plain_rows(growing_calls(1)),
        start=DEPLOYED_AT,
        end=DEPLOYED_AT + 4 * HOUR,
        ingestion_delay=looks.settings.monitoring.ingestion_delay,
        deployed_at=DEPLOYED_AT,
    )
    assert counted(longer.latency) == dict(rows.latency_counts())
    assert counted(longer.bins) == dict(rows.bins())


def test_the_judge_keeps_the_planned_looks_that_a_longer_one_follows(file_looks):
    settings = file_looks.settings
    rollout = Rollout(settings)
    look = rollout.look("1h")
    kept = file_looks.path.read_bytes()
    rollout.explore(DEPLOY, DEPLOY + 2 * HOUR)
    last = rollout.look("4h")
    assert file_looks.path.read_bytes() == kept  # nothing longer is planned
    file_looks.path.unlink()
    whole = Rollout(settings).look("4h")
    rollout.close()
    assert last.result == whole.result
    assert look.result.post.calls < last.result.post.calls
    assert list(settings.outputs.rglob("*.parquet")) == [settings.paths.baseline_counts]


# ---- laws: looks in any order are those of the whole ------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_looks_of_any_lengths_are_those_of_the_whole_windows(tmp_path, seed):
    looks = Looks(store("parquet", growing_calls(seed), tmp_path, more=EVENT_CLAIMS))
    lengths = [int(hours) for hours in np.random.default_rng(seed).integers(1, 6, 6)]
    arms, longest = [], 0
    for hours in lengths:
        arm, read = looks.look(hours)
        assert read == hour_at(longest if longest <= hours else 0)
        longest = hours if hours > longest or read == hour_at(0) else longest
        arms.append(arm)
    for hours, arm in zip(lengths, arms, strict=True):
        assert_same_arm(arm, looks.whole(hours))


def test_with_a_warm_up_and_user_classes(file_looks):
    looks = change_settings(file_looks, "[source]", 'warm_up = "7m"\n[source]')
    user_class = '[[error_class]]\nname = "mine"\ncontains = ["timed"]\n[monitoring]'
    looks = change_settings(looks, "[monitoring]", user_class)
    looks.look(1)
    assert_grown(looks, 4, read_from=1)


def test_a_later_stage_has_counts_of_its_own(file_looks):
    file_looks.look(1)
    second, read = file_looks.look(file_looks.window(4, start=2))
    assert read == hour_at(2)
    window = file_looks.window(5, start=2)
    grown, read = file_looks.look(window)
    assert read == hour_at(4)
    assert_same_arm(grown, file_looks.whole(window))
    assert second.calls < grown.calls


# ---- kept counts that cannot be used or written -----------------------------------------------
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no parquet",
        lambda content: content[: len(content) // 2],
        lambda content: b"x" * 60 + content[60:],
    ],
)
def test_a_damaged_file_costs_time_and_nothing_else(file_looks, damage):
    expected = file_looks.whole(4)
    file_looks.look(1)
    file_looks.path.write_bytes(damage(file_looks.path.read_bytes()))
    grown, read = file_looks.look(4)
    assert read == hour_at(0)
    assert_same_arm(grown, expected)
    assert file_looks.look(4)[1] == hour_at(4)  # the file is complete again


def test_a_flipped_byte_is_found_or_harmless(file_looks):
    expected = file_looks.whole(4)
    file_looks.look(1)
    content = file_looks.path.read_bytes()
    for place in range(4, len(content) - 4, len(content) // 12):
        flipped = bytes([content[place] ^ 0xFF])
        file_looks.path.write_bytes(content[:place] + flipped + content[place + 1 :])
        assert_same_arm(file_looks.look(4, keep=False)[0], expected)


def test_counts_that_cannot_be_kept_cost_no_verdict(file_looks):
    file_looks.look(1, keep=False)
    file_looks.path.parent.write_text("in the way", encoding="utf-8")
    assert file_looks.look(1)[0].calls
    (line,) = file_looks.progress
    assert line.startswith("the counts of this look are not kept for the next one: cannot write ")


def test_a_folder_that_takes_no_file_costs_no_verdict(file_looks):
    file_looks.look(1, keep=False)
    file_looks.path.parent.symlink_to("/proc")  # nobody may write there
    assert file_looks.look(1)[0].calls
    (line,) = file_looks.progress
    assert f"cannot write '{file_looks.path}': No such file or directory" in line


def test_a_window_without_calls_is_not_kept(file_looks):
    assert file_looks.look(file_looks.window(41, start=40))[0].calls == 0
    assert not file_looks.path.exists()


def test_nothing_personal_is_kept(file_looks):
    file_looks.look(1)
    rows = str(pd.read_parquet(file_looks.path).to_dict("records")).encode()
    content = file_looks.path.read_bytes() + rows
    folder = str(file_looks.settings.folder)
    for hidden in ("Post-process", "Rate limit", "'t0'", "'t1'", "'a'", folder):
        assert hidden.encode() not in content


# ---- when the hours are counted again ---------------------------------------------------------
FIRST_HOUR = """(SELECT MIN("id") FROM "AIInteraction"
    WHERE "createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:00'
    AND "status" = 'success' AND "latencyMs" < 1000)"""
ALIKE = """"createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:11:40'
    AND "featureId" = 'g' AND "source" = 's' AND "model" = 'm0'
    AND "latencyMs" BETWEEN 50 AND 90000"""
COPIED = """"clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt\""""
CHANGES = {
    "another status": f"""UPDATE "AIInteraction"
        SET "status" = 'error', "errorMessage" = 'Post-process error: 500'
        WHERE "id" = {FIRST_HOUR}""",
    "another latency": f"""UPDATE "AIInteraction" SET "latencyMs" = "latencyMs" + 1
        WHERE "id" = {FIRST_HOUR}""",
    "no latency": f"""UPDATE "AIInteraction" SET "latencyMs" = NULL WHERE "id" = {FIRST_HOUR}""",
    "another feature": f"""UPDATE "AIInteraction" SET "featureId" = 'other'
        WHERE "id" = {FIRST_HOUR}""",
    "deleted": f"""DELETE FROM "AIInteraction" WHERE "id" = {FIRST_HOUR}""",
    "added": f"""INSERT INTO "AIInteraction" ("id", {COPIED})
        SELECT 'late-' || "id", {COPIED} FROM "AIInteraction" WHERE "id" = {FIRST_HOUR}""",
    "two statuses exchanged": f"""UPDATE "AIInteraction"
        SET "status" = CASE "status" WHEN 'success' THEN 'error' ELSE 'success' END,
            "errorMessage" = '500'
        WHERE "id" IN (SELECT MIN("id") FROM "AIInteraction" WHERE {ALIKE} GROUP BY "status")""",
    "two latencies with the same sum": f"""UPDATE "AIInteraction"
        SET "latencyMs" = "latencyMs" + CASE
            WHEN "id" = (SELECT MIN("id") FROM "AIInteraction" WHERE {ALIKE}) THEN 40 ELSE -40 END
        WHERE "id" IN (SELECT MIN("id") FROM "AIInteraction" WHERE {ALIKE}
            UNION SELECT MAX("id") FROM "AIInteraction" WHERE {ALIKE})""",
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_changed_are_counted_again(database, database_looks, change):
    looks = database_looks(growing_calls(1))
    before = looks.whole(4)
    looks.look(1)
    database.execute(CHANGES[change])
    grown, read = looks.look(4)
    assert read == hour_at(0)
    assert looks.progress == [
        "rows written until 2026-02-03 00:10 have changed since they were counted; "
        "they are counted again"
    ]
    assert_same_arm(grown, looks.whole(4))
    with pytest.raises(AssertionError):
        assert_same_arm(grown, before)


def test_rows_added_after_the_look_do_not_make_it_count_again(database, database_looks):
    calls = growing_calls(1)
    is_known = is_known_at_first_look(calls)
    looks = database_looks(calls[is_known])
    looks.look(1)
    database.load_interactions(calls[~is_known])
    assert_grown(looks, 4, read_from=1)
    assert looks.progress == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[monitoring]", '[monitoring]\nsettle = "2m"'),
        ("[source]", 'warm_up = "5m"\n[source]'),
        ("[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["x"]\n[monitoring]'),
        ("[monitoring]", "[baseline]\ndays = 1\n[monitoring]"),
    ],
)
def test_with_other_settings_the_hours_are_counted_again(file_looks, old, new):
    file_looks.look(1)
    assert_grown(change_settings(file_looks, old, new), 4, read_from=0)


def test_an_added_file_is_read_and_a_rewritten_one_is_counted_again(tmp_path):
    calls = growing_calls(1)
    is_known = is_known_at_first_look(calls)
    looks = Looks(store("parquet", calls[is_known], tmp_path, more=EVENT_CLAIMS))
    looks = change_settings(looks, "calls.parquet", "calls*.parquet")
    looks.look(1)
    calls[~is_known].to_parquet(tmp_path / "calls-later.parquet", index=False)
    assert_grown(looks, 4, read_from=1)
    looks.look(1)
    calls[is_known].assign(outputTokens=7).to_parquet(tmp_path / "calls.parquet", index=False)
    assert_grown(looks, 4, read_from=0)


def test_an_added_file_that_changes_a_column_type_makes_all_counted_again(tmp_path):
    """Tenant numbers become 1.0 where a later file has none for a row."""
    calls = growing_calls(1)
    calls["clientId"] = calls["clientId"].str[1:].astype("int64")
    is_known = is_known_at_first_look(calls)
    looks = Looks(store("parquet", calls[is_known], tmp_path, more=EVENT_CLAIMS))
    looks = change_settings(looks, "calls.parquet", "calls*.parquet")
    looks.look(1)
    later = calls[~is_known].astype({"clientId": "float64"})
    later.to_parquet(tmp_path / "calls-later.parquet", index=False)
    assert_grown(looks, 4, read_from=0)


# ---- several sessions at once ------------------------------------------------------------------
def counter_of(settings, engine):
    baseline = load_baseline(settings, DEPLOY, lambda: engine)
    return PostCounter(settings, DEPLOY, baseline, engine)


def test_a_look_that_another_one_overtakes_uses_the_file_that_it_checked(file_looks):
    file_looks.look(1)
    engine, overtaken = WatchedEngine(open_engine(file_looks.settings)), []
    fetch = engine.fetch

    def fetch_slowly(statement):
        if statement.name == "written" and not overtaken:
            overtaken.append(file_looks.look(5))
        return fetch(statement)

    engine.fetch = fetch_slowly
    arm = counter_of(file_looks.settings, engine).load(file_looks.window(4))
    engine.close()
    assert len(overtaken) == 1
    assert_same_arm(arm, file_looks.whole(4))


def test_a_session_whose_file_is_rewritten_keeps_nothing_for_others(file_looks):
    engine = open_engine(file_looks.settings)
    counter = counter_of(file_looks.settings, engine)
    growing_calls(1).assign(errorMessage="connection error").to_parquet(
        file_looks.settings.folder / "calls.parquet", index=False
    )
    counter.load(file_looks.window(1), keep=True)
    engine.close()
    assert_grown(file_looks, 4, read_from=0)


def test_a_session_whose_file_is_gone_continues(tmp_path):
    settings = store("csv", growing_calls(1), tmp_path, more=EVENT_CLAIMS)
    engine = open_engine(settings)  # it has read the file whole
    counter, window = counter_of(settings, engine), Looks(settings).window(1)
    first = counter.load(window)
    (tmp_path / "calls.csv").unlink()
    assert_same_arm(counter.load(window), first)
    engine.close()
