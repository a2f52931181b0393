"""On which line of a TOML file a key stands.

tomllib gives no lines. The text was parsed by it before, so this scanner need not judge it.
"""

import contextlib
import re
import tomllib
from bisect import bisect_left

Place = tuple[str | int, ...]
"""Where a value stands: table, index among its [[tables]], key, and so on inward."""

_TOKEN = re.compile(
    r"(?P<blank>\s+|#[^\n]*)|(?P<mark>[\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.#\"']+)"
    r'|"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)


class KeyLines:
    """The line of every table, key and list item, by its place: ("expectation", 2, "claim")."""

    def __init__(self, text: str) -> None:
        line_ends = [match.start() for match in re.finditer("\n", text)]
        self._tokens = [
            (token[0], bisect_left(line_ends, token.start()) + 1)
            for token in _TOKEN.finditer(text)
            if token.lastgroup != "blank"
        ]
        self._at = 0
        self._lines: dict[Place, int] = {}
        self._n_tables: dict[Place, int] = {}  # how many [[tables]] of a name were read
        with contextlib.suppress(IndexError, ValueError):  # then the lines so far must do
            self._read_file()

    def line_of(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it that is in the file."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _read_file(self) -> None:
        table: Place = ()
        while self._at < len(self._tokens):
            token, line = self._tokens[self._at]
            if token != "[":
                self._read_pair(table)
                continue
            brackets = 2 if self._tokens[self._at + 1][0] == "[" else 1
            self._at += brackets
            table = self._inside(self._read_key())
            self._note(table, line)
            if brackets == 2:
                self._n_tables[table] = self._n_tables.get(table, 0) + 1
                table = (*table, self._n_tables[table] - 1)
                self._note(table, line)
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
        line = self._tokens[self._at][1]
        place = table + self._read_key()
        self._at += 1  # the =
        self._note(place, line)
        self._read_value(place)

    def _read_key(self) -> Place:
        """Read a key, perhaps dotted, up to = or ]."""
        parts = [self._tokens[self._at][0]]
        while self._tokens[self._at + 1][0] == ".":
            self._at += 2
            parts.append(self._tokens[self._at][0])
        self._at += 1
        return tuple(map(_unquoted, parts))

    def _read_value(self, place: Place) -> None:
        opening, line = self._tokens[self._at]
        if opening not in ("[", "{"):
            while self._at < len(self._tokens) and self._tokens[self._at][1] == line:
                if self._tokens[self._at][0] in (",", "]", "}"):
                    return
                self._at += 1
            return
        self._at += 1
        number = 0
        while (token := self._tokens[self._at])[0] not in ("]", "}"):
            if token[0] == ",":
                self._at += 1
            elif opening == "{":
                self._read_pair(place)
            else:
                self._note((*place, number), token[1])
                self._read_value((*place, number))
                number += 1
        self._at += 1

    def _note(self, place: Place, line: int) -> None:
        for depth in range(1, len(place) + 1):
            self._lines.setdefault(place[:depth], line)


def _unquoted(key: str) -> str:
    """Take the quotes off a key; one with escapes is read as TOML reads it."""
    if key[0] not in "\"'":
        return key
    return next(iter(tomllib.loads(f"{key} = 0"))) if "\\" in key else key[1:-1]
