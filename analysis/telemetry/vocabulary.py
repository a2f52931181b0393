"""The words by which an unknown error message may be shown; the message stays in the database.

A signature is the sum of the bits of its words, one integer, so there are at most 62 words.
"""

from __future__ import annotations

from analysis.telemetry.statements import Relation

WORDS = """
    aborted access api argument authentication authorization bad billing body cancelled certificate
    closed connection content context credit deadline denied deprecated disconnected dns empty error
    exceeded expired failed fetch filter forbidden gateway handshake header host input internal
    invalid key length limit loop maximum missing model network not null overloaded parse permission
    proxy quota refused request reset response schema server socket stream timeout
""".split()  # noqa: SIM905


def vocabulary() -> Relation:
    """The words with one bit each, as sql/signatures.sql joins them."""
    return Relation(
        {"word": "TEXT", "bit": "BIGINT"}, [(word, 1 << bit) for bit, word in enumerate(WORDS)]
    )


def signature(words: int) -> str:
    """The words of a sum of bits, in alphabetical order.

    >>> signature((1 << WORDS.index("socket")) + (1 << WORDS.index("closed")))
    'closed … socket'
    """
    found = [word for bit, word in enumerate(WORDS) if words >> bit & 1]
    return " \N{HORIZONTAL ELLIPSIS} ".join(found) or "(no known word)"
