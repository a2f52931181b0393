"""A window that grows: the counts of the longer look are those of the whole window, and only the new hours are read for them."""

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.config import load_settings
from analysis.decision.arms import Baselines
from analysis.decision.post import PostArms
from analysis.judge import Rollout
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.telemetry.nasty_calls import DEPLOYED_AT, MESSAGES, typed
from tests.telemetry.plain_counts import Calls
from tests.telemetry.stores import store
from tests.telemetry.test_freeze import assert_same
from tests.telemetry.test_load import counted, plain_rows

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTLE = timedelta(seconds=90)
COUNTING = ("latency_counts", "hourly_counts", "hourly_bins")
MORE = """
[[guardrail]]
name = "cron"
source = "s*"
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


def growing_calls(seed, n=900):
    """Two days before the deploy and five hours after it, so many at the edges of the looks that calls lie on every side of them."""
    rng = np.random.default_rng(seed)
    edges_s = np.concatenate([rng.uniform(-172_800, 18_000, n), rng.uniform(3_500, 3_800, n // 3), rng.uniform(14_300, 14_600, n // 3)])
    exact_s = [3_600, 3_690, 3_689.999, 3_690.001, 14_400, 14_490]
    rows = []
    for number, at_s in enumerate([*edges_s, *exact_s]):
        failed = rng.random() < 0.4
        rows.append({
            "id": f"id-{number}", "clientId": f"t{rng.integers(2)}", "leadId": rng.choice(["a", "b", None]), "source": rng.choice(["s", "s2", None]),
            "featureId": rng.choice(["draft.verify", "g"]), "model": f"m{rng.integers(2)}", "apiType": "r", "outputTokens": None if failed else 5,
            "totalTokens": None if failed else 9, "latencyMs": rng.choice([0, 50, 900, 60_000, 89_999, 90_000, 400_000, 4_000_000, None]),
            "status": "error" if failed else "success", "errorMessage": MESSAGES[number % 14] if failed else None,
            "createdAt": DEPLOYED_AT + timedelta(milliseconds=round(at_s * 1000)),
        })  # fmt: skip
    return typed(rows)


class Watched:
    """A real engine that remembers what it was asked."""

    def __init__(self, engine):
        self._engine, self.asked = engine, []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def fetch(self, statement):
        self.asked.append(statement)
        return self._engine.fetch(statement)

    def read_from(self):
        """query -> the earliest time of writing that it read."""
        return {name: min(one.parameters["written_from"] for one in self.asked if one.name == name) for name in COUNTING}


class Looks:
    """Looks at one source, one after the other; `told` are the lines of progress."""

    def __init__(self, settings):
        self.settings, self.told = settings, []
        self.deployed_at = settings.rollout.deployed_at

    def look(self, window, *, keep=True):
        """The arm, and when the first row that its counting queries read was written."""
        engine = Watched(open_engine(self.settings))
        try:
            baseline = Baselines(self.settings, self.deployed_at).frozen(lambda: engine)
            engine.asked.clear()
            arms = PostArms(self.settings, self.deployed_at, baseline, tell=self.told.append)
            arm = arms.load(engine, self.window(window), keep=keep)
            return arm, set(engine.read_from().values())
        finally:
            engine.close()

    def whole(self, window):
        """The same without what was kept."""
        self.path.unlink(missing_ok=True)
        return self.look(window, keep=False)[0]

    def window(self, hours, start=0):
        return hours if isinstance(hours, Window) else Window(self.deployed_at + start * HOUR, self.deployed_at + hours * HOUR)

    @property
    def path(self):
        return self.settings.outputs / "post" / "counts.parquet"


def at(hours):
    return {(DEPLOY + hours * HOUR).replace(tzinfo=None)}


@pytest.fixture(params=["parquet", "postgres"])
def looks(request, tmp_path, monkeypatch):
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    return Looks(store(request.param, growing_calls(1), tmp_path, database=database, monkeypatch=monkeypatch, more=MORE))


@pytest.fixture
def files(tmp_path):
    return Looks(store("parquet", growing_calls(1), tmp_path, more=MORE))


def changed(looks, old, new):
    path = looks.settings.folder / "rollout.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Looks(load_settings(path))


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
    rows = Calls(plain_rows(growing_calls(1)), start=DEPLOYED_AT, end=DEPLOYED_AT + 4 * HOUR, settle=SETTLE, deployed_at=DEPLOYED_AT)
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
    assert sorted(path.relative_to(files.settings.outputs).as_posix() for path in files.settings.outputs.rglob("*.parquet")) == ["baseline/counts.parquet"]


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
    looks = changed(looks, "[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["timed"]\n[monitoring]')
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


# ---- when the hours are counted again ----------------------------------------------------------------------------------
@pytest.mark.parametrize("change", [
    """UPDATE "AIInteraction" SET "status" = 'error', "errorMessage" = 'Post-process error: 500' WHERE "id" = {of_the_first_hour}""",
    """UPDATE "AIInteraction" SET "latencyMs" = "latencyMs" + 1 WHERE "id" = {of_the_first_hour}""",
    """UPDATE "AIInteraction" SET "latencyMs" = NULL WHERE "id" = {of_the_first_hour}""",
    """UPDATE "AIInteraction" SET "featureId" = 'other' WHERE "id" = {of_the_first_hour}""",
    """DELETE FROM "AIInteraction" WHERE "id" = {of_the_first_hour}""",
    """INSERT INTO "AIInteraction" ("id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt")
       SELECT 'late-' || "id", "clientId", "featureId", "model", "apiType", "latencyMs", "status", "createdAt" FROM "AIInteraction" WHERE "id" = {of_the_first_hour}""",
    """UPDATE "AIInteraction" SET "status" = CASE "status" WHEN 'success' THEN 'error' ELSE 'success' END, "errorMessage" = '500'
       WHERE "id" IN (SELECT MIN("id") FROM "AIInteraction" WHERE {alike} GROUP BY "status")""",
    """UPDATE "AIInteraction" SET "latencyMs" = "latencyMs" + CASE WHEN "id" = (SELECT MIN("id") FROM "AIInteraction" WHERE {alike}) THEN 40 ELSE -40 END
       WHERE "id" IN (SELECT MIN("id") FROM "AIInteraction" WHERE {alike} UNION SELECT MAX("id") FROM "AIInteraction" WHERE {alike})""",
], ids=lambda change: change.split("SET")[-1][:30])  # fmt: skip
def test_rows_that_changed_since_they_were_counted_are_counted_again(database, tmp_path, monkeypatch, change):
    looks = Looks(store("postgres", growing_calls(1), tmp_path, database=database, monkeypatch=monkeypatch, more=MORE))
    looks.look(1)
    chosen = """(SELECT MIN("id") FROM "AIInteraction" WHERE "createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:00' AND "status" = 'success' AND "latencyMs" < 1000)"""
    alike = """ "createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:11:40' AND "featureId" = 'g' AND "source" = 's' AND "model" = 'm0'
        AND "latencyMs" BETWEEN 50 AND 90000"""
    before = looks.whole(4)
    looks.look(1)
    database.execute(change.format(of_the_first_hour=chosen, alike=alike))
    grown, read = looks.look(4)
    assert read == at(0)
    assert looks.told == ["rows written until 2026-02-03 00:10 have changed since they were counted; they are counted again"]
    assert_same(grown, looks.whole(4))
    with pytest.raises(AssertionError):
        assert_same(grown, before)


def test_rows_that_came_after_the_look_do_not_make_it_counted_again(database, tmp_path, monkeypatch):
    calls = growing_calls(1)
    known = calls["createdAt"] < DEPLOYED_AT + HOUR + SETTLE
    looks = Looks(store("postgres", calls[known], tmp_path, database=database, monkeypatch=monkeypatch, more=MORE))
    looks.look(1)
    database.load_interactions(calls[~known])
    grown, read = looks.look(4)
    assert (read, looks.told) == (at(1), [])
    assert_same(grown, looks.whole(4))


@pytest.mark.parametrize(("old", "new"), [
    ("[monitoring]", '[monitoring]\nsettle = "2m"'),
    ("[source]", 'warm_up = "5m"\n[source]'),
    ("[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["x"]\n[monitoring]'),
    ("[monitoring]", "[baseline]\ndays = 1\n[monitoring]"),
])  # fmt: skip
def test_other_settings_have_the_hours_counted_again(files, old, new):
    files.look(1)
    looks = changed(files, old, new)
    grown, read = looks.look(4)
    assert read == at(0)
    assert_same(grown, looks.whole(4))


def test_a_file_that_came_since_is_read_and_one_written_again_is_counted_again(tmp_path):
    calls = growing_calls(1)
    known = calls["createdAt"] < DEPLOYED_AT + HOUR + SETTLE
    looks = Looks(store("parquet", calls[known], tmp_path, more=MORE))
    looks = changed(looks, "calls.parquet", "calls*.parquet")
    looks.look(1)
    calls[~known].to_parquet(tmp_path / "calls-later.parquet", index=False)
    grown, read = looks.look(4)
    assert read == at(1)
    assert_same(grown, looks.whole(4))
    looks.look(1)
    calls[known].assign(outputTokens=7).to_parquet(tmp_path / "calls.parquet", index=False)
    grown, read = looks.look(4)
    assert read == at(0)
    assert_same(grown, looks.whole(4))


def test_a_file_that_came_since_and_has_others_read_otherwise_has_them_counted_again(tmp_path):
    """Numbers of tenants become 1.0 where a later file has none for a row."""
    calls = growing_calls(1).assign(clientId=lambda calls: calls["clientId"].str[1:].astype("int64"))
    known = calls["createdAt"] < DEPLOYED_AT + HOUR + SETTLE
    looks = changed(Looks(store("parquet", calls[known], tmp_path, more=MORE)), "calls.parquet", "calls*.parquet")
    looks.look(1)
    calls[~known].astype({"clientId": "float64"}).to_parquet(tmp_path / "calls-later.parquet", index=False)
    grown, read = looks.look(4)
    assert read == at(0)
    assert_same(grown, looks.whole(4))


def test_a_look_that_another_one_overtakes_uses_the_file_that_it_checked(files):
    files.look(1)
    engine, overtaken = Watched(open_engine(files.settings)), []
    fetch = engine.fetch

    def slowly(statement):
        if statement.name == "written" and not overtaken:
            overtaken.append(files.look(5))
        return fetch(statement)

    engine.fetch = slowly
    baseline = Baselines(files.settings, DEPLOY).frozen(lambda: engine)
    arm = PostArms(files.settings, DEPLOY, baseline).load(engine, files.window(4))
    engine.close()
    assert len(overtaken) == 1
    assert_same(arm, files.whole(4))


def test_a_session_whose_file_is_written_again_keeps_nothing_for_others(files):
    engine = open_engine(files.settings)
    baseline = Baselines(files.settings, DEPLOY).frozen(lambda: engine)
    growing_calls(1).assign(errorMessage="connection error").to_parquet(files.settings.folder / "calls.parquet", index=False)
    PostArms(files.settings, DEPLOY, baseline).load(engine, files.window(1), keep=True)
    engine.close()
    grown, read = files.look(4)
    assert read == at(0)
    assert_same(grown, files.whole(4))


def test_a_session_whose_file_is_gone_goes_on(tmp_path):
    settings = store("csv", growing_calls(1), tmp_path, more=MORE)
    engine = open_engine(settings)  # it has read the file whole
    baseline = Baselines(settings, DEPLOY).frozen(lambda: engine)
    first = PostArms(settings, DEPLOY, baseline).load(engine, Looks(settings).window(1))
    (tmp_path / "calls.csv").unlink()
    assert_same(PostArms(settings, DEPLOY, baseline).load(engine, Looks(settings).window(1)), first)
    engine.close()


# ---- edges -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: b"no parquet", lambda content: content[: len(content) // 2], lambda content: b"x" * 60 + content[60:],
])  # fmt: skip
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
        files.path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
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
    assert files.told == [f"the counts of this look are not kept for the next one: cannot write '{files.path}': No such file or directory; "
                          "free space or make the folder writable, then run again"]  # fmt: skip


def test_a_window_without_calls_is_not_kept(files):
    assert files.look(files.window(41, start=40))[0].calls == 0
    assert not files.path.exists()


def test_nothing_personal_is_kept(files):
    files.look(1)
    content = files.path.read_bytes() + str(pd.read_parquet(files.path).to_dict("records")).encode()
    for hidden in ("Post-process", "Rate limit", "'t0'", "'t1'", "'a'", str(files.settings.folder)):
        assert hidden.encode() not in content
