"""Doctor on statuses that it does not know, and on times that are none."""

import pandas as pd
import pytest

from analysis.doctor.source_checks import check_source
from tests.fixtures.edge_case_calls import DEPLOYED_AT, edge_case_calls
from tests.fixtures.stores import store


def check(settings, name):
    return next((one for one in check_source(settings) if one.name == name), None)


@pytest.mark.parametrize("kind", ["parquet", "postgres"])
def test_unknown_statuses_are_shown_with_a_case(request, tmp_path, monkeypatch, kind):
    database = request.getfixturevalue("database") if kind == "postgres" else None
    rows = pd.concat([edge_case_calls().iloc[:1]] * 3, ignore_index=True)
    rows = rows.assign(status=["DONE_A", "DONE_A", "PENDING"], id=["a", "b", "c"])
    found = check(store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch), "status")
    assert (found.state, found.detail) == (
        "error",
        "3 rows are neither success nor error: 'DONE_A', 'PENDING'; map status to CASE WHEN "
        "\"status\" IN ('success', 'DONE_A', 'PENDING') THEN 'success' ELSE 'error' END, in "
        "which IN keeps only the statuses that mean success",
    )


@pytest.mark.parametrize(("year", "day"), [(1970, "1970-01-01"), (1, "0001-01-01")])
def test_times_that_are_none_are_counted(database, tmp_path, monkeypatch, year, day):
    settings = store(
        "postgres", edge_case_calls(), tmp_path, database=database, monkeypatch=monkeypatch
    )
    assert check(settings, "early times") is None
    database.execute(
        'UPDATE "AIInteraction" SET "createdAt" = MAKE_TIMESTAMP(%s, 1, 1, 0, 0, 0) WHERE "id" = '
        '(SELECT MIN("id") FROM "AIInteraction" WHERE "createdAt" > %s)',
        (year, DEPLOYED_AT),
    )
    found = check(settings, "early times")
    assert (found.state, found.detail) == (
        "warning",
        f"rows with a createdAt before 2015: 1, the first at {day}; they are in no window: "
        "fix the code that writes them",
    )
