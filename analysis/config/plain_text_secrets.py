"""Refuse secrets in plain text in rollout.toml, before anything else reads it.

The value is never shown.
"""

import re
from collections.abc import Iterator
from typing import Any

from analysis.config.checked_toml.key_lines import Place
from analysis.config.checked_toml.mistake import Mistake
from analysis.config.checked_toml.value_types import VARIABLE
from analysis.leaks import find_leak

_SECRET_WORD = re.compile(
    r"(?:^|[-_.])(?:auth|authorization|bypass|cookie|credentials?|key|passwd|pwd|sig)(?:$|[-_.])"
    r"|(?:token|secret|password|apikey|signature)s?(?:$|[-_.])",
    re.IGNORECASE,
)
_HARMLESS_HEADERS = {"accept", "accept-language", "content-type", "referer", "user-agent"}
_LOOKS_RANDOM = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_+/=.-]{20,}")
_SCHEME = re.compile(r"\s*(?:Bearer|Basic|Token|ApiKey|Digest)?\s*", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([^=&;#\s]{1,100})=([^&;#\s]*)")
_ASSIGNMENT = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_]{0,99})=(?![\"']?\$)[^\s]")
_PERSONAL = ("e-mail address", "phone number", "IBAN")
_CHECKED_BY_TYPE = ("url_env", "token_env")  # the type of these keys has the better sentence
_FIXES = {
    "source": "keep it in an environment variable and write that variable's NAME as url_env",
    "deployment": "keep it in an environment variable and write that variable's NAME as token_env",
    "smoke": "keep it in an environment variable and write ${NAME} here",
    "preflight": "set it in the environment of this command instead",
}


def secret_mistakes(content: dict[str, Any]) -> Iterator[Mistake]:
    """Find every text that is a secret by its shape, its key, or as a header or URL parameter."""
    for place, text, is_key in _texts(content, ()):
        if place[-1] in _CHECKED_BY_TYPE:
            continue
        rule = find_leak(text)
        if rule in _PERSONAL:
            problem = f"contains what looks like personal data (rule: {rule}); remove it, "
            yield Mistake(place, problem + "it would appear in the outputs", shows_value=False)
        elif rule or (not is_key and _is_secret(place, text)):
            by_rule = f" (rule: {rule})" if rule else ""
            fix = _FIXES.get(str(place[0]), "keep it out of this file")
            problem = f"contains a secret in plain text{by_rule}; {fix}"
            yield Mistake(place, problem, shows_value=False)


def _is_secret(place: Place, text: str) -> bool:
    """Whether a text is a secret because of where it stands."""
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    clear = VARIABLE.sub("", text)
    if "headers" in place[:-1]:
        if _SECRET_WORD.search(key) and _SCHEME.sub("", clear, count=1).strip():
            return True
        if key.lower() not in _HARMLESS_HEADERS and _LOOKS_RANDOM.search(clear):
            return True
    if "body" in place[:-1] and _SECRET_WORD.search(key) and clear.strip():
        return True
    if key == "run" and any(map(_SECRET_WORD.search, _ASSIGNMENT.findall(text))):
        return True
    parameters = _PARAMETER.findall(clear) if "://" in text else ()
    return any(value and _SECRET_WORD.search(name) for name, value in parameters)


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str, bool]]:
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
