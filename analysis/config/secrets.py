"""Refuse secrets that stand in rollout.toml in clear, before anything else looks at it. The value is never told."""

import re
from collections.abc import Iterator
from typing import Any

from analysis.config.kinds import VARIABLE
from analysis.config.lines import Loc
from analysis.config.mistakes import Mistake
from analysis.leaks import scan

_SECRET_WORD = re.compile(
    r"(?:^|[-_.])(?:authorization|auth|token|secret|password|passwd|pwd|cookie|credentials?|signature|sig|(?:api|access|private)?[-_]?key)"
    r"(?:$|[-_.])|(?:token|secret|password|apikey|signature)$",
    re.IGNORECASE,
)
_HEADER_SCHEME = re.compile(r"\s*(?:Bearer|Basic|Token|ApiKey|Digest)?\s*", re.IGNORECASE)
_QUERY = re.compile(r"[?&;]([^=&;#\s]{1,100})=([^&;#\s]*)")
_MEND = "keep it in an environment variable and write ${NAME} here"


def secret_mistakes(content: dict[str, Any]) -> Iterator[Mistake]:
    """Find every text that is or holds a secret: by its shape, as a header, or as a parameter of a URL."""
    for place, key, text in _texts(content, ()):
        rule = scan(text)
        if "url_env" in place or "token_env" in place:
            continue  # their own rule says it better
        if rule in ("e-mail address", "phone number", "IBAN"):
            yield Mistake(
                place,
                f"holds what looks like personal data (rule: {rule}); it would stand in outputs, write another text",
            )
        elif rule:
            yield Mistake(place, f"holds a secret in clear (rule: {rule}); {_MEND}")
        elif len(place) > 1 and place[-2] == "headers" and _SECRET_WORD.search(key) and _is_clear(text):
            yield Mistake(place, f"holds the header's secret in clear; {_MEND}")
        elif (
            any(_SECRET_WORD.search(name) and _is_clear(value) for name, value in _QUERY.findall(text))
            and "://" in text
        ):
            yield Mistake(place, f"holds a secret as a parameter of its URL; {_MEND}")


def _texts(value: Any, place: Loc) -> Iterator[tuple[Loc, str, str]]:
    """Yield place, key and text of every text in the file, and of every key that is a secret itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            if scan(key):
                yield (*place, key), "", key
            yield from _texts(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*place, number))
    elif isinstance(value, str):
        yield place, next((str(part) for part in reversed(place) if isinstance(part, str)), ""), value


def _is_clear(text: str) -> bool:
    """Tell whether anything but the scheme's word is left when the variables are taken out."""
    return bool(_HEADER_SCHEME.sub("", VARIABLE.sub("", text), count=1).strip())
