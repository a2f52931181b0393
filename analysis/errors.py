"""The errors a user may see: one clear sentence each, and the exit code of the command that met it."""


class RolloutError(Exception):
    """What went wrong in one sentence: what, which value, which rule, what next."""

    exit_code: int = 70

    def __str__(self) -> str:
        """Return the sentence on one line, whatever the parts were."""
        return " ".join(super().__str__().split())


class WrongUse(RolloutError):
    """A wrong argument, a mistake in rollout.toml, a file that is not there."""

    exit_code = 2


class TookTooLong(WrongUse):
    """A query met `[source].timeout`; a smaller piece of its rows may not."""


class NotYetDue(RolloutError):
    """The window has not ended yet, or its slow calls are not written yet."""

    exit_code = 3


class DataNotTrusted(RolloutError):
    """The data cannot carry a verdict."""

    exit_code = 5


class StepFailed(RolloutError):
    """A preflight or smoke step failed."""

    exit_code = 6
