"""What a database said, as one of a few known sentences: its own words may hold names, hosts and values."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

_BY_CODE: dict[str, tuple[type[RolloutError], str]] = {
    "57014": (TookTooLong, "took longer than [source].timeout; raise it, or shorten the window"),
    "25006": (RolloutError, "was refused because the transaction is read-only"),
    "42501": (WrongUse, "was refused: the role lacks SELECT on the table; grant it"),
    "42P01": (
        WrongUse,
        "failed: the table does not exist; check [source].table and run 'rollout doctor'",
    ),
    "42703": (
        WrongUse,
        "failed: a column does not exist; run 'rollout doctor' or mend the mapping",
    ),
    "42883": (WrongUse, "failed: a column has a type that the query cannot use; mend the mapping"),
    "22003": (
        DataNotTrusted,
        "met numbers too large to be milliseconds; run 'rollout doctor' for their unit",
    ),
    "22007": (
        DataNotTrusted,
        "met a text where a time belongs; run 'rollout doctor' or mend the mapping",
    ),
    "22008": (
        DataNotTrusted,
        "met numbers too large to be milliseconds; run 'rollout doctor' for their unit",
    ),
    "22P02": (
        DataNotTrusted,
        "met a text where a number belongs; run 'rollout doctor' or mend the mapping",
    ),
    "55P03": (
        RolloutError,
        "waited in vain for a lock on the table, which a migration or VACUUM FULL holds; run again when that is done",
    ),
    "57P01": (RolloutError, "was cut off: the server shut down; run again when it is back"),
    "53300": (RolloutError, "failed: the server has no free connection; run again later"),
}
_BY_WORDS: tuple[tuple[str, type[RolloutError], str], ...] = (
    (
        "password authentication failed",
        WrongUse,
        "failed: wrong user or password in the URL; mend the variable of [source].url_env",
    ),
    (
        "no password supplied",
        WrongUse,
        "failed: the URL has no password; mend the variable of [source].url_env",
    ),
    (
        "unsupported startup parameter",
        WrongUse,
        "failed: a pooler refuses start-up options; add pgbouncer=true to the URL",
    ),
    (
        "connection refused",
        WrongUse,
        "failed: nothing listens at the URL's host and port; start the server or mend the URL",
    ),
    (
        "could not translate host",
        WrongUse,
        "failed: the URL's host is not known; mend the variable of [source].url_env",
    ),
    (
        "does not support ssl",
        WrongUse,
        "failed: the server has no TLS and the URL asks for it; mend sslmode in the URL",
    ),
    ("no encryption", WrongUse, "failed: the server asks for TLS; add ?sslmode=require to the URL"),
    (
        "certificate",
        WrongUse,
        "failed over TLS: the server's certificate is not trusted; give sslrootcert in the URL",
    ),
    ("timeout expired", RolloutError, "failed: no answer in time; check host, port and firewall"),
    (
        "too many clients",
        RolloutError,
        "failed: the server has no free connection; run again later",
    ),
    (
        "too many connections",
        RolloutError,
        "failed: the server has no free connection; run again later",
    ),
    (
        "connection slots",
        RolloutError,
        "failed: the server has no free connection; run again later",
    ),
    (
        "does not exist",
        WrongUse,
        "failed: the database, role or column does not exist; check the URL and run 'rollout doctor'",
    ),
    ("server closed the connection", RolloutError, "was cut off by the server; run again"),
    ("terminating connection", RolloutError, "was cut off by the server; run again"),
    ("ssl", RolloutError, "was cut off over TLS; run again, or check sslmode in the URL"),
)


def explain_refusal(error: SQLAlchemyError, doing: str) -> RolloutError:
    """The error to raise instead: one sentence with its mend; exit code 2 where the mend lies with the user's settings."""
    original = getattr(error, "orig", None)
    code = getattr(original, "pgcode", None)
    if code in _BY_CODE:
        kind, sentence = _BY_CODE[code]
        return kind(f"{doing} {sentence}")
    if code and code.startswith("22"):
        return DataNotTrusted(
            f"{doing} met a value that does not fit (SQLSTATE {code}); run 'rollout doctor' or mend the mapping"
        )
    said = str(original or "").lower()
    for words, kind, sentence in _BY_WORDS:
        if words in said:
            return kind(f"{doing} {sentence}")
    name = (
        type(original).__name__
        if isinstance(error, DBAPIError) and original
        else type(error).__name__
    )
    state = f", SQLSTATE {code}" if code else ""
    return RolloutError(f"{doing} failed in the database ({name}{state}); run 'rollout doctor'")
