"""A database's errors as our own sentences: its words may contain names, hosts and values."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

_CHECK_MAPPING = "run 'rollout doctor', or correct the mapping"
_TOO_LARGE = "found numbers too large to be milliseconds; run 'rollout doctor' to check their unit"
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
    RolloutError: {
        "25006": "was refused because the transaction is read-only",
        "53300": _NO_CONNECTION,
        "55P03": "got no lock on the table, held by a migration or VACUUM FULL; run again later",
        "57P01": "failed: the server shut down; run again when it is back",
    },
}
"""Error -> beginning of the SQLSTATE -> sentence, in the order in which they are tried."""
_BY_WORDS: dict[type[RolloutError], dict[str, str]] = {
    WrongUse: {
        "password authentication failed": "failed: wrong user or password; correct the URL",
        "no password supplied": "failed: the URL has no password; add it",
        "unsupported startup parameter": "failed: a pooler refuses start-up options; "
        "add pgbouncer=true to the URL",
        "connection refused": "failed: nothing listens at the host and port; start the server",
        "could not translate host": "failed: the host is unknown; correct the URL",
        "does not support ssl": "failed: the server has no TLS; change sslmode in the URL",
        "no encryption": "failed: the server needs TLS; add ?sslmode=require to the URL",
        "certificate": "failed: the server's certificate is not trusted over TLS; "
        "add sslrootcert to the URL",
        "does not exist": "failed: the database, role or column does not exist; check the URL",
    },
    RolloutError: {
        "timeout expired": "failed: no answer; check host, port and firewall",
        "too many clients": _NO_CONNECTION,
        "too many connections": _NO_CONNECTION,
        "connection slots": _NO_CONNECTION,
        "server closed the connection": _CUT_OFF,
        "terminating connection": _CUT_OFF,
        "ssl": "failed: the TLS connection was cut off; run again",
    },
}
"""Error -> words of the driver's message, for errors without SQLSTATE -> sentence."""


def explain_error(error: SQLAlchemyError, subject: str) -> RolloutError:
    """The error to raise instead: one sentence about `subject` that says what to do.

    WrongUse where the user's settings are the cause, DataNotTrusted where the rows are.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "pgcode", None) or ""  # psycopg2's errors have one
    message = str(original or "").lower()
    found = _find(_BY_SQLSTATE, code.startswith) or _find(_BY_WORDS, message.__contains__)
    if found:
        kind, sentence = found
        return kind(f"{subject} {sentence}")
    name = type(original or error).__name__ + (f", SQLSTATE {code}" if code else "")
    return RolloutError(f"{subject} failed in the database ({name}); run 'rollout doctor'")


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
