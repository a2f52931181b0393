"""A database's errors as our own sentences: its words may contain names, hosts and values."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse


class ReplicaConflict(RolloutError):
    """A replica canceled the query to apply changes of the primary; another attempt may work."""


_CHECK_MAPPING = "run 'rollout doctor', or correct the mapping"
_TOO_LARGE = "found numbers too large to be milliseconds; run 'rollout doctor' to check their unit"
_REPLICA = (
    "was canceled by the replica, which applied changes of the primary; run again, use the "
    "primary, or let an administrator set hot_standby_feedback = on"
)
_WRONG_PASSWORD = "failed: wrong user or password; correct the URL of [source].url_env"
_UNREACHABLE = (
    "failed: this network does not reach the address of the host; a host with IPv6 only, such "
    "as db.<project> of Supabase, needs the host of its IPv4 pooler in the URL"
)
_NO_DATABASE = "failed: the database of the URL does not exist; check the URL"
_STARTING = "failed: the server starts, stops or recovers; run again when it is ready"
_NO_CONNECTION = "failed: the server has no free connection; run again later"
_CUT_OFF = "failed: the server closed the connection; run again"
_BY_SQLSTATE: dict[type[RolloutError], dict[str, str]] = {
    TookTooLong: {
        "57014": "took longer than [source].timeout; raise the timeout, or shorten the window",
    },
    WrongUse: {
        "42501": "was refused: the role lacks SELECT on the table; grant it",
        "42P01": "failed: the table does not exist; check [source].table",
        "42703": f"failed: a column does not exist; {_CHECK_MAPPING}",
        "42883": f"failed: a column has a type that does not fit; {_CHECK_MAPPING}",
    },
    DataNotTrusted: {
        "22003": _TOO_LARGE,
        "22008": _TOO_LARGE,
        "22007": f"found a text in place of a time; {_CHECK_MAPPING}",
        "22P02": f"found a text in place of a number; {_CHECK_MAPPING}",
        "22": f"found a value that does not fit; {_CHECK_MAPPING}",
    },
    ReplicaConflict: {"40001": _REPLICA},
    RolloutError: {
        "25006": "was refused because the transaction is read-only",
        "53300": _NO_CONNECTION,
        "55P03": "got no lock on the table, held by a migration or VACUUM FULL; run again later",
        "57P01": "failed: the server shut down; run again when it is back",
    },
}
"""Error -> beginning of the SQLSTATE -> sentence, in the order in which they are tried."""
_BY_WORDS: dict[type[RolloutError], dict[str, str]] = {
    ReplicaConflict: {"conflict with recovery": _REPLICA},
    WrongUse: {
        r"tenant or user not found|tenant/user \S+ not found": "failed: the pooler knows no such "
        "project or user; the user must be postgres.<project>, and the host that of its region",
        "endpoint id is not specified": "failed: Neon needs the name of the endpoint; "
        "add ?options=endpoint%3D<endpoint> to the URL",
        r"endpoint .*(?:could not be found|not found|disabled)": "failed: the proxy knows no "
        "such endpoint; correct the host in the URL",
        r"(?:password|sasl|pam|peer|ident|md5|scram|ldap|gssapi) authentication failed": (
            _WRONG_PASSWORD
        ),
        "no such user": _WRONG_PASSWORD,
        "no password supplied": "failed: the URL has no password; add it",
        r"(?:role|user) .* does not exist": "failed: the role of the URL does not exist; "
        "correct the user in the URL",
        "not permitted to log ?in": "failed: the role may not log in; "
        "ALTER ROLE ... LOGIN, or use another role in the URL",
        "permission denied for database": "failed: the role lacks CONNECT on the database; "
        "grant it",
        r"database .* does not exist|no such database": _NO_DATABASE,
        r"startup parameter|command.line (?:option|argument)": "failed: the server or its pooler "
        "refuses the key options of the URL; remove it",
        "socket .*no such file": "failed: no server has its socket in the folder of the key host; "
        "start the server or its proxy, or correct the folder in the URL",
        "connection refused": "failed: nothing listens at the host and port; start the server",
        "network is unreachable|no route to host|cannot assign requested address"
        "|no address associated": _UNREACHABLE,
        "could not translate host": "failed: the host is unknown; correct the URL. "
        "A host with IPv6 only, such as db.<project> of Supabase, needs its pooler's host",
        "does not support ssl": "failed: the server has no TLS; change sslmode in the URL",
        r"pg_hba.*(?:ssl encryption|ssl on)": "failed: the server allows no connection of this "
        "role from here to this database; allow it in pg_hba.conf or in the list of addresses",
        "no encryption|ssl off|connection is insecure|ssl.* is required": "failed: the server "
        "needs TLS; add ?sslmode=require to the URL",
        "no pg_hba.conf entry": "failed: the server allows no connection of this role from here "
        "to this database; allow it in pg_hba.conf or in the list of addresses",
        "certificate": "failed: the server's certificate is not trusted over TLS; "
        "add sslrootcert to the URL",
        "invalid .*value": "failed: a key of the URL has a value that PostgreSQL does not know; "
        "correct the keys after ? in the URL",
        "does not exist": "failed: the database, role or column does not exist; check the URL",
    },
    RolloutError: {
        "timeout expired": "failed: no answer; check host, port and firewall",
        "too many clients": _NO_CONNECTION,
        "too many connections": _NO_CONNECTION,
        "connection slots": _NO_CONNECTION,
        "max client|no more connections|query_wait_timeout": _NO_CONNECTION,
        "starting up|shutting down|recovery mode|not accepting connections|not yet accepting": (
            _STARTING
        ),
        "server closed the connection": _CUT_OFF,
        "terminating connection": _CUT_OFF,
        "ssl": "failed: the TLS connection was cut off; run again",
    },
}
"""Error -> pattern in the driver's words (lower case), for errors without SQLSTATE -> sentence."""


def explain_error(error: SQLAlchemyError, subject: str) -> RolloutError:
    """The error to raise instead: one sentence about `subject` that says what to do.

    WrongUse where the user's settings are the cause, DataNotTrusted where the rows are.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "pgcode", None) or ""  # psycopg2's errors have one
    message = str(original or "").lower()
    found = _find(_BY_SQLSTATE, code.startswith) or _find(
        _BY_WORDS, lambda pattern: re.search(pattern, message) is not None
    )
    if found:
        kind, sentence = found
        return kind(f"{subject} {sentence}")
    name = type(original or error).__name__ + (f", SQLSTATE {code}" if code else "")
    return RolloutError(f"{subject} failed in the database ({name}); run 'rollout doctor'")


def refuses_options(message: str) -> bool:
    """Whether a server or pooler refused the start-up options: PgBouncer's words, RDS Proxy's."""
    return bool(re.search(r"startup parameter|command.line option", message, re.IGNORECASE))


def _find(
    table: dict[type[RolloutError], dict[str, str]], matches: Callable[[str], bool]
) -> tuple[type[RolloutError], str] | None:
    return next(
        (
            (kind, sentence)
            for kind, sentences in table.items()
            for part, sentence in sentences.items()
            if matches(part)
        ),
        None,
    )
