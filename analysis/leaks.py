"""What must never be written: rules for secrets and personal data. The match is never reported.

Every pattern takes linear time: it starts at a literal that is rare in pages, its counts are
bounded, and a long run of characters is entered only at its beginning.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

_LABEL = r"[^\x00-,./:-@\[-`{-\x7f\s]"  # letters, digits and marks of every script, and -
_TLD = r"(?:xn--[0-9A-Za-z-]{2,59}|[A-Za-z]{2,24}(?![0-9A-Za-z])|[^\x00-\x7f\s]{2,24})"
_MAIL = re.compile(rf"@(?:{_LABEL}{{1,63}}\.){{1,8}}{_TLD}")
_MAIL_LOCAL = re.compile(r"[0-9A-Za-z_+.'\"-]|[^\x00-\x7f\s]")
_VERSION = re.compile(r"@v?[0-9]+(?:\.[0-9]+\.|x\.)")  # next@14.2.3-canary.abc, logo@2x.png
_FILE_ENDINGS = """
    css csv gz html ico ipynb jpeg jpg js json map min mjs parquet png svg toml txt whl yaml yml
"""
_NOT_A_DOMAIN = frozenset(_FILE_ENDINGS.split())  # in a name such as chart@5.min.js

_GAP = r"[^\S\r\n]?[().\-/]{0,2}[^\S\r\n]?"
_PHONE = re.compile(rf"\+\(?\d(?:{_GAP}\d){{7,20}}(?![\dA-Za-z_])")
_SIGNED_NUMBER = re.compile(r"\+\d+\.\d+")
_UNIT = re.compile(r"[\s\u00a0\u2009\u202f]?(?:%|ms\b|s\b|h\b|calls\b|tokens\b|rows\b|bytes\b)")
_WORD_OR_SUM = re.compile(r"[\dA-Za-z+_.)\]]\Z")  # what comes before the number
_CLOCK_TIME = re.compile(r":\d\d(?:\.\d+)?(?: \d{4})? ?\Z")  # an offset such as +1000 follows

_KEYS = {  # prefix of a key, at the beginning of a word -> the rest of it
    "sk-": re.compile(r"(?=[A-Za-z_-]{0,200}[0-9]|[A-Za-z]{20})[A-Za-z0-9_-]{16}"),
    "sk_": re.compile(r"(?:live|test)_[A-Za-z0-9]{10}"),
    "rk_": re.compile(r"(?:live|test)_[A-Za-z0-9]{10}"),
    **{f"A{kind}IA": re.compile(r"[A-Z0-9]{16}(?![A-Za-z0-9])") for kind in "KS"},
    **{f"gh{kind}_": re.compile(r"[A-Za-z0-9]{20}") for kind in "pousr"},
    "github_pat_": re.compile(r"[A-Za-z0-9_]{20}"),
    "glpat-": re.compile(r"[A-Za-z0-9_-]{16}"),
    "xox": re.compile(r"[a-z]-[A-Za-z0-9-]{10}"),
    "xapp-": re.compile(r"[A-Za-z0-9-]{10}"),
    "AIza": re.compile(r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    "npm_": re.compile(r"[A-Za-z0-9]{30}"),
    "hf_": re.compile(r"[A-Za-z0-9]{30}"),
    "whsec_": re.compile(r"[A-Za-z0-9]{24}"),
}
_JWT = re.compile(r"[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,4096}\.[A-Za-z0-9_-]{4}")
_BEARER = re.compile(r"[\s:=\"']{1,8}([A-Za-z0-9._~+/=-]{8,256})")
_RANDOM = re.compile(r"[0-9_~+/=]|[a-z][A-Z]|.{16}")  # not a word, as in "Bearer authentication"
_CREDENTIALS = re.compile(
    r"://(?:([^\s/?#@\"'<>]{1,256})@"
    r"|([^\s/?#@:\"'<>]{1,128}:(?![0-9]{1,5}[/?#])[^\s@\"'<>]{1,256})@)"
)
_VARIABLES = re.compile(r"(?:\$\{[A-Za-z0-9_]*\}:?)+")  # ${USER}:${PASSWORD}

_IBAN = re.compile(r"[A-Z][A-Z][0-9][0-9]")
_WORD_BEFORE = re.compile(r"[0-9A-Za-z]\Z")
_IBAN_COUNTRIES = """
    NO15 BE16 DK18 FI18 FK18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20
    XK20 CH21 HR21 LI21 LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23
    IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25
    IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28
    NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33
"""
_IBAN_LENGTH = {entry[:2]: int(entry[2:]) for entry in _IBAN_COUNTRIES.split()}

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
# not &amp; &lt; &gt; &quot;, which hide nothing
_ENTITY = re.compile(r"&(?:#(?!39;|34;|x27;)|[cpnslzh][a-z]{3})")
_INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"  # CSI: colours, moves of the cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])"  # OSC, DCS, SOS, PM, APC up to their end
    r"[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
)
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)"
)
LONGEST_NAME = 120
_LOOKALIKES = {
    "-": "\u2010\u2011\u2013\uff0d",
    "@": "\uff20\ufe6b",
    "+": "\uff0b",
    ".": "\u3002\uff0e\uff61",
    ":": "\uff1a",
}
"""ASCII character -> characters that look like it."""


def find_leak(text: str) -> str | None:
    """The name of the first rule that a text breaks, or None."""
    return next((rule for view in _views(text) for rule, breaks in _RULES if breaks(view)), None)


def without_controls(text: str) -> str:
    r"""A text without C0, C1 and bidi control characters and without terminal sequences.

    Line breaks and tabs stay.

    >>> without_controls("a\x1b[2Jb\x1b]0;title\x07c\u202ed\n")
    'abcd\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _SEQUENCE.sub("", text)) if _CONTROL.search(text) else text


