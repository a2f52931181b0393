"""Keys that are read only with some values of another key, and keys that a value needs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analysis.config.checked_toml.key_lines import Place
from analysis.config.checked_toml.mistake import Mistake
from analysis.config.checked_toml.value_types import TomlTable


class KeyOwner(NamedTuple):
    """A key that is read only where another key has one of these values."""

    key: str
    selector: str
    values: tuple[str, ...]


class Need(NamedTuple):
    """One of these keys must be given where another key has this value."""

    selector: str
    value: str
    keys: tuple[str, ...]
    example: str


def owned_key_mistakes(
    place: Place, entry: TomlTable, *, owners: Sequence[KeyOwner], needs: Sequence[Need]
) -> Iterator[Mistake]:
    """Check that an entry has the keys that its values need, and none that they do not read."""
    given = entry.model_fields_set
    for need in needs:
        if getattr(entry, need.selector) == need.value and not given & {*need.keys}:
            keys = " or ".join(need.keys)
            problem = f"has {need.selector} = {need.value!r} but no {keys}; add {need.example}"
            yield Mistake(place, problem)
    for owner in owners:
        value = getattr(entry, owner.selector)
        if owner.key in given and value not in owner.values:
            values = " or ".join(map(repr, owner.values))
            problem = f"goes with {owner.selector} = {values}, not {value!r}; remove it"
            yield Mistake((*place, owner.key), problem)
