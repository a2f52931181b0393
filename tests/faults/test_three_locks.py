"""Read-only by three locks: injection by any setting or parameter changes nothing."""

import contextlib
import hashlib
import json
import re
from datetime import timedelta

import duckdb
import pandas as pd
import pytest

from analysis.config import load_settings
from analysis.counting.grid import Grid
from analysis.counting.scans.count_tables import load_hourly_counts
from analysis.counting.scans.events import CronBudget, load_cron_minutes, load_recovered
from analysis.counting.scans.scan import Scan
from analysis.counting.scope import Scope
from analysis.doctor.source_checks import check_source
from analysis.errors import RolloutError, WrongUse
from analysis.telemetry import statements
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.window import Window
from tests.faults.workspace import POSTGRES, temporary_workspace

PAYLOADS = (
    '\'; DROP TABLE "AIInteraction"; --',
    '"; DELETE FROM "AIInteraction"; --',
    "' OR 1=1; UPDATE \"AIInteraction\" SET status='x'; --",
    "$$; COPY (SELECT 1) TO PROGRAM 'touch stolen'; $$",
    'x\'); INSERT INTO "AIInteraction" SELECT * FROM "AIInteraction"; SELECT (\'',
    "\\'; SELECT pg_sleep(60); --",
    "%(start_at)s :start_at $start_at bound_parameter_start_at_ends_here %s {0}",
    'ʼ; DROP TABLE "AIInteraction"; /* ',
    'a\tb\u2028c\u0000; DELETE FROM "AIInteraction"',
)
VALUES = """
[rollout]
name = "small"
title = {payload}
deployed_at = 2026-02-02T23:10:16Z
[source]
{source}
[baseline]
days = 4
exclude = [{{from = 2026-01-30T08:00:00Z, to = 2026-01-30T09:30:00Z, why = {payload}}}]
[monitoring]
windows = ["1h", "4h"]
[[error_class]]
name = "vendor"
contains = [{payload}]
[[error_class]]
name = "other_vendor"
pattern = {pattern}
[[expectation]]
name = {payload}
feature = "alpha"
metric = "vendor_rate"
claim = "falls"
[[guardrail]]
name = "pattern of features"
feature = {star}
metric = "latency_mean"
claim = "no_worse"
margin = 0.5
[[guardrail]]
name = "cron"
source = {star}
metric = "cron_over_budget_rate"
claim = "below"
limit = 0.05
"""
DUCKDB = 'engine = "duckdb"\npath = "calls.parquet"'
ENDS = (0, 1, 2, 3, 4, 5)


def toml(text):
    return json.dumps(text)


def configs(payload, source):
    """One rollout.toml with the payload as every value, and one for each setting of a name."""
    both = {"payload": toml(payload), "pattern": toml(payload.lower()), "star": toml(payload + "*")}
    yield "values", VALUES.format(source=source, **both)
    plain = dict.fromkeys(both, '"x*"')
    for name, changed in {
        "table": f"{source}\ntable = {toml(payload)}",
        "schema of the table": f"{source}\ntable = {toml(payload + '.AIInteraction')}",
        "mapping": f"{source}\nmapping = {toml(payload)}",
        "url_env": source.replace('"DATABASE_URL"', toml(payload)),
        "path": source.replace('"calls.parquet"', toml(payload)),
    }.items():
        if changed != source:
            yield name, VALUES.format(source=changed, **plain)


def mappings(payload):
    """Mapping files with the payload as expression, condition, table, index and dialect."""
    plain = {name: f'"{name}"' for name in CANONICAL_COLUMNS}
    for column in ("source", "latencyMs", "createdAt"):
        yield "[columns]\n" + "\n".join(
            f"{name} = {toml(payload if name == column else sql)}" for name, sql in plain.items()
        )
    columns = "[columns]\n" + "\n".join(f"{name} = {toml(sql)}" for name, sql in plain.items())
    for key in ("where", "table", "indexed", "dialect"):
        yield f"{key} = {toml(payload)}\n{columns}"


