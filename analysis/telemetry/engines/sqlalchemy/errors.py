"""A database's errors as our own sentences: its words may contain names, hosts and values."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

Explanation = tuple[type[RolloutError], str]
_CHECK_MAPPING = "run 'rollout doctor', or correct the mapping"
_TOO_LARGE: Explanation = (
    DataNotTrusted,
    "found numbers too large to be milliseconds; run 'rollout doctor' to check their unit",
)
_NO_CONNECTION: Explanation = (
    RolloutError,
    "failed: the server has no free connection; run again later",
)
_CUT_OFF: Explanation = (RolloutError, "failed: the server closed the connection; run again")
_BY_SQLSTATE: dict[str, Explanation] = {
    "57014": (
        TookTooLong,
        "took longer than [source].timeout; raise the timeout, or shorten the window",
    ),
    "25006": (RolloutError, "was refused because the transaction is read-only"),
    "42501": (WrongUse, "was refused: the role lacks SELECT on the table; grant it"),
    "42P01": (WrongUse, "failed: the table does not exist; check [source].table"),
    "42703": (WrongUse, f"failed: a column does not exist; {_CHECK_MAPPING}"),
    "42883": (WrongUse, f"failed: a column has a type that does not fit; {_CHECK_MAPPING}"),
    "22003": _TOO_LARGE,
    "22008": _TOO_LARGE,
    "22007": (DataNotTrusted, f"found a text in place of a time; {_CHECK_MAPPING}"),
    "22P02": (DataNotTrusted, f"found a text in place of a number; {_CHECK_MAPPING}"),
    "55P03": (
        RolloutError,
        "got no lock on the table, which a migration or VACUUM FULL holds; run again afterwards",
    ),
    "57P01": (RolloutError, "failed: the server shut down; run again when it is back"),
    "53300": _NO_CONNECTION,
}
_BY_WORDS: tuple[tuple[str, Explanation], ...] = (
    (
        "password authentication failed",
        (WrongUse, "failed: wrong user or password; correct the URL in [source].url_env"),
    ),
    (
        "no password supplied",
        (WrongUse, "failed: the URL has no password; add it to the URL in [source].url_env"),
    ),
    (
        "unsupported startup parameter",
        (WrongUse, "failed: a pooler refuses start-up options; add pgbouncer=true to the URL"),
    ),
    (
        "connection refused",
        (WrongUse, "failed: nothing listens at the URL's host and port; start the server"),
    ),
    (
        "could not translate host",
        (WrongUse, "failed: the host is unknown; correct the URL in [source].url_env"),
    ),
    (
        "does not support ssl",
        (WrongUse, "failed: the server has no TLS; change sslmode in the URL"),
    ),
    ("no encryption", (WrongUse, "failed: the server needs TLS; add ?sslmode=require to the URL")),
    (
        "certificate",
        (WrongUse, "failed: the server's certificate is not trusted; add sslrootcert to the URL"),
    ),
    ("timeout expired", (RolloutError, "failed: no answer; check host, port and firewall")),
    ("too many clients", _NO_CONNECTION),
    ("too many connections", _NO_CONNECTION),
    ("connection slots", _NO_CONNECTION),
    (
        "does not exist",
        (WrongUse, "failed: the database, role or column does not exist; check the URL"),
    ),
    ("server closed the connection", _CUT_OFF),
    ("terminating connection", _CUT_OFF),
    ("ssl", (RolloutError, "failed: the TLS connection was cut off; run again")),
)
"""Words of the driver's message where it has no SQLSTATE, in the order in which they are tried."""


def explain_error(error: SQLAlchemyError, subject: str) -> RolloutError:
    """The error to raise instead: one sentence about `subject` that says what to do.

    WrongUse where the user's settings are the cause, DataNotTrusted where the rows are.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "pgcode", None)  # psycopg2's errors have one, other drivers' do not
    name = type(original or error).__name__ + (f", SQLSTATE {code}" if code else "")
    unknown = (RolloutError, f"failed in the database ({name}); run 'rollout doctor'")
    kind, sentence = _by_code(code or "") or _by_words(str(original or "")) or unknown
    return kind(f"{subject} {sentence}")


def _by_code(code: str) -> Explanation | None:
    if code.startswith("22") and code not in _BY_SQLSTATE:
        return (
            DataNotTrusted,
            f"found a value that does not fit (SQLSTATE {code}); {_CHECK_MAPPING}",
        )
    return _BY_SQLSTATE.get(code)


def _by_words(message: str) -> Explanation | None:
    return next((found for words, found in _BY_WORDS if words in message.lower()), None)
