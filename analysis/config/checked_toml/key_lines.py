"""On which line of a TOML file a key stands.

tomllib gives no lines. The text has been parsed by it before, so this scanner need not judge it.
"""

import contextlib
import re
import tomllib
from bisect import bisect_left

Place = tuple[str | int, ...]
"""Where a value stands: table, index among its [[tables]], key, and so on inward."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^\s.=\[\]{},#]+")
_KEY_GAP = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_OPENING = re.compile(r"\[{1,2}")


class KeyLines:
    """The line of every table, key and list item, by its place: ("expectation", 2, "claim")."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Place, int] = {}
        self._n_tables: dict[Place, int] = {}  # how many [[tables]] of a name were read
        with contextlib.suppress(IndexError):  # what is not understood: the lines so far must do
            self._read_file()

    def line_of(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it that is in the file."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _read_file(self) -> None:
        table: Place = ()
        while self._skip_blank():
            if self._text[self._at] != "[":
                self._read_pair(table)
                continue
            start, brackets = self._at, len(self._take(_OPENING))
            table = self._inside(self._read_key())
            self._note(table, start)
            if brackets == 2:
                index = self._n_tables.get(table, 0)
                self._n_tables[table] = index + 1
                table = (*table, index)
                self._note(table, start)
            self._at += brackets

    def _inside(self, key: Place) -> Place:
        """Place a table's name inside the last of the [[tables]] that it belongs to."""
        place: Place = ()
        for number, part in enumerate(key):
            place = (*place, part)
            if number < len(key) - 1 and place in self._n_tables:
                place = (*place, self._n_tables[place] - 1)
        return place

    def _read_pair(self, table: Place) -> None:
        start = self._at
        place = table + self._read_key()
        self._at += 1  # the =
        self._take(_KEY_GAP)
        self._note(place, start)
        self._read_value(place)

    def _read_key(self) -> Place:
        """Read a key, perhaps dotted, perhaps quoted, up to = or ]."""
        parts: list[str] = []
        while True:
            self._take(_KEY_GAP)
            is_quoted = self._text[self._at] in "\"'"
            part = self._take(_STRING if is_quoted else _BARE)
            parts.append(_unquoted(part) if is_quoted else part)
            self._take(_KEY_GAP)
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _read_value(self, place: Place) -> None:
        opening = self._text[self._at]
        if opening not in "[{":
            self._take(_STRING if opening in "\"'" else _SCALAR)
            return
        self._at += 1
        number = 0
        while self._skip_blank() and self._text[self._at] not in "]}":
            if self._text[self._at] == ",":
                self._at += 1
            elif opening == "{":
                self._read_pair(place)
            else:
                self._note((*place, number), self._at)
                self._read_value((*place, number))
                number += 1
        self._at += 1

    def _note(self, place: Place, start: int) -> None:
        line = bisect_left(self._line_ends, start) + 1
        for depth in range(1, len(place) + 1):
            self._lines.setdefault(place[:depth], line)

    def _skip_blank(self) -> bool:
        """Skip blanks and comments; return whether anything is left."""
        self._take(_BLANK)
        return self._at < len(self._text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise IndexError
        self._at = found.end()
        return found[0]


def _unquoted(text: str) -> str:
    """Take the quotes off a key; one with escapes is read as TOML reads it."""
    if text.startswith('"') and "\\" in text:
        return next(iter(tomllib.loads(f"{text} = 0")))
    return text[1:-1]
