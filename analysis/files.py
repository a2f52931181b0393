"""The one gate for every write: scanned for secrets, written under a temporary name, renamed when whole."""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from analysis.clock import iso
from analysis.errors import RolloutError
from analysis.leaks import find_leak

BINARY_ENDINGS = frozenset({".parquet", ".png", ".duckdb", ".gz", ".pdf", ".woff2"})
_PIECE = 4_000_000  # characters scanned at a time, so that memory stays flat
_OVERLAP = 8_192  # longer than the longest match, so that none hides between two pieces
_DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class LeakRefused(RolloutError):
    """A text breaks a rule of the last gate and was not written."""

    def __init__(self, path: Path | str, rule: str) -> None:
        name = "a file" if find_leak(str(path)) else f"'{path}'" if isinstance(path, Path) else path
        super().__init__(
            f"{name} was not written: it would hold what looks like a secret or personal data (rule: {rule}); "
            "look for it in the names of features, sources and entries of rollout.toml, then run again"
        )
        self.rule = rule


class WriteFailed(RolloutError):
    """The operating system did not let a file be written."""

    def __init__(self, path: Path, reason: OSError) -> None:
        super().__init__(
            f"cannot write '{path}': {reason.strerror or reason}; "
            "free space or make the folder writable, then run again"
        )


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts that belong together, all or none: each is whole on the disk before the first old one is replaced, in this order."""
    with contextlib.ExitStack() as opened:
        for name, text in reversed(list(texts.items())):
            temporary = opened.enter_context(atomic_write(folder / name))
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
            _finish(temporary, folder / name)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes whole or not at all; only kinds that hold no text are left unscanned."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: object) -> None:
    """Write readable JSON. Instants become ISO text; nan is an error, for numbers that do not exist are null."""
    write_text(
        path,
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=_as_json) + "\n",
    )


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; scan and rename it when the block ends, remove it when it fails."""
    if rule := find_leak(path.name):
        raise LeakRefused(path, rule)
    temporary = path.with_name(f".{path.stem[:80]}.{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _finish(temporary, path)
        temporary.replace(path)
        _sync(path.parent, os.O_RDONLY)
    except OSError as reason:
        if reason.errno in _DISK_FULL or reason.filename in {
            str(place) for place in (temporary, path, *path.parents)
        }:
            raise WriteFailed(path, reason) from None
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Append one line in one write, whole or not at all; a torn last line stays a line of its own. The lock is the caller's."""
    if "\n" in line:
        raise ValueError("append_line() takes one line")
    if rule := find_leak(path.name) or find_leak(line):
        raise LeakRefused(path, rule)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            content = b"\n" * torn + line.encode("utf-8", "backslashreplace") + b"\n"
            if file.write(content) < len(
                content
            ):  # a disk that is nearly full takes a part, without an error
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as reason:
        raise WriteFailed(path, reason) from None


def refuse_leaks(path: Path, texts: Iterable[str]) -> None:
    """Raise LeakRefused when one of the texts of a binary file breaks a rule."""
    for text in sorted(set(texts)):
        if rule := find_leak(text):
            raise LeakRefused(path, rule)


def _finish(temporary: Path, path: Path) -> None:
    """See that a temporary file holds nothing secret and is on the disk."""
    if rule := _scan_file(temporary):
        raise LeakRefused(path, rule)
    _sync(temporary, os.O_RDWR)


def _scan_file(path: Path) -> str | None:
    """Scan a file in overlapping pieces."""
    if path.suffix in BINARY_ENDINGS:
        return None
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        tail = ""
        while piece := file.read(_PIECE):
            if rule := find_leak(tail + piece):
                return rule
            tail = piece[-_OVERLAP:]
    return None


def _sync(path: Path, flags: int) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, flags)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_json(value: object) -> object:
    """Turn what JSON does not know into what it knows."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "item"):  # numpy's numbers
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
