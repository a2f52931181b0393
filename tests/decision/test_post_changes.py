"""When the hours of an earlier look are counted again: rows, settings, files or sessions that changed."""

import pytest

from analysis.counting.baseline import Baselines
from analysis.counting.post import PostArms
from analysis.telemetry.engines import open_engine
from tests.decision.growing import (
    DEPLOY,
    HOUR,
    MORE,
    SETTLE,
    Looks,
    Watched,
    at,
    changed,
    growing_calls,
)
from tests.fixtures.edge_case_calls import DEPLOYED_AT
from tests.fixtures.stores import store
from tests.telemetry.test_freeze import assert_same


# ---- when the hours are counted again ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
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
    ],
    ids=lambda change: change.split("SET")[-1][:30],
)
def test_rows_that_changed_since_they_were_counted_are_counted_again(
    database, tmp_path, monkeypatch, change
):
    looks = Looks(
        store(
            "postgres",
            growing_calls(1),
            tmp_path,
            database=database,
            monkeypatch=monkeypatch,
            more=MORE,
        )
    )
    looks.look(1)
    chosen = """(SELECT MIN("id") FROM "AIInteraction" WHERE "createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:00' AND "status" = 'success' AND "latencyMs" < 1000)"""
    alike = """ "createdAt" BETWEEN '2026-02-02 23:15' AND '2026-02-03 00:11:40' AND "featureId" = 'g' AND "source" = 's' AND "model" = 'm0'
        AND "latencyMs" BETWEEN 50 AND 90000"""
    before = looks.whole(4)
    looks.look(1)
    database.execute(change.format(of_the_first_hour=chosen, alike=alike))
    grown, read = looks.look(4)
    assert read == at(0)
    assert looks.told == [
        "rows written until 2026-02-03 00:10 have changed since they were counted; they are counted again"
    ]
    assert_same(grown, looks.whole(4))
    with pytest.raises(AssertionError):
        assert_same(grown, before)


def test_rows_that_came_after_the_look_do_not_make_it_counted_again(
    database, tmp_path, monkeypatch
):
    calls = growing_calls(1)
    known = calls["createdAt"] < DEPLOYED_AT + HOUR + SETTLE
    looks = Looks(
        store(
            "postgres",
            calls[known],
            tmp_path,
            database=database,
            monkeypatch=monkeypatch,
            more=MORE,
        )
    )
    looks.look(1)
    database.load_interactions(calls[~known])
    grown, read = looks.look(4)
    assert (read, looks.told) == (at(1), [])
    assert_same(grown, looks.whole(4))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[monitoring]", '[monitoring]\nsettle = "2m"'),
        ("[source]", 'warm_up = "5m"\n[source]'),
        ("[monitoring]", '[[error_class]]\nname = "mine"\ncontains = ["x"]\n[monitoring]'),
        ("[monitoring]", "[baseline]\ndays = 1\n[monitoring]"),
    ],
)
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
    calls = growing_calls(1).assign(
        clientId=lambda calls: calls["clientId"].str[1:].astype("int64")
    )
    known = calls["createdAt"] < DEPLOYED_AT + HOUR + SETTLE
    looks = changed(
        Looks(store("parquet", calls[known], tmp_path, more=MORE)),
        "calls.parquet",
        "calls*.parquet",
    )
    looks.look(1)
    calls[~known].astype({"clientId": "float64"}).to_parquet(
        tmp_path / "calls-later.parquet", index=False
    )
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
    growing_calls(1).assign(errorMessage="connection error").to_parquet(
        files.settings.folder / "calls.parquet", index=False
    )
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