def state_of(workspace, database):
    """Everything that an injection could change."""
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workspace.folder.glob("*")
        if path.suffix != ".toml" and path.is_file()
    }
    if database is None:
        return files
    rows = database.execute(
        'SELECT count(*), md5(string_agg(a::text, \',\' ORDER BY "id")) FROM "AIInteraction" AS a'
    )
    tables = database.execute(
        "SELECT count(*), string_agg(relname, ',' ORDER BY relname) FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace"
    )
    return files, rows, tables


def commands(payload):
    """Every argument that takes a text; after '--' it may begin with anything."""
    yield ("compare", "--json")
    yield ("whatif", "--cap", "3s", "--", payload)
    yield ("compare", "--window", payload)
    yield ("compare", "--from", payload, "--to", payload)
    yield ("sql", "--", payload)


@pytest.mark.faults
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_an_injection_changes_nothing(
    request, workspace, rollout, monkeypatch, tally, engine, payload
):
    database, tried = None, 0
    if engine == "postgres":
        database = request.getfixturevalue("database")
        database.load_interactions(
            duckdb.read_parquet(str(workspace.folder / "calls.parquet")).df()
        )
        for url in (
            database.url,
            f"{database.url}?schema={payload.replace(chr(0), '')}".replace("%", "%25").replace(
                " ", "%20"
            ),
        ):
            monkeypatch.setenv("DATABASE_URL", url)
            if url != database.url:
                assert rollout(workspace, "doctor").code in ENDS
                tried += 1
        monkeypatch.setenv("DATABASE_URL", database.url)
    source = DUCKDB if engine == "duckdb" else POSTGRES
    before = state_of(workspace, database)

    def check(*arguments, codes=ENDS):
        nonlocal tried
        done = rollout(workspace, *arguments)
        assert done.code in codes, (arguments, done)
        assert "internal error" not in done.err, (arguments, done)
        assert state_of(workspace, database) == before, arguments
        tried += 1

    for name, config in configs(payload, source):
        workspace.config.write_text(config)
        check("compare" if name == "values" else "doctor")
    workspace.config.write_text(
        VALUES.format(
            source=source + '\nmapping = "mine.toml"', payload='"x"', pattern='"x"', star='"*"'
        )
    )
    for mapping in mappings(payload):
        (workspace.folder / "mine.toml").write_text(mapping)
        check("doctor")
    workspace.config.write_text(
        VALUES.format(source=source, payload='"x"', pattern='"x"', star='"*"')
    )
    for arguments in commands(payload):
        if "\0" not in str(arguments) and chr(0) not in "".join(arguments):
            check(*arguments)
    tally(inputs=tried)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_values_are_passed_as_parameters(request, workspace, monkeypatch, engine):
    """Features and sources whose names are SQL are found unchanged and never run."""
    names = [payload.replace("\0", "") for payload in PAYLOADS]
    rows = duckdb.read_parquet(str(workspace.folder / "calls.parquet")).df()
    rows["featureId"] = [names[number % len(names)] for number in range(len(rows))]
    rows["source"] = rows["featureId"]
    database = None
    if engine == "postgres":
        database = request.getfixturevalue("database")
        database.load_interactions(rows)
        monkeypatch.setenv("DATABASE_URL", database.url)
        workspace.config.write_text(
            workspace.config.read_text().replace(
                'engine = "duckdb"\npath = "calls.parquet"', POSTGRES
            )
        )
    else:
        rows.to_parquet(workspace.folder / "calls.parquet")
    before = state_of(workspace, database)
    settings = load_settings(workspace.config)
    deployed_at = settings.rollout.deployed_at
    window, grid = (
        Window(deployed_at, deployed_at + timedelta(hours=4)),
        Grid(deployed_at, timedelta(seconds=90)),
    )
    with contextlib.closing(open_engine(settings)) as opened:
        limits = pd.DataFrame(
            {
                "feature": names,
                **dict.fromkeys(("tau_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"), 1),
            }
        )
        hourly = load_hourly_counts(Scan(opened, grid), window, limits)
        assert set(hourly.rows["feature"]) == set(names)
        each_joined_its_limit = hourly.rows["slower_p50"] == hourly.rows["timed_calls"]
        assert each_joined_its_limit.all()
        load_recovered(Scan(opened, grid), window)
        minutes = load_cron_minutes(
            Scan(opened, grid), window, CronBudget("cron", 1, Scope()), hourly=hourly
        )
        assert minutes.rows["y"].sum() > 0
    assert state_of(workspace, database) == before


