"""The outcome classes of a call: names, integer codes, and what a sentence calls them.

To add a class that ships, add it here and its rules to telemetry/error_classes.py.
"""

from __future__ import annotations

from collections.abc import Mapping

SUCCESS = "success"
TIMEOUT = "timeout"
ABORTED = "aborted"
OTHER = "other"
OUTCOME_CLASSES: Mapping[str, tuple[int, str]] = {
    SUCCESS: (0, "good answers"),
    TIMEOUT: (1, "timeouts"),
    "max_output_tokens": (2, "answers cut at the token limit"),
    "http_5xx": (3, "server errors (5xx)"),
    "rate_limit": (4, "rate-limit errors (429)"),
    "http_4xx": (5, "refused requests (4xx)"),
    "invalid_output": (6, "unusable answers"),
    "connection": (7, "connection errors"),
    OTHER: (8, "errors of no known class"),
    "quota": (9, "calls refused for lack of quota or credit"),
    ABORTED: (10, "calls aborted by the client"),
    "content_filter": (11, "answers withheld by a content filter"),
}
"""Name of each class -> its code, and the words for its calls."""
OUTCOME_CODES: Mapping[str, int] = {name: code for name, (code, _) in OUTCOME_CLASSES.items()}
"""Integer codes of the outcome classes, as sql/calls.sql writes them."""
FIRST_USER_CODE = 100
"""Code of the first `[[error_class]]` of rollout.toml; the others follow in the file's order."""


def user_codes(user_classes: tuple[str, ...]) -> dict[str, int]:
    """Codes of the user's classes, in the file's order."""
    return {name: FIRST_USER_CODE + index for index, name in enumerate(user_classes)}


def outcome_codes(user_classes: tuple[str, ...] = ()) -> dict[str, int]:
    """Name -> code of the shipped classes and the user's."""
    return {**OUTCOME_CODES, **user_codes(user_classes)}


def class_words(name: str) -> str:
    """What a sentence calls the errors of a class; a class of the user goes by its own name.

    >>> class_words("http_5xx"), class_words("quota_gone")
    ('server errors (5xx)', 'quota gone errors')
    """
    _, words = OUTCOME_CLASSES.get(name, (None, f"{name.replace('_', ' ')} errors"))
    return words
