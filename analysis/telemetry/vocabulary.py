"""The words an unknown error message may be shown by. Everything else in it is blanked: the message never leaves the database.

At most 62 words: a signature is the sum of their bits, one integer.
"""

from __future__ import annotations

from analysis.telemetry.queries import Relation

WORDS = (  # noqa: SIM905
    "aborted access api argument authentication authorization bad billing body cancelled certificate closed connection content "
    "context credit deadline denied deprecated disconnected dns empty error exceeded expired failed fetch filter forbidden gateway "
    "handshake header host input internal invalid key length limit loop maximum missing model network not null overloaded parse "
    "permission proxy quota refused request reset response schema server socket stream timeout"
).split()[:62]


def vocabulary() -> Relation:
    """The words with one bit each, to be joined by sql/signatures.sql."""
    return Relation(
        {"word": "TEXT", "bit": "BIGINT"}, [(word, 1 << index) for index, word in enumerate(WORDS)]
    )


def signature(words: int) -> str:
    """The words of a sum of bits, in alphabetical order; a dash when none was found.

    >>> signature((1 << WORDS.index("socket")) + (1 << WORDS.index("closed")))
    'closed … socket'
    """
    found = [word for index, word in enumerate(WORDS) if words >> index & 1]
    return " \N{HORIZONTAL ELLIPSIS} ".join(found) or "(no known word)"
