"""How PostgreSQL answers the counting queries, by its own plans on a table of a month: an index for a window, nothing sorted or hashed on disk."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.counting.caps import LIMIT_COLUMNS
from analysis.counting.grid import Grid
from analysis.telemetry.engines import open_engine
from analysis.telemetry.statements import Relation
from analysis.window import Window
from tests.fixtures.stores import settings_of

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
HOUR_AFTER = Window(DEPLOY, DEPLOY + timedelta(hours=1))
WEEK_BEFORE = Window(DEPLOY - timedelta(days=7), DEPLOY)
MONTH = """INSERT INTO "AIInteraction" ("id", "clientId", "leadId", "source", "featureId", "model", "apiType", "latencyMs", "status", "errorMessage", "createdAt")
    SELECT 'id-' || n, 't' || n % 5, 'lead-' || n % 999, 'job/' || n % 4, 'feature.' || n % 12, 'm' || n % 2, 'r', 200 + (n * 7919) % 3000,
           CASE WHEN n % 20 = 0 THEN 'error' ELSE 'success' END, CASE WHEN n % 20 = 0 THEN 'Request timed out.' END,
           TIMESTAMP '2026-01-04 00:00:00' + n * INTERVAL '26 seconds'
    FROM generate_series(1, 100000) AS n"""
QUERIES = ("written", "latency_counts", "hourly_counts", "hourly_bins", "recovered", "cron_minutes")


class Explained:
    """A statement as PostgreSQL runs it, answered by its plan."""

    def __init__(self, statement):
        self.name, self.parameters, self._statement = (
            f"plan of {statement.name}",
            statement.parameters,
            statement,
        )

    def sql(self, dialect, **options):
        return "EXPLAIN (ANALYZE, FORMAT JSON) " + self._statement.sql(dialect, **options)


@pytest.fixture
def plan_of(database, tmp_path, monkeypatch):
    """A function from a query and a window to the nodes of its plan."""
    database.execute(MONTH)
    database.execute('ANALYZE "AIInteraction"')
    monkeypatch.setenv("TEST_URL", database.url)
    engine = open_engine(settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"'))

    def ask(name, window, seen=None):
        limits = Relation(
            LIMIT_COLUMNS, [(f"feature.{n}", 3000, 900, 2000, 2500, 3000) for n in range(12)]
        )
        chosen = Relation(
            {"feature": "TEXT", "source": "TEXT"}, [(f"feature.{n}", "job/1") for n in range(12)]
        )
        joined = {"hourly_counts": {"limits": limits}, "cron_minutes": {"chosen": chosen}}.get(name)
        statement = engine.queries.statement(
            name, GRID.parameters(window, previous=seen), relations=joined, ordered=False
        )
        return list(_nodes(engine.fetch(Explained(statement)).iloc[0, 0][0]["Plan"]))

    yield ask
    engine.close()


def _nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def test_plans(plan_of):
    for name in QUERIES:
        hour = [
            (node["Node Type"], node.get("Index Name", "")) for node in plan_of(name, HOUR_AFTER)
        ]
        assert "Seq Scan" not in [kind for kind, _ in hour], (name, hour)
        assert any("createdAt" in index for _, index in hour), (name, hour)
        for node in plan_of(name, WEEK_BEFORE):
            assert node.get("Sort Space Type") != "Disk", (name, node)
            assert not node.get("Disk Usage"), (name, node)


def test_a_window_that_grows_reads_its_new_hours_alone(plan_of):
    day = timedelta(days=1)
    window, seen = Window(DEPLOY - 12 * day, DEPLOY), Window(DEPLOY - 12 * day, DEPLOY - day)
    for name in ("latency_counts", "hourly_counts", "hourly_bins"):
        whole, grown = (rows_read(plan_of(name, window, *known)) for known in ((), (seen,)))
        assert 11 < whole / grown < 13, (name, grown, whole)


def rows_read(plan):
    """Rows of the table that its scans looked at, by all workers."""
    scans = [
        node for node in plan if node["Node Type"] in ("Seq Scan", "Index Scan", "Bitmap Heap Scan")
    ]
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
    )


def test_counts_are_made_in_memory_without_sorting(plan_of):
    for name in ("latency_counts", "hourly_counts", "hourly_bins"):
        plan = plan_of(name, WEEK_BEFORE)
        assert "Hashed" in {node.get("Strategy") for node in plan}, (name, plan)
        assert not [node for node in plan if node["Node Type"] == "Sort"], (name, plan)


def test_no_row_is_reckoned_from_1970(tmp_path, database, monkeypatch):
    monkeypatch.setenv("TEST_URL", database.url)
    engine = open_engine(settings_of(tmp_path, 'engine = "postgres"\nurl_env = "TEST_URL"'))
    relations = {"hourly_counts": {"limits": Relation(LIMIT_COLUMNS, [])}}
    for name in ("written", "latency_counts", "hourly_counts", "hourly_bins", "recovered"):
        text = (
            engine.queries.statement(
                name, GRID.parameters(HOUR_AFTER), relations=relations.get(name), ordered=False
            )
            .sql("postgres")
            .upper()
        )
        assert "DATE_TRUNC('HOUR'" in text or name in ("written", "latency_counts")
        assert not [word for word in ("EPOCH", "EXTRACT", "ORDER BY FEATURE") if word in text]
    engine.close()
