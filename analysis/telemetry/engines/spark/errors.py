"""Spark's errors as our own sentences: its words may contain rows, paths and addresses."""

from __future__ import annotations

from contextlib import suppress

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

Explanation = tuple[type[RolloutError], str]
_OTHER_TABLE = "set [source].table to one in the session's catalog"
_NOT_GRANTED: Explanation = (WrongUse, "refused: this user may not read the table; grant it")
_CANCELED = "OPERATION_CANCELED"
_BY_CONDITION: dict[str, Explanation] = {
    "TABLE_OR_VIEW_NOT_FOUND": (WrongUse, f"found no such table; {_OTHER_TABLE}"),
    "SINGLE_PART_NAMESPACE": (WrongUse, f"found no such catalog; {_OTHER_TABLE}"),
    "SCHEMA_NOT_FOUND": (WrongUse, f"found no such schema; {_OTHER_TABLE}"),
    "PATH_NOT_FOUND": (
        WrongUse,
        "found no such file; set [source].path to one that Spark's own machines can read",
    ),
    "UNABLE_TO_INFER_SCHEMA": (
        WrongUse,
        "found no file with rows under [source].path; name Parquet files or a Delta table",
    ),
    "CANNOT_READ_FILE_FOOTER": (WrongUse, "found a file that is not Parquet; export it again"),
    "FAILED_TO_CREATE_PLAN_FOR_DIRECT_QUERY": (
        WrongUse,
        "cannot read it as Parquet; export it again, or name a table in the catalog",
    ),
    "FAILED_READ_FILE": (WrongUse, "found a file that it cannot read; export it again"),
    "CANNOT_MERGE": (
        WrongUse,
        "found files whose columns have different types; export them again",
    ),
    "UNRESOLVED_COLUMN": (
        WrongUse,
        "found no such column; correct the mapping, or name another table",
    ),
    "DATATYPE_MISMATCH": (WrongUse, "found a column of the wrong type; correct the mapping"),
    "UNRESOLVED_ROUTINE": (
        WrongUse,
        'has no such function; write the mapping in Spark\'s SQL, with dialect = "spark"',
    ),
    "CAST_INVALID_INPUT": (
        DataNotTrusted,
        "found a text in place of a number or a time; correct the rows or the mapping",
    ),
    "OVERFLOW": (
        DataNotTrusted,
        "found numbers too large to be milliseconds; run 'rollout doctor' to check their unit",
    ),
    _CANCELED: (
        TookTooLong,
        "took longer than [source].timeout; raise the timeout, or shorten the window",
    ),
    "INVALID_HANDLE": (RolloutError, "ended the session; run again"),
    "UNAUTHENTICATED": (
        WrongUse,
        "refused: the server does not know this user; correct the token of [source].remote",
    ),
    "PERMISSION_DENIED": _NOT_GRANTED,
    "INSUFFICIENT_PERMISSIONS": _NOT_GRANTED,
}
"""Part of the name of Spark's error condition -> error and sentence, in the order tried."""


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
    condition = _CANCELED if is_late else _condition(error)
    for name, (kind, sentence) in _BY_CONDITION.items():
        if name in (condition or str(error)):
            return kind(f"{subject}: Spark {sentence}")
    lost = "UNAVAILABLE" in str(error) or "Py4JNetworkError" in type(error).__name__
    if lost or isinstance(error, ConnectionError):
        return RolloutError(f"{subject}: the Spark server went away; run again when it is back")
    name = condition or type(error).__name__
    return RolloutError(f"{subject} failed in Spark ({name}); run 'rollout doctor'")


def _condition(error: BaseException) -> str:
    """The name of Spark's error condition; other libraries' errors have none."""
    with suppress(ImportError):
        from pyspark.errors import PySparkException

        if isinstance(error, PySparkException):
            return error.getCondition() or ""
    return ""
