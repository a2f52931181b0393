"""Types of command-line options."""

import argparse
from collections.abc import Callable, Collection


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def some_of(names: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """A comma-separated choice of `names`."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        return chosen

    return parse