@pytest.mark.parametrize(
    "text",
    [
        "COPY (SELECT 1 AS a) TO '{}' (FORMAT parquet, USE_TMP_FILE false)",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t (a INT)",
    ],
)
def test_duckdb_accepts_one_select_even_without_our_parser(workspace, monkeypatch, text):
    """DuckDB may open the source file, so only its own parser keeps COPY from overwriting it."""
    calls = workspace.folder / "calls.parquet"
    before = calls.read_bytes()
    monkeypatch.setattr(statements, "check_one_select", lambda text, dialect: None)

    class Raw:
        name, parameters = "raw", {}

        def sql(self, dialect, **_):
            return text.format(calls)

    with (
        contextlib.closing(open_engine(load_settings(workspace.config))) as engine,
        pytest.raises(PermissionError, match="only one SELECT"),
    ):
        engine.fetch(Raw())
    assert calls.read_bytes() == before


SIDE_EFFECTS = (
    "pg_terminate_backend(1)",
    "pg_catalog.pg_sleep(60)",
    "dblink_exec('host=x', 'DELETE')",
    "lo_export(1, 'x')",
    "nextval('n')",
    "set_config('a', 'b', false)",
    "ts_stat('SELECT 1')",
    "aws_lambda.invoke('f', '{}')",
    "cron.schedule('* * * * *', 'DELETE')",
    "lowrite(1, 'x')",
    "crosstab('SELECT 1, 2, 3')",
    "xpath_table('a', 'b', 'c', 'd', 'e')",
    "query('SELECT 1')",
    "query_table('x')",
    "force_checkpoint()",
    "a_function_of_the_future('x')",
)
"""Functions with side effects, or that take SQL as text; a read-only transaction stops few."""


@pytest.mark.parametrize(
    "sql",
    [
        *SIDE_EFFECTS,
        *(f'CASE WHEN "latencyMs" > 0 THEN {sql} END' for sql in SIDE_EFFECTS[:1]),
        "getenv('HOME')",
        '"pg_sleep"(60)',
    ],
)
def test_a_function_with_side_effects_reaches_no_database(workspace, sql):
    """Refused when a mapping is read, and again before a query is sent."""
    name = re.match(r"(CASE|[\w.\"]+)", sql)[0].strip('"').lower()
    name = "pg_terminate_backend" if name == "case" else name
    with pytest.raises(PermissionError, match=f"the function '{name}' is not on the list"):
        statements.check_one_select(f"SELECT {sql} AS x FROM y", "postgres")
    lines = [f"{name} = {toml(sql if name == 'latencyMs' else name)}" for name in CANONICAL_COLUMNS]
    (workspace.folder / "mine.toml").write_text("[columns]\n" + "\n".join(lines))
    workspace.config.write_text(
        VALUES.format(
            source=DUCKDB + '\nmapping = "mine.toml"', payload='"x"', pattern='"x"', star='"*"'
        )
    )
    with pytest.raises(WrongUse, match=f"latencyMs.* calls '{name}', which is not on the list"):
        open_engine(load_settings(workspace.config))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgres", "SELECT word FROM ts_stat('SELECT 1')"),
        ("postgres", "SELECT * FROM crosstab('SELECT 1') AS t(a INT)"),
        ("postgres", "SELECT * FROM ROWS FROM (pg_sleep(1))"),
        ("postgres", "SELECT {fn pg_sleep(1)}"),
        ("postgres", "SELECT a OPERATOR(public.+) b FROM t"),
        ("postgres", "SELECT pg_catalog.lower(a) FROM t"),
        ("postgres", "SELECT 1 FROM t WHERE EXISTS (SELECT pg_sleep(1))"),
        ("duckdb", "FROM query('SELECT 1')"),
        ("duckdb", "SELECT * FROM query_table('t')"),
        ("duckdb", "SELECT * FROM force_checkpoint()"),
        ("duckdb", "SELECT * FROM read_csv('/etc/passwd')"),
        ("duckdb", "SELECT * FROM read_parquet('x')"),
        ("duckdb", "SELECT * FROM glob('*')"),
        ("duckdb", "SELECT 'a'.getenv()"),
        ("spark", "SELECT reflect('java.lang.Runtime', 'x')"),
        ("spark", "SELECT `java_method`('a', 'b')"),
        ("spark", "SELECT TRANSFORM (a) USING 'cat' FROM t"),
        ("spark", "SELECT ai_query('model', 'text')"),
    ],
)
def test_only_functions_of_the_list_are_called(dialect, text):
    """A table function, an operator, a method and a subquery are calls as well."""
    with pytest.raises(PermissionError, match="list of functions"):
        statements.check_one_select(text, dialect)


