"""Every write goes through here: scanned for secrets, written to a temporary file, renamed."""

from __future__ import annotations

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
from analysis.leaks import find_leak, without_controls

BINARY_SUFFIXES = frozenset({".parquet", ".png", ".duckdb", ".gz", ".pdf", ".woff2"})
_PIECE = 4_000_000  # characters scanned at a time, to keep memory flat
_OVERLAP = 8_192  # longer than the longest match, so that none is split between two pieces
_DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class LeakRefused(RolloutError):
    """A text that holds a secret or personal data was not written."""

    def __init__(self, path: Path | str, rule: str) -> None:
        name = path if isinstance(path, str) else f"'{path}'"
        super().__init__(
            f"{'a file' if find_leak(name) else name} was not written: it would hold what looks "
            f"like a secret or personal data (rule: {rule}); look for it in the names of "
            "features, sources and entries of rollout.toml, then run again"
        )
        self.rule = rule


class WriteFailed(RolloutError):
    """The operating system did not let a file be written."""

    def __init__(self, path: Path, reason: OSError) -> None:
        super().__init__(
            f"cannot write '{path}': {reason.strerror or reason}; "
            "free space or make the folder writable, then run again"
        )


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder, renamed to `path` when the block ends without error.

    Raises LeakRefused and WriteFailed; the old file stays then, and the temporary one is removed.
    Files with `BINARY_SUFFIXES` are not scanned: call `refuse_leaks` with their texts.
    """
    _refuse_leak(path, path.name)
    temporary = path.with_name(f".{path.stem[:80]}.{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _finish(temporary, path)
        temporary.replace(path)
        _sync(path.parent, os.O_RDONLY)
    except OSError as reason:
        own_paths = {str(place) for place in (temporary, path, *path.parents)}
        if reason.errno in _DISK_FULL or reason.filename in own_paths:
            raise WriteFailed(path, reason) from None
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as a whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts that belong together, all or none.

    All are complete on disk before the first old file is replaced; replaced in this order.
    """
    with contextlib.ExitStack() as opened:
        for name, text in reversed(list(texts.items())):
            temporary = opened.enter_context(atomic_write(folder / name))
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
            _finish(temporary, folder / name)


def write_json(path: Path, content: object) -> None:
    """Write JSON with instants as ISO text. Raises ValueError for nan, which JSON does not have."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=as_json)
    write_text(path, text + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line, as a whole or not at all; the caller holds the lock of the file.

    A last line that was cut off stays as it is. Raises LeakRefused and WriteFailed.
    """
    if "\n" in line:
        raise ValueError("append_line() takes one line")
    line = without_controls(line)
    _refuse_leak(path, path.name)
    _refuse_leak(path, line)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            is_cut_off = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            content = b"\n" * is_cut_off + line.encode("utf-8", "backslashreplace") + b"\n"
            if file.write(content) < len(content):  # what a nearly full disk does, without error
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as reason:
        raise WriteFailed(path, reason) from None


def refuse_leaks(path: Path, texts: Iterable[str]) -> None:
    """Raise LeakRefused when one of the texts of a binary file breaks a rule."""
    for text in sorted(set(texts)):
        _refuse_leak(path, text)


def as_json(value: object) -> object:
    """What `json` cannot write as what it can: instants, paths and numbers of numpy."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse_leak(path: Path, text: str) -> None:
    if rule := find_leak(text):
        raise LeakRefused(path, rule)


def _finish(temporary: Path, path: Path) -> None:
    """Remove control characters from a temporary file, check it for secrets, bring it to disk."""
    if path.suffix not in BINARY_SUFFIXES:
        has_controls = False
        with temporary.open(encoding="utf-8", errors="replace", newline="") as file:
            tail = ""
            while piece := file.read(_PIECE):
                clean = without_controls(piece)
                has_controls |= clean != piece
                _refuse_leak(path, tail + clean)
                tail = clean[-_OVERLAP:]
        if has_controls:
            with contextlib.suppress(UnicodeDecodeError):  # bytes that are no text stay
                text = temporary.read_bytes().decode("utf-8")
                temporary.write_bytes(without_controls(text).encode("utf-8"))
    _sync(temporary, os.O_RDWR)


def _sync(path: Path, flags: int) -> None:
    """Bring a file, or the names in a folder, to disk."""
    descriptor = os.open(path, flags)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
