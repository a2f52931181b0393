"""The errors that users see: one sentence each, and the exit code of the command."""

from collections.abc import Iterable
from difflib import get_close_matches


class RolloutError(Exception):
    """What went wrong, in one sentence: the name, the value, the rule and the next step."""

    exit_code: int = 70

    def __str__(self) -> str:
        """The sentence on one line."""
        return " ".join(super().__str__().split())


class WrongUse(RolloutError):
    """A wrong argument, a mistake in rollout.toml, a missing file."""

    exit_code = 2


class TookTooLong(WrongUse):
    """A query took longer than `[source].timeout`; one for fewer rows may not."""


class NotYetDue(RolloutError):
    """The window has not ended, or its slow calls are not written yet."""

    exit_code = 3


class DataNotTrusted(RolloutError):
    """The data quality is too poor for a verdict."""

    exit_code = 5


class StepFailed(RolloutError):
    """A preflight or smoke step failed."""

    exit_code = 6


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name most like an unknown one, to ask whether it was meant; case does not matter.

    >>> nearest_name("time_out_rate", ["error_rate", "timeout_rate"])
    'timeout_rate'
    """
    folded = {one.casefold(): one for one in sorted(known)}
    return folded[get_close_matches(name.casefold(), folded, n=1, cutoff=0.0)[0]]
