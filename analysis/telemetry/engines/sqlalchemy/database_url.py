"""A database URL of an application as the driver needs it: others' keys removed, libpq's kept."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from analysis.errors import WrongUse
from analysis.telemetry.engines.sqlalchemy.url_text import (
    has_placeholder,
    read_postgres_url,
    without_wrapping,
)

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
_DRIVER = "postgresql+psycopg2"
_POSTGRES = ("postgres", "postgresql", _DRIVER)
_SSL_MODES = {
    **dict.fromkeys(("true", "1", "yes", "on", "no-verify"), "require"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
"""Values of node-postgres, JDBC and asyncpg -> libpq's."""
_OWN_SCHEMES = {
    "prisma+postgres": "a URL of Prisma Postgres, which only Prisma's client opens; "
    "use the direct URL of the database, which begins with postgres://",
    "prisma": "a URL of Prisma Accelerate, which only Prisma's client opens; "
    "use the direct URL of the database, which Prisma has as directUrl",
}
_SETTING = re.compile(r"([\w.]+)=(.*)", re.DOTALL)


def environment_url(variable: str, engine: str) -> URL:
    """The URL in that environment variable; WrongUse, without the value, when there is none."""
    text = without_wrapping(os.environ.get(variable, ""))
    if not text:
        raise WrongUse(
            f"the environment variable {variable} of [source].url_env is not set; "
            f"run: export {variable}=<database URL>"
        )
    scheme = text.partition("://")[0].lower()
    if scheme in _OWN_SCHEMES:
        raise WrongUse(f"the environment variable {variable} holds {_OWN_SCHEMES[scheme]}")
    if has_placeholder(text):
        raise WrongUse(
            f"the environment variable {variable} still holds a placeholder such as "
            "[YOUR-PASSWORD]; put the real value in its place, without brackets"
        )
    url = read_postgres_url(text) or _other_url(text)
    if url is None:
        raise WrongUse(
            f"the environment variable {variable} holds no database URL; "
            "its form is postgresql://user@host/database"
        )
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
    return url.set(drivername=_DRIVER, query=query | _tls_keys(url)).difference_update_query(
        [] if url.query.get("sslkey") else ["sslcert"]
    )


def connect_arguments(url: URL) -> dict[str, Any]:
    """The driver's arguments in addition to the URL.

    A transaction pooler refuses start-up options; each transaction sets its own anyway.
    """
    if url.drivername not in _POSTGRES:
        return {}
    arguments: dict[str, Any] = {"application_name": "rollout"}
    arguments |= {key: url.query[key] for key in ("host", "port") if key in url.query}
    timeout = str(url.query.get("connect_timeout", ""))
    if not timeout.isdecimal() or int(timeout) == 0:  # 0 waits without a limit
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    options = [_options(url)] if _options(url) else []
    if not _is_pooler(url):
        options.append("-c default_transaction_read_only=on")
    return arguments | ({"options": " ".join(options)} if options else {})


def start_up_settings(url: URL) -> dict[str, str]:
    """The settings of the URL, which each transaction makes again: a pooler may refuse options."""
    settings, _ = _split_options(_options(url))
    for key in ("search_path", "currentSchema"):
        if value := url.query.get(key):
            settings["search_path"] = str(value)
    return settings


def routing_options(options: str) -> str:
    """The options without settings: what a proxy reads, such as Neon's endpoint=..."""
    return " ".join(_split_options(options)[1])


def search_path(url: URL) -> str | None:
    """The schema of a Prisma URL, where tables without a schema are."""
    schema = url.query.get("schema")
    return schema if isinstance(schema, str) and schema else None


def _other_url(text: str) -> URL | None:
    """The URL of another database; None when the text is none."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return None
    return None if url.get_backend_name() in ("postgres", "postgresql") else url


def _tls_keys(url: URL) -> dict[str, str | tuple[str, ...]]:
    """libpq's TLS keys for those of node-postgres, JDBC, asyncpg and Prisma."""
    keys: dict[str, str | tuple[str, ...]] = {}
    mode = str(url.query.get("sslmode") or url.query.get("ssl") or "").lower()
    if mode:
        keys["sslmode"] = _SSL_MODES.get(mode, mode)
    # Prisma's sslcert is the authority's certificate; libpq's, with sslkey, is the client's.
    authority = url.query.get("sslcert")
    if url.query.get("sslaccept") == "strict":
        keys["sslmode"] = "verify-full"
        if authority and not url.query.get("sslkey"):
            keys["sslrootcert"] = str(authority)
    return keys


def _is_pooler(url: URL) -> bool:
    return (
        url.port == POOLER_PORT
        or url.query.get("pgbouncer") == "true"
        or "-pooler." in (url.host or "")  # Neon's
    )


def _options(url: URL) -> str:
    given = url.query.get("options", "")
    return given if isinstance(given, str) else " ".join(given)


def _split_options(options: str) -> tuple[dict[str, str], list[str]]:
    """The settings of `-c name=value` and `--name=value`, and the other words."""
    settings, others = dict[str, str](), list[str]()
    # libpq's escape is a backslash; quotes have no meaning.
    words = shlex.shlex(options, posix=True)
    words.whitespace_split, words.quotes, words.commenters = True, "", ""
    is_setting = False
    for word in words:
        if word == "-c":
            is_setting = True
            continue
        text = re.sub(r"^(?:-c|--)", "", word)
        found = _SETTING.fullmatch(text) if is_setting or text != word else None
        if found:
            name = found[1] if is_setting else found[1].replace("-", "_")
            settings[name] = found[2]
        else:
            others.append(word)
        is_setting = False
    return settings, others
