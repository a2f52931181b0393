"""A claim about a feature or source that the table does not have is a typing mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analysis.config.settings import Claim
from analysis.counting.arm import Arm
from analysis.errors import WrongUse, nearest_name
from analysis.leaks import quote
from analysis.telemetry.engines import Engine


def check_names(claims: Iterable[Claim], arms: Sequence[Arm], engine: Engine) -> None:
    """Refuse a feature or source without * that neither the arms nor the whole table have.

    Raises WrongUse with the nearest known name. The table is queried only for a name that the
    arms do not have.
    """
    claimed = list(_claimed_names(claims))
    known = {key: _names_in(arms, key) for key in ("feature", "source")}
    if all(name in known[key] for _, key, name in claimed):
        return
    rows = engine.fetch(engine.queries.statement("features_and_sources", {}))
    for key, names in known.items():
        names |= set(rows[key].dropna().astype(str))
    for claim, key, name in claimed:
        if known[key] and name not in known[key]:
            raise WrongUse(
                f"{quote(claim)}: {key} {quote(name)} is not in the table; "
                f"did you mean {quote(nearest_name(name, known[key]))}? "
                "Correct it, or use a pattern"
            )


def _claimed_names(claims: Iterable[Claim]) -> Iterator[tuple[str | None, str, str]]:
    """The claim, ``feature`` or ``source``, and the name, for each name that is not a pattern."""
    for claim in claims:
        for part in claim.parts:
            for key, name in (("feature", part.feature), ("source", part.source)):
                if name is not None and "*" not in name:
                    yield claim.name, key, name
        yield from ((claim.name, "feature", name) for name in claim.exceptions if "*" not in name)


def _names_in(arms: Sequence[Arm], key: str) -> set[str]:
    return {str(name) for arm in arms for name in arm.hourly.rows[key].dropna().unique()}
