"""On which line of a TOML file a key stands. The text has been parsed already, so this scanner need not judge it."""

import contextlib
import re
import tomllib

Loc = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^\s.=\[\]{},#]+")
_KEY_GAP = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class KeyLines:
    """The line of every table, key and list item, by its place: ("expectation", 2, "claim")."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Loc, int] = {}
        self._tables_of: dict[Loc, int] = {}  # how many [[tables]] of a name have been seen
        self._counted_at, self._line = 0, 1
        with contextlib.suppress(
            AttributeError, IndexError
        ):  # not as it expects: the lines found so far must do
            self._read_file()

    def line_of(self, place: Loc) -> int:
        """Return the line of a place, or of the nearest thing around it that is written in the file."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _read_file(self) -> None:
        table: Loc = ()
        while self._skip(_BLANK) < len(self._text):
            line = self._line_here()
            if self._text.startswith("[[", self._at):
                self._at += 2
                name = self._inside(self._key())
                index = self._tables_of.get(name, 0)
                self._tables_of[name] = index + 1
                table = (*name, index)
                self._lines.setdefault(name, line)
                self._note(table, line)
                self._at += 2
            elif self._text[self._at] == "[":
                self._at += 1
                table = self._inside(self._key())
                self._note(table, line)
                self._at += 1
            else:
                self._read_pair(table)

    def _inside(self, key: Loc) -> Loc:
        """Place a table's name inside the last of the [[tables]] it belongs to."""
        place: Loc = ()
        for number, part in enumerate(key):
            place = (*place, part)
            if number < len(key) - 1 and place in self._tables_of:
                place = (*place, self._tables_of[place] - 1)
        return place

    def _read_pair(self, table: Loc) -> None:
        line = self._line_here()
        place = table + self._key()
        self._at += 1  # the =
        self._skip(_KEY_GAP)
        self._note(place, line)
        self._read_value(place)

    def _key(self) -> Loc:
        """Read a key, perhaps dotted, perhaps quoted, up to = or ]."""
        parts: list[str] = []
        while True:
            self._skip(_KEY_GAP)
            quoted = _STRING.match(self._text, self._at)
            match = quoted or _BARE.match(self._text, self._at)
            self._at = match.end()
            parts.append(_unquoted(match[0]) if quoted else match[0])
            self._skip(_KEY_GAP)
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _read_value(self, place: Loc) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening in "[{":
            self._at += 1
            number = 0
            while self._skip(_BLANK) < len(self._text) and self._text[self._at] not in "]}":
                if self._text[self._at] == ",":
                    self._at += 1
                elif opening == "{":
                    self._read_pair(place)
                else:
                    self._note((*place, number), self._line_here())
                    self._read_value((*place, number))
                    number += 1
            self._at += 1
        else:
            self._skip(_SCALAR)

    def _note(self, place: Loc, line: int) -> None:
        for depth in range(1, len(place) + 1):
            self._lines.setdefault(place[:depth], line)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        self._at = pattern.match(self._text, self._at).end()
        return self._at

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_at, self._at)
        self._counted_at = self._at
        return self._line


def _unquoted(text: str) -> str:
    """Take the quotes off a key; one with escapes is read as TOML reads it."""
    if text.startswith('"') and "\\" in text:
        return next(iter(tomllib.loads(f"{text} = 0")))
    return text[1:-1]