def display_name(name: str) -> str:
    r"""A name from the data as it is shown: one line, never empty, not too long.

    >>> display_name("mail\x1b[2J\n"), display_name("  "), display_name("")
    ('mail', '(blank name)', '(empty name)')
    """
    shown = " ".join(without_controls(name).split())
    if not shown:
        return "(blank name)" if name else "(empty name)"
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}…"


def quote(value: object, *, longest: int = 60) -> str:
    """A value as an error message quotes it: shortened, or hidden when it breaks a rule.

    >>> quote("4 hours"), quote("postgresql://anna:secret@db/app")
    ("'4 hours'", '(hidden: URL with credentials)')
    """
    text = str(value)
    if rule := find_leak(text):
        return f"(hidden: {rule})"
    short = text if len(text) <= longest else text[:longest] + "..."
    return repr(short) if isinstance(value, str) else short


def _views(text: str) -> Iterator[str]:
    """The text as a reader of JSON, HTML or a URL sees it; again without invisible characters."""
    for escape in ("\\n", "\\r", "\\t"):
        if escape in text:
            text = text.replace(escape, "  ")
    if "\\u" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if _ENTITY.search(text):
        text = html.unescape(text)
    if "%40" in text or "%2B" in text or "%2b" in text:
        text = unquote(text)
    for plain, characters in _LOOKALIKES.items():
        for character in characters:
            text = text.replace(character, plain)
    yield text
    if not text.isascii() and any(character in text for character in _INVISIBLE):
        yield text.translate(dict.fromkeys(map(ord, _INVISIBLE)))


def _beginnings(text: str, prefix: str) -> Iterator[int]:
    """Where the rest of each word with the prefix begins."""
    at = text.find(prefix)
    while at >= 0:
        before = text[at - 1] if at else " "
        if not (before.isascii() and (before.isalnum() or before in "_-")):
            yield at + len(prefix)
        at = text.find(prefix, at + len(prefix))


def _has_mail(text: str) -> bool:
    return any(_is_mail(text, match) for match in _MAIL.finditer(text))


def _is_mail(text: str, match: re.Match[str]) -> bool:
    """Whether it is an address: not a decorator, the version of a package or an image's name."""
    at = match.start()
    if at == 0 or not _MAIL_LOCAL.match(text[at - 1]):
        return False
    domain = match[0]
    while domain.rpartition(".")[2].lower() in _NOT_A_DOMAIN:
        domain = domain.rpartition(".")[0]  # anna@example.com.html has one, logo@dark.svg none
    return not _VERSION.match(text, at) and _MAIL.fullmatch(domain) is not None


def _has_phone(text: str) -> bool:
    return "+" in text and any(_is_phone(text, match) for match in _PHONE.finditer(text))


def _is_phone(text: str, match: re.Match[str]) -> bool:
    """Whether it is a number to call: not base64, a time zone or a difference with its unit."""
    before = text[max(0, match.start() - 12) : match.start()]
    digits = [int(character) for character in match[0] if character.isdecimal()]
    return not (
        len(digits) > 15
        or digits[0] == 0
        or _WORD_OR_SUM.search(before)
        or _CLOCK_TIME.search(before)
        or _SIGNED_NUMBER.fullmatch(match[0])
        or _UNIT.match(text, match.end())
    )


def _has_key(text: str) -> bool:
    if "PRIVATE KEY-----" in text:
        return True
    return any(
        rest.match(text, at) for prefix, rest in _KEYS.items() for at in _beginnings(text, prefix)
    )


def _has_jwt(text: str) -> bool:
    return any(_JWT.match(text, at) for at in _beginnings(text, "eyJ"))


def _has_bearer(text: str) -> bool:
    starts = (at for word in ("Bearer", "bearer", "BEARER") for at in _beginnings(text, word))
    return any((token := _BEARER.match(text, at)) and _RANDOM.search(token[1]) for at in starts)


def _has_credentials(text: str) -> bool:
    return any(
        not _VARIABLES.fullmatch(match[1] or match[2]) for match in _CREDENTIALS.finditer(text)
    )


def _has_iban(text: str) -> bool:
    return any(_is_iban(text, match.start()) for match in _IBAN.finditer(text))


def _is_iban(text: str, start: int) -> bool:
    """Check the length and the remainder of 97 (ISO 13616)."""
    length = _IBAN_LENGTH.get(text[start : start + 2])
    if length is None or _WORD_BEFORE.search(text, max(0, start - 1), start):
        return False
    run = re.match(
        rf"(?:[ \u00a0]?[A-Z0-9]){{{length}}}(?![A-Za-z0-9])", text[start : start + 3 * length]
    )
    if run is None:
        return False
    number = re.sub(r"[ \u00a0]", "", run[0])
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("URL with credentials", _has_credentials),
    ("e-mail address", _has_mail),
    ("JWT", _has_jwt),
    ("bearer token", _has_bearer),
    ("key", _has_key),
    ("IBAN", _has_iban),
    ("phone number", _has_phone),
)
