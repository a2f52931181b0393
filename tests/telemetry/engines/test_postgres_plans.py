"""PostgreSQL's plans of the counting queries on a month of calls: indexes, and no disk."""

from datetime import timedelta

import pytest

from analysis.counting.caps import LIMIT_COLUMNS
from analysis.telemetry.statements import Relation
from analysis.window import DAY, HOUR, Window
from tests.fixtures.opened_engines import DEPLOY, GRID, open_url

HOUR_AFTER = Window(DEPLOY, DEPLOY + HOUR)
WEEK_BEFORE = Window(DEPLOY - timedelta(days=7), DEPLOY)
MONTH = """
    INSERT INTO "AIInteraction" (
        "id", "clientId", "leadId", "source", "featureId", "model", "apiType", "latencyMs",
        "status", "errorMessage", "createdAt"
    )
    SELECT
        'id-' || n, 't' || n % 5, 'lead-' || n % 999, 'job/' || n % 4, 'feature.' || n % 12,
        'm' || n % 2, 'r', 200 + (n * 7919) % 3000,
        CASE WHEN n % 20 = 0 THEN 'error' ELSE 'success' END,
        CASE WHEN n % 20 = 0 THEN 'Request timed out.' END,
        TIMESTAMP '2026-01-04 00:00:00' + n * INTERVAL '26 seconds'
    FROM generate_series(1, 100000) AS n
"""
FEATURES = [f"feature.{number}" for number in range(12)]
RELATIONS = {
    "hourly_counts": {
        "limits": Relation(
            LIMIT_COLUMNS, [(name, 3000, 900, 2000, 2500, 3000) for name in FEATURES]
        )
    },
    "cron_minutes": {
        "chosen": Relation(
            {"feature": "TEXT", "source": "TEXT"}, [(name, "job/1") for name in FEATURES]
        )
    },
}
COUNTING = ("latency_counts", "hourly_counts", "hourly_bins")
QUERIES = ("written", *COUNTING, "recovered", "cron_minutes")
SCANS = ("Seq Scan", "Index Scan", "Bitmap Heap Scan")


class ExplainedStatement:
    """A statement whose answer is PostgreSQL's plan of it."""

    def __init__(self, statement):
        self.name, self.parameters = f"plan of {statement.name}", statement.parameters
        self._statement = statement

    def sql(self, dialect, **options):
        return f"EXPLAIN (ANALYZE, FORMAT JSON) {self._statement.sql(dialect, **options)}"


@pytest.fixture
def engine(database, tmp_path, monkeypatch):
    opened = open_url(monkeypatch, tmp_path, database.url)
    yield opened
    opened.close()


@pytest.fixture
def plan_of(database, engine):
    """A function from a query and a window to the nodes of its plan."""
    database.execute(MONTH)
    database.execute('ANALYZE "AIInteraction"')

    def plan(name, window, previous=None):
        statement = engine.queries.statement(
            name,
            GRID.parameters(window, previous=previous),
            relations=RELATIONS.get(name),
            ordered=False,
        )
        return list(nodes(engine.fetch(ExplainedStatement(statement)).iloc[0, 0][0]["Plan"]))

    return plan


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan):
    """Rows of the table that the scans of a plan read, by all workers."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in plan
        if node["Node Type"] in SCANS
    )


def test_a_short_window_uses_the_index_and_a_long_one_no_disk(plan_of):
    for name in QUERIES:
        plan = plan_of(name, HOUR_AFTER)
        assert "Seq Scan" not in {node["Node Type"] for node in plan}, name
        assert any("createdAt" in node.get("Index Name", "") for node in plan), name
        for node in plan_of(name, WEEK_BEFORE):
            assert node.get("Sort Space Type") != "Disk", name
            assert not node.get("Disk Usage"), name


def test_a_growing_window_reads_its_new_hours_only(plan_of):
    window, seen = Window(DEPLOY - 12 * DAY, DEPLOY), Window(DEPLOY - 12 * DAY, DEPLOY - DAY)
    for name in COUNTING:
        whole, grown = rows_read(plan_of(name, window)), rows_read(plan_of(name, window, seen))
        assert 11 < whole / grown < 13, name


def test_counting_needs_no_sorting(plan_of):
    for name in COUNTING:
        plan = plan_of(name, WEEK_BEFORE)
        assert "Hashed" in {node.get("Strategy") for node in plan}, name
        assert "Sort" not in {node["Node Type"] for node in plan}, name


def test_no_time_is_converted_to_seconds(engine):
    for name in ("written", *COUNTING, "recovered"):
        parameters, relations = GRID.parameters(HOUR_AFTER), RELATIONS.get(name)
        statement = engine.queries.statement(name, parameters, relations=relations, ordered=False)
        text = statement.sql("postgres").upper()
        assert "DATE_TRUNC('HOUR'" in text or name in ("written", "latency_counts")
        assert not [word for word in ("EPOCH", "EXTRACT", "ORDER BY FEATURE") if word in text]
