"""Invented secrets and names, seeded, and a search that finds them in any encoding."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import random
import re
import string
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq

NAMES = {
    "Latin": "Wilhelmina Ostrzeniewska, Þórður Brjánsson, Anaïs Lefèvre-Quesnel, "
    "Jürgen Großkreutz, Nguyễn Thị Bích Hằng, Łucja Żółkiewska",
    "Cyrillic": "Анастасия Перепёлкина, Володимир Щербаченко, Светозар Ђурђевић, "
    "Мария Колоколцева, Богдан Хмелевский",
    "Greek": "Ευφροσύνη Παπαδοπούλου, Χαράλαμπος Ξενάκης, Θεοδώρα Μπουμπουλίνα, Ιφιγένεια Ζωγράφου",
    "Arabic": "عبد الرحمن الخوارزمي, فاطمة الزهراء بنجلون, محمد الغزاوي, نورالهدى السنوسي",
    "Hebrew": "אביגיל רוזנצווייג, יהונתן בן־שושן, שולמית גולדברג, נחמיה אוחיון",
    "Devanagari": "सरस्वती चट्टोपाध्याय, विक्रमादित्य राठौड़, मीनाक्षी त्रिपाठी, हर्षवर्धन कुलकर्णी",
    "Han and Hangul": "欧阳静怡, 司徒浩然, 長谷川美智子, 박지윤숙, 황보라미, 諸葛明德",
}
SCRIPTS = {script: tuple(names.split(", ")) for script, names in NAMES.items()}
_WORD = re.compile(r"\w{3,}")
_ESCAPED = re.compile(r"\\[uU]0*([0-9a-fA-F]{2,5})")
_COMMON_WORDS = frozenset({"example", "postgresql", "eyjhbgcioijiuzi1nij9"})
_KINDS = ("mail", "phone", "openai key", "aws key", "github token", "jwt", "bearer", "url", "iban")


class Planter:
    """Makes a new secret or name at each call and remembers it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._names = [name for names in SCRIPTS.values() for name in names]
        self.values: list[str] = []

    def name(self) -> str:
        """A person's name with random letters, so that each is unique."""
        name = self._names[len(self.values) % len(self._names)]
        return self._planted(f"{name} {self._letters(5, string.ascii_lowercase)}")

    def secret(self, kind: str | None = None) -> str:
        """A secret of that kind; of the next kind when None."""
        return self._planted(self._make(kind or _KINDS[len(self.values) % len(_KINDS)]))

    def either(self) -> str:
        """A name or a secret, alternating."""
        return self.name() if len(self.values) % 2 else self.secret()

    def _planted(self, value: str) -> str:
        self.values.append(value)
        return value

    def _make(self, kind: str) -> str:
        mixed, digits = string.ascii_letters + string.digits, string.digits
        if kind == "mail":
            first, last, host = (self._letters(n, string.ascii_lowercase) for n in (7, 6, 8))
            return f"{first}.{last}@{host}.example"
        if kind == "phone":
            return f"+49 {self._letters(3, '123456789')} {self._letters(8, digits)}"
        if kind == "openai key":
            return "sk-proj-" + self._letters(30, mixed) + "7"
        if kind == "aws key":
            return "AKIA" + self._letters(16, string.ascii_uppercase + digits)
        if kind == "github token":
            return "ghp_" + self._letters(36, mixed)
        if kind == "jwt":
            body = json.dumps({"sub": self._letters(12, mixed)}).encode()
            payload = base64.urlsafe_b64encode(body).decode().rstrip("=")
            return f"eyJhbGciOiJIUzI1NiJ9.{payload}.{self._letters(24, mixed)}"
        if kind == "bearer":
            return "Bearer " + self._letters(32, mixed) + "9"
        if kind == "url":
            user, password = self._letters(6, string.ascii_lowercase), self._letters(14, mixed)
            return f"postgresql://{user}:{password}@db.example/app"
        return self._iban()

    def _iban(self) -> str:
        account = self._letters(18, string.digits)
        check = 98 - int(account + "131400") % 97
        return f"DE{check:02d}{account}"

    def _letters(self, count: int, alphabet: str) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(count))


def found_in(content: str, values: Iterable[str]) -> list[str]:
    """The values in a text: whole, by one word, or by MD5; plain or as JSON, HTML or URL."""
    views, plain = _views(content), content.casefold()
    words = {word for view in views for word in _WORD.findall(view)}
    return [
        value
        for value in values
        if not words.isdisjoint(_identifying_words(value)) or value.casefold() in plain
    ]


def _views(content: str) -> set[str]:
    views = {content, _ESCAPED.sub(lambda match: chr(int(match[1], 16)), content)}
    views |= {html.unescape(view) for view in views} | {
        unquote(view) for view in views if "%" in view
    }
    return {view.casefold() for view in views}


@cache
def _identifying_words(value: str) -> frozenset[str]:
    """The words that occur only in this value, and its MD5."""
    words = {
        word
        for word in _WORD.findall(value.casefold())
        if word not in _COMMON_WORDS and (len(word) > 6 or not word.isascii())
    }
    return frozenset({*words, hashlib.md5(value.encode()).hexdigest()})


def texts_below(*folders: Path) -> Iterator[tuple[Path, str]]:
    """Every file and its name as text; of Parquet all columns and the footer, except tenants."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                yield (
                    path,
                    _parquet_text(content)
                    if content[:4] == b"PAR1" == content[-4:]
                    else content.decode("utf-8", "replace"),
                )
                yield path, str(path)


def _parquet_text(content: bytes) -> str:
    table = pq.read_table(io.BytesIO(content))
    columns = (str(table[name].to_pylist()) for name in table.column_names if name != "tenant")
    return "\n".join((*columns, str(table.schema.metadata)))
