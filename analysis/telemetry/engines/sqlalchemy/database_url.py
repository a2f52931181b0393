"""A database URL of an application as the driver needs it: Prisma's keys removed, libpq's kept."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from analysis.errors import WrongUse

LIBPQ_KEYS = frozenset(
    """application_name channel_binding connect_timeout fallback_application_name gssencmode
    hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
    load_balance_hosts options passfile require_auth service sslcert sslcertmode sslcompression
    sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni
    target_session_attrs tcp_user_timeout ssl_min_protocol_version
    ssl_max_protocol_version""".split()  # noqa: SIM905
)
"""What libpq accepts in a URL. It refuses others, such as Prisma's schema and pgbouncer."""
POOLER_PORT = 6543
CONNECT_TIMEOUT_S = 10
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg2")


def environment_url(variable: str, engine: str) -> URL:
    """The URL in that environment variable; WrongUse, without the value, when there is none."""
    text = os.environ.get(variable, "").strip()
    if not text:
        raise WrongUse(
            f"the environment variable {variable} of [source].url_env is not set; "
            f"run: export {variable}=<database URL>"
        )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise WrongUse(
            f"the environment variable {variable} holds no database URL; "
            "its form is postgresql://user@host/database"
        ) from None
    if engine == "postgres" and url.drivername not in _POSTGRES:
        raise WrongUse(
            f"the environment variable {variable} holds no PostgreSQL URL; "
            'use engine = "sqlalchemy" for other databases'
        )
    return url


def driver_url(url: URL) -> URL:
    """The URL for SQLAlchemy: psycopg2 for PostgreSQL, with libpq's own keys only."""
    if url.drivername not in _POSTGRES:
        return url
    query = {key: url.query[key] for key in url.query if key in LIBPQ_KEYS and key != "options"}
    return url.set(drivername="postgresql+psycopg2", query=query)


def connect_arguments(url: URL) -> dict[str, Any]:
    """The driver's arguments in addition to the URL.

    A transaction pooler refuses start-up options; each transaction sets its own anyway.
    """
    if url.drivername not in _POSTGRES:
        return {}
    arguments: dict[str, Any] = {"application_name": "rollout"}
    timeout = str(url.query.get("connect_timeout", ""))
    if not timeout.isdecimal() or int(timeout) == 0:  # 0 waits without a limit
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    given = url.query.get("options", ())
    options = [given] if isinstance(given, str) else list(given)
    if url.port != POOLER_PORT and url.query.get("pgbouncer") != "true":
        options.append("-c default_transaction_read_only=on")
    return arguments | ({"options": " ".join(options)} if options else {})


def search_path(url: URL) -> str | None:
    """The schema of a Prisma URL, where tables without a schema are."""
    schema = url.query.get("schema")
    return schema if isinstance(schema, str) and schema else None
