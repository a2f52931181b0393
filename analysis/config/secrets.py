"""Refuse secrets that stand in rollout.toml in clear, before anything else looks at it. The value is never told."""

import re
from collections.abc import Iterator
from typing import Any

from analysis.config.kinds import VARIABLE
from analysis.config.lines import Loc
from analysis.config.mistakes import Mistake
from analysis.leaks import find_leak

_SECRET_WORD = re.compile(
    r"(?:^|[-_.])(?:auth|authorization|bypass|cookie|credentials?|key|passwd|pwd|sig)(?:$|[-_.])"
    r"|(?:token|secret|password|apikey|signature)s?(?:$|[-_.])",
    re.IGNORECASE,
)
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-language", "content-type", "referer", "user-agent"}
)
_LOOKS_RANDOM = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_+/=.-]{20,}")
_SCHEME = re.compile(r"\s*(?:Bearer|Basic|Token|ApiKey|Digest)?\s*", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([^=&;#\s]{1,100})=([^&;#\s]*)")
_ASSIGNMENT = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_]{0,99})=(?![\"']?\$)[^\s]")
_PERSONAL = ("e-mail address", "phone number", "IBAN")
_OWN_RULE = ("url_env", "token_env")  # the rule of these keys says it better
_MENDS = {
    "source": "keep it in an environment variable and write that variable's NAME as url_env",
    "deployment": "keep it in an environment variable and write that variable's NAME as token_env",
    "smoke": "keep it in an environment variable and write ${NAME} here",
    "preflight": "set it in the environment of this command instead",
}


def secret_mistakes(content: dict[str, Any]) -> Iterator[Mistake]:
    """Find every text that is or holds a secret: by its shape, its key, as a header or as a parameter."""
    for place, text, is_key in _texts(content, ()):
        if place and place[-1] in _OWN_RULE:
            continue
        rule = find_leak(text)
        if rule in _PERSONAL:
            problem = f"holds what looks like personal data (rule: {rule}); it would stand in outputs, take it out"
            yield Mistake(place, problem, with_value=False)
        elif (
            what := f"a secret in clear (rule: {rule})"
            if rule
            else not is_key and _secret(place, text)
        ):
            mend = _MENDS.get(str(place[0]), "keep it out of this file")
            yield Mistake(place, f"holds {what}; {mend}", with_value=False)


def _secret(place: Loc, text: str) -> str | None:
    """Say what kind of secret a text holds because of where it stands."""
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    clear = VARIABLE.sub("", text)
    if (
        "headers" in place[:-1]
        and _SECRET_WORD.search(key)
        and _SCHEME.sub("", clear, count=1).strip()
    ):
        return "a header's secret in clear"
    if (
        "headers" in place[:-1]
        and key.lower() not in _HARMLESS_HEADERS
        and _LOOKS_RANDOM.search(clear)
    ):
        return "a header that looks like a secret in clear"
    if "body" in place[:-1] and _SECRET_WORD.search(key) and clear.strip():
        return "a secret in clear"
    if "://" in text and any(
        _SECRET_WORD.search(name) and value for name, value in _PARAMETER.findall(clear)
    ):
        return "a secret as a parameter of its URL"
    if key == "run" and any(_SECRET_WORD.search(name) for name in _ASSIGNMENT.findall(text)):
        return "a secret in clear"
    return None


def _texts(value: Any, place: Loc) -> Iterator[tuple[Loc, str, bool]]:
    """Yield every text of the file with its place, and whether it is a key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*place, key), key, True
            yield from _texts(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*place, number))
    elif isinstance(value, str):
        yield place, value, False
