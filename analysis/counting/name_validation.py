"""A claim about a feature or source that nobody has ever called is a misspelling, not a claim without data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from analysis.counting.load import Arm
from analysis.errors import WrongUse
from analysis.leaks import quote
from analysis.telemetry.engines import Engine

if TYPE_CHECKING:
    from analysis.config.settings import Claim


def check_names(claims: Iterable[Claim], arms: Sequence[Arm], engine: Engine) -> None:
    """Refuse a feature or source without * that neither the arms nor any other row of the table has.

    Raises WrongUse with the nearest name there is. The table is asked only when the arms do not know a name.
    """
    named = list(_named(claims))
    known = {key: _in_arms(arms, key) for key in ("feature", "source")}
    if all(name in known[key] for _, key, name in named):
        return
    rows = engine.fetch(engine.queries.statement("known_names", {}))
    known = {key: known[key] | set(rows[key].dropna().astype(str)) for key in known}
    for claim, key, name in named:
        if known[key] and name not in known[key]:
            raise WrongUse(_sentence(claim, key, name, sorted(known[key])))


def _named(claims: Iterable[Claim]) -> Iterator[tuple[str, str, str]]:
    """Every name that is no pattern: its claim, whether it is a feature or a source, and itself."""
    for claim in claims:
        for part in claim.any_of or (claim,):
            for key, name in (("feature", part.feature), ("source", part.source)):
                if name is not None and "*" not in name:
                    yield claim.name, key, name


def _in_arms(arms: Sequence[Arm], key: str) -> set[str]:
    return {str(name) for arm in arms for name in arm.hourly.rows[key].dropna().unique()}


def _sentence(claim: str, key: str, name: str, known: list[str]) -> str:
    folded = {one.casefold(): one for one in known}
    near = folded[get_close_matches(name.casefold(), folded, n=1, cutoff=0.0)[0]]
    return f"{quote(claim)}: {key} {quote(name)} is found nowhere in the table; did you mean {quote(near)}? Mend it, or use a pattern"
