"""Spark's errors as our own sentences: its words may contain rows, paths and addresses."""

from __future__ import annotations

from contextlib import suppress

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

_OTHER_TABLE = "set [source].table to one in the session's catalog"
_NOT_GRANTED = "refused: this user may not read the table; grant it"
_CANCELED = "OPERATION_CANCELED"
_BY_CONDITION: dict[type[RolloutError], dict[str, str]] = {
    WrongUse: {
        "TABLE_OR_VIEW_NOT_FOUND": f"found no such table; {_OTHER_TABLE}",
        "SINGLE_PART_NAMESPACE": f"found no such catalog; {_OTHER_TABLE}",
        "SCHEMA_NOT_FOUND": f"found no such schema; {_OTHER_TABLE}",
        "PATH_NOT_FOUND": "found no such file; name one that Spark's own machines can read",
        "UNABLE_TO_INFER_SCHEMA": "found no file with rows; name Parquet files or a Delta table",
        "CANNOT_READ_FILE_FOOTER": "found a file that is not Parquet; export it again",
        "FAILED_TO_CREATE_PLAN_FOR_DIRECT_QUERY": "cannot read it as Parquet; export it again, "
        "or name a table in the catalog",
        "FAILED_READ_FILE": "found a file that it cannot read; export it again",
        "CANNOT_MERGE": "found files with columns of different types; export them again",
        "UNRESOLVED_COLUMN": "found no such column; correct the mapping, or name another table",
        "DATATYPE_MISMATCH": "found a column of the wrong type; correct the mapping",
        "UNRESOLVED_ROUTINE": "has no such function; write the mapping in Spark's SQL, "
        'with dialect = "spark"',
        "UNAUTHENTICATED": "refused: the server does not know this user; "
        "correct the token of [source].remote",
        "PERMISSION_DENIED": _NOT_GRANTED,
        "INSUFFICIENT_PERMISSIONS": _NOT_GRANTED,
    },
    DataNotTrusted: {
        "CAST_INVALID_INPUT": "found a text in place of a number or a time; "
        "correct the rows or the mapping",
        "OVERFLOW": "found numbers too large to be milliseconds; "
        "run 'rollout doctor' to check their unit",
    },
    TookTooLong: {
        _CANCELED: "took longer than [source].timeout; raise it, or shorten the window",
    },
    RolloutError: {"INVALID_HANDLE": "ended the session; run again"},
}
"""Error -> part of the name of Spark's error condition -> sentence, in the order tried."""


def library_errors() -> tuple[type[BaseException], ...]:
    """What pyspark, its Java bridge and gRPC raise, as far as they are installed."""
    found: list[type[BaseException]] = [ConnectionError]
    with suppress(ImportError):
        from pyspark.errors import PySparkException

        found.append(PySparkException)
    with suppress(ImportError):
        from py4j.protocol import Py4JError

        found.append(Py4JError)
    with suppress(ImportError):
        import grpc

        found.append(grpc.RpcError)
    return tuple(found)


def explain_error(error: BaseException, subject: str, *, is_late: bool) -> RolloutError:
    """The error to raise instead: one sentence about `subject` that says what to do.

    `is_late` says that the query was cancelled for its time limit.
    """
    get_condition = getattr(error, "getCondition", None)  # only pyspark's own errors have one
    condition = _CANCELED if is_late else (get_condition and get_condition()) or ""
    for kind, sentences in _BY_CONDITION.items():
        for name, sentence in sentences.items():
            if name in (condition or str(error)):
                return kind(f"{subject}: Spark {sentence}")
    lost = "UNAVAILABLE" in str(error) or "Py4JNetworkError" in type(error).__name__
    if lost or isinstance(error, ConnectionError):
        return RolloutError(f"{subject}: the Spark server went away; run again when it is back")
    name = condition or type(error).__name__
    return RolloutError(f"{subject} failed in Spark ({name}); run 'rollout doctor'")
