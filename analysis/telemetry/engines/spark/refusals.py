"""What Spark said, as one of a few known sentences: its own words may hold rows, paths and addresses."""

from __future__ import annotations

from contextlib import suppress

from analysis.errors import DataNotTrusted, RolloutError, TookTooLong, WrongUse

_BY_CONDITION: tuple[tuple[str, type[RolloutError], str], ...] = (
    (
        "TABLE_OR_VIEW_NOT_FOUND",
        WrongUse,
        "found no such table; set [source].table to one that the session's catalog has",
    ),
    (
        "SINGLE_PART_NAMESPACE",
        WrongUse,
        "found no such catalog; set [source].table to one that the session's catalog has",
    ),
    (
        "SCHEMA_NOT_FOUND",
        WrongUse,
        "found no such schema; set [source].table to one that the session's catalog has",
    ),
    (
        "PATH_NOT_FOUND",
        WrongUse,
        "found no such file; [source].path is one that Spark's own machines can read",
    ),
    (
        "UNABLE_TO_INFER_SCHEMA",
        WrongUse,
        "found no file with rows under [source].path; name Parquet files or a Delta table",
    ),
    ("CANNOT_READ_FILE_FOOTER", WrongUse, "met a file that is not Parquet; export it again"),
    (
        "FAILED_TO_CREATE_PLAN_FOR_DIRECT_QUERY",
        WrongUse,
        "cannot read it as Parquet; export it again, or name a catalog table",
    ),
    ("FAILED_READ_FILE", WrongUse, "met a file that it cannot read; export it again"),
    ("CANNOT_MERGE", WrongUse, "met files whose columns have different types; export them again"),
    (
        "UNRESOLVED_COLUMN",
        WrongUse,
        "found no such column; mend the mapping, or name the right table",
    ),
    ("DATATYPE_MISMATCH", WrongUse, "met a column whose type does not fit; mend the mapping"),
    (
        "UNRESOLVED_ROUTINE",
        WrongUse,
        'knows no such function; write the mapping with functions of Spark, and dialect = "spark"',
    ),
    (
        "CAST_INVALID_INPUT",
        DataNotTrusted,
        "met a text where a number or a time belongs; mend the rows or the mapping",
    ),
    (
        "OVERFLOW",
        DataNotTrusted,
        "met numbers too large to be milliseconds; run 'rollout doctor' for their unit",
    ),
    (
        "OPERATION_CANCELED",
        TookTooLong,
        "took longer than [source].timeout; raise it, or shorten the window",
    ),
    ("INVALID_HANDLE", RolloutError, "lost its session: the server ended it; run again"),
    (
        "UNAUTHENTICATED",
        WrongUse,
        "was refused: the server does not know this user; mend the token of [source].remote",
    ),
    ("PERMISSION_DENIED", WrongUse, "was refused: this user may not read the table; grant it"),
    (
        "INSUFFICIENT_PERMISSIONS",
        WrongUse,
        "was refused: this user may not read the table; grant it",
    ),
)


def library_errors() -> tuple[type[BaseException], ...]:
    """What pyspark, its Java bridge and gRPC raise; as many of them as are installed."""
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


def explain_refusal(error: BaseException, doing: str, *, is_late: bool) -> RolloutError:
    """One sentence by Spark's name of the error; its words are left out, for they may hold rows, paths and addresses."""
    condition = (
        "OPERATION_CANCELED" if is_late else getattr(error, "getCondition", lambda: None)() or ""
    )
    for name, kind, sentence in _BY_CONDITION:
        if name in (condition or str(error)):
            return kind(f"{doing}: Spark {sentence}")
    if (
        "UNAVAILABLE" in str(error)
        or isinstance(error, ConnectionError)
        or "Py4JNetworkError" in type(error).__name__
    ):
        return RolloutError(f"{doing}: the Spark server went away; run again when it is back")
    return RolloutError(
        f"{doing} failed in Spark ({condition or type(error).__name__}); run 'rollout doctor'"
    )
