"""A database URL as an application has it, made into what the driver takes: Prisma's keys out, libpq's own kept."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from analysis.errors import WrongUse

LIBPQ_KEYS = frozenset(
    """application_name channel_binding connect_timeout fallback_application_name gssencmode hostaddr keepalives keepalives_count
    keepalives_idle keepalives_interval krbsrvname load_balance_hosts options passfile require_auth service sslcert sslcertmode
    sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
    tcp_user_timeout ssl_min_protocol_version ssl_max_protocol_version""".split()  # noqa: SIM905
)
"""What libpq takes in a URL; the rest (Prisma's schema, pgbouncer, connection_limit ...) it would refuse."""
POOLER_PORT = 6543
CONNECT_TIMEOUT_S = 10
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg2")


def environment_url(variable: str | None, engine: str) -> URL:
    """The URL that the environment variable holds; WrongUse without the value when it holds none."""
    if not variable:
        raise WrongUse(
            f"[source] has engine {engine!r} and no url_env; give the NAME of the variable that holds the URL"
        )
    text = os.environ.get(variable, "").strip()
    if not text:
        raise WrongUse(
            f"the environment variable {variable} of [source].url_env is not set; export the database URL in it"
        )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise WrongUse(
            f"the environment variable {variable} holds no database URL such as postgresql://user@host/name"
        ) from None
    if engine == "postgres" and url.drivername not in _POSTGRES:
        raise WrongUse(
            f'the environment variable {variable} holds no PostgreSQL URL; use engine = "sqlalchemy" for other databases'
        )
    return url


def driver_url(url: URL) -> URL:
    """What SQLAlchemy gets: `postgres://` and `postgresql://` mean psycopg2 here, and libpq's own keys stay."""
    if url.drivername not in _POSTGRES:
        return url
    kept = {
        key: value for key, value in url.query.items() if key in LIBPQ_KEYS and key != "options"
    }
    return url.set(drivername="postgresql+psycopg2", query=kept)


def connect_arguments(url: URL) -> dict[str, Any]:
    """What the driver gets beside the URL. A transaction pooler refuses start-up options; each transaction sets its own anyway."""
    if url.drivername not in _POSTGRES:
        return {}
    arguments: dict[str, Any] = {"application_name": "rollout"}
    given = str(url.query.get("connect_timeout", ""))
    if not given.isdecimal() or int(given) == 0:  # 0 waits for ever
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    written = url.query.get("options", ())
    options = [written] if isinstance(written, str) else list(written)
    if url.port != POOLER_PORT and url.query.get("pgbouncer") != "true":
        options.append("-c default_transaction_read_only=on")
    return arguments | ({"options": " ".join(options)} if options else {})


def search_path(url: URL) -> str | None:
    """The schema of a Prisma URL, in which tables without a schema are looked for."""
    schema = url.query.get("schema")
    return schema if isinstance(schema, str) and schema else None
