"""PostgreSQL (and other databases that SQLAlchemy and sqlglot both know) behind a URL that an environment variable holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from analysis.errors import RolloutError, WrongUse
from analysis.telemetry.mapping import CANONICAL_COLUMNS, load_mapping
from analysis.telemetry.queries import ErrorClass, Queries, Statement

if TYPE_CHECKING:
    from analysis.config import Settings

LIBPQ_KEYS = frozenset(
    """application_name channel_binding connect_timeout fallback_application_name gssencmode hostaddr keepalives keepalives_count
    keepalives_idle keepalives_interval krbsrvname load_balance_hosts options passfile require_auth service sslcert sslcertmode
    sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
    tcp_user_timeout ssl_min_protocol_version ssl_max_protocol_version""".split()
)
"""What libpq takes in a URL; the rest (Prisma's schema, pgbouncer, connection_limit ...) it would refuse."""
DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite", "duckdb": "duckdb"}
CONNECT_TIMEOUT_S = 10


class SqlAlchemyEngine:
    """One database, read inside read-only transactions with a statement timeout."""

    def __init__(self, engine: sqlalchemy.Engine, queries: Queries, *, name: str, timeout_ms: int) -> None:
        self._engine = engine
        self._timeout_ms = timeout_ms
        self.name = name
        self.dialect = DIALECTS[engine.dialect.name]
        self.queries = queries

    def fetch(self, statement: Statement) -> pd.DataFrame:
        """Run one SELECT in its own read-only transaction; raises RolloutError with one sentence, never with the URL."""
        text = statement.sql(self.dialect, placeholder=":{}")
        try:
            with self._engine.connect() as connection, connection.begin():
                if self.dialect == "postgres":
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(self._timeout_ms)}")
                    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
                result = connection.execute(sqlalchemy.text(text), dict(statement.parameters))
                return pd.DataFrame(result.fetchall(), columns=list(result.keys()))
        except SQLAlchemyError as error:
            raise RolloutError(_sentence(error, f"the query {statement.name!r}")) from None

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def open_sqlalchemy(settings: Settings) -> SqlAlchemyEngine:
    """The database whose URL stands in the environment variable `[source].url_env`; its table is looked up once.

    Raises WrongUse when the variable, the table or a column is missing, or the dialect is not known.
    """
    source = settings.source
    url = _url(source.url_env, source.engine)
    schema = url.query.get("schema")
    mapping = load_mapping(source.mapping, folder=settings.folder, table=source.table)
    try:
        engine = sqlalchemy.create_engine(
            _driver_url(url), connect_args=_connect_args(url, schema), pool_pre_ping=False, pool_size=1, max_overflow=1
        )
    except (NoSuchModuleError, ModuleNotFoundError):
        raise WrongUse(f"${source.url_env} names the database {url.drivername!r}, whose driver is not installed; install it") from None
    if engine.dialect.name not in DIALECTS:
        raise WrongUse(f"${source.url_env} names the database {engine.dialect.name!r}; known are {', '.join(sorted(DIALECTS))}")
    classes = tuple(ErrorClass(item.name, tuple(item.contains or ()), item.pattern) for item in settings.error_classes)
    name = "postgres" if engine.dialect.name == "postgresql" else engine.dialect.name
    timeout_ms = int(source.timeout.total_seconds() * 1000)
    opened = SqlAlchemyEngine(engine, Queries(mapping, classes), name=name, timeout_ms=timeout_ms)
    try:
        _check_table(engine, mapping.table, canonical=not mapping.columns)
    except SQLAlchemyError as error:
        opened.close()
        raise RolloutError(_sentence(error, "connecting")) from None
    except RolloutError:
        opened.close()
        raise
    return opened


def _url(variable: str | None, engine: str) -> URL:
    if not variable:
        raise WrongUse(f"[source] has engine {engine!r} and no url_env; give the NAME of the variable that holds the URL")
    text = os.environ.get(variable, "")
    if not text:
        raise WrongUse(f"the environment variable {variable} of [source].url_env is not set; export the database URL in it")
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise WrongUse(f"the environment variable {variable} holds no database URL such as postgresql://user@host/name") from None


def _driver_url(url: URL) -> URL:
    """libpq's own keys stay; `postgres://` and `postgresql://` mean psycopg2 here."""
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg2"):
        return url
    kept = {key: value for key, value in url.query.items() if key in LIBPQ_KEYS and key != "options"}
    return url.set(drivername="postgresql+psycopg2", query=kept)


def _connect_args(url: URL, schema: Any) -> dict[str, Any]:
    if not url.drivername.startswith("postgres"):
        return {}
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "rollout"}
    given = url.query.get("options")
    options = [given if isinstance(given, str) else " ".join(given or ())]
    if url.port != 6543:  # a transaction pooler refuses start-up options; each transaction sets its own anyway
        options.append("-c default_transaction_read_only=on")
        if isinstance(schema, str) and schema:
            options.append(f"-c search_path={schema}")
    joined = " ".join(option for option in options if option)
    return arguments | ({"options": joined} if joined else {})


def _check_table(engine: sqlalchemy.Engine, table: str, *, canonical: bool) -> None:
    schema, _, name = table.rpartition(".")
    inspector = sqlalchemy.inspect(engine)
    try:
        columns = {column["name"] for column in inspector.get_columns(name, schema=schema or None)}
    except sqlalchemy.exc.NoSuchTableError:
        columns = set()
    if not columns:
        raise WrongUse(f"the database has no table {table!r} that this role can see; set [source].table or grant SELECT on it")
    missing = [column for column in CANONICAL_COLUMNS if canonical and column not in columns]
    if missing:
        raise WrongUse(f"table {table!r} has no column {missing[0]!r}; it needs {', '.join(CANONICAL_COLUMNS)} (or write a mapping)")


def _sentence(error: SQLAlchemyError, doing: str) -> str:
    """What the database said, as one of a few known sentences: its own words may hold names, hosts and values."""
    code = getattr(getattr(error, "orig", None), "pgcode", None)
    said = str(getattr(error, "orig", "") or "").lower()
    known = {
        "57014": "took longer than [source].timeout; raise it, or shorten the window",
        "25006": "was refused because the transaction is read-only",
        "42501": "was refused: the role lacks SELECT on the table; grant it",
        "57P01": "was cut off: the server shut down; run again when it is back",
    }
    if code in known:
        return f"{doing} {known[code]}"
    for words, sentence in (
        ("password authentication failed", "failed: wrong user or password in the URL; mend the variable of [source].url_env"),
        ("connection refused", "failed: nothing listens at the URL's host and port; start the server or mend the URL"),
        ("could not translate host", "failed: the URL's host is not known; mend the variable of [source].url_env"),
        ("ssl", "failed over TLS; add ?sslmode=require to the URL, or the server's certificate"),
        ("timeout expired", f"failed: no answer within {CONNECT_TIMEOUT_S} s; check host, port and firewall"),
        ("does not exist", "failed: the database, role or column does not exist; check the URL and run 'rollout doctor'"),
        ("server closed the connection", "was cut off by the server; run again"),
        ("terminating connection", "was cut off by the server; run again"),
    ):
        if words in said:
            return f"{doing} {sentence}"
    kind = type(error.orig).__name__ if isinstance(error, DBAPIError) and error.orig else type(error).__name__
    return f"{doing} failed in the database ({kind}{f', SQLSTATE {code}' if code else ''}); run 'rollout doctor'"