def test_a_real_server_would_have_run_the_sql_in_a_text(database):
    """ts_stat runs its text; the list keeps it from the server."""
    rows = database.execute("SELECT word FROM ts_stat('SELECT to_tsvector(current_user::text)')")
    assert rows
    with pytest.raises(PermissionError, match="'ts_stat'"):
        statements.check_one_select("SELECT word FROM ts_stat('SELECT 1')", "postgres")


def test_the_grant_that_doctor_prints_makes_a_reader(database, postgres_server, monkeypatch, home):
    """Run the printed statements: doctor accepts the new role, and the server refuses a write."""
    from psycopg2 import errors
    from sqlalchemy.engine import make_url

    database.execute(
        'CREATE SCHEMA app; ALTER TABLE "AIInteraction" SET SCHEMA app; '
        "REVOKE ALL ON SCHEMA app FROM PUBLIC"
    )
    config = VALUES.format(
        source=POSTGRES + '\ntable = "app.AIInteraction"', payload='"x"', pattern='"x"', star='"*"'
    )
    with temporary_workspace(home, config=config) as workspace:
        monkeypatch.setenv("DATABASE_URL", database.url)
        database.execute(
            """INSERT INTO app."AIInteraction" ("id", "clientId", "featureId", "model",
            "apiType", "status", "latencyMs", "createdAt")
            VALUES ('1', 't', 'alpha', 'm', 'responses', 'success', 5, '2026-02-02')"""
        )
        line = next(
            line
            for line in check_source(load_settings(workspace.config))
            if line.name == "read only"
        )
        assert line.state == "warning"
        grant = line.detail.partition("create a reader: ")[2]
        name = f"reader_{database.url[-6:]}"
        try:
            for statement in filter(
                None,
                grant.replace("rollout_reader", name).replace("'...'", "'Reader-1'").split(";"),
            ):
                database.execute(statement)
            url = (
                make_url(database.url)
                .set(username=name, password="Reader-1")
                .render_as_string(hide_password=False)
            )
            monkeypatch.setenv("DATABASE_URL", url)
            lines = {line.name: line for line in check_source(load_settings(workspace.config))}
            assert lines["read only"].state == "ok", lines
            assert "queries" not in lines
            with pytest.raises(errors.InsufficientPrivilege):
                type(database)(url).execute('DELETE FROM app."AIInteraction"')
        finally:
            database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_only_tables_of_the_catalog_reach_a_query(database, monkeypatch, home):
    monkeypatch.setenv("DATABASE_URL", database.url)
    for name in (
        'AIInteraction"; DROP TABLE "AIInteraction',
        "pg_catalog.pg_authid; --",
        "(SELECT 1)",
    ):
        config = VALUES.format(
            source=f"{POSTGRES}\ntable = {toml(name)}", payload='"x"', pattern='"x"', star='"*"'
        )
        with (
            temporary_workspace(home, config=config) as workspace,
            pytest.raises(RolloutError, match=r"table|name"),
        ):
            open_engine(load_settings(workspace.config))
    assert database.execute('SELECT count(*) FROM "AIInteraction"') == [(0,)]
