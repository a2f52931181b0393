"""A TOML file that is checked against a schema; each mistake is one sentence with line and fix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from analysis.config.checked_toml.key_lines import KeyLines
from analysis.config.checked_toml.mistake import Mistake, first_sentence
from analysis.config.checked_toml.validation_errors import validation_mistakes
from analysis.config.checked_toml.value_types import TomlTable
from analysis.errors import WrongUse

_LARGEST_FILE = 1_000_000
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
Schema = TypeVar("Schema", bound=TomlTable)


@dataclass(frozen=True)
class TomlFile:
    """A file that was read and parsed.

    Attributes
    ----------
    name : the file as messages name it.
    text, content : what it contains, as text and parsed.
    """

    name: str
    text: str
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path, name: str, *, advice: str) -> TomlFile:
        """Read and parse a file.

        Raises FileNotFoundError, and WrongUse with `advice` where it is the wrong file.
        """
        try:
            with path.open("rb") as opened:
                raw = opened.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            raise WrongUse(f"{name} cannot be read ({reason}); {advice}") from None
        if len(raw) > _LARGEST_FILE:
            raise WrongUse(f"{name} is larger than {_LARGEST_FILE:,} bytes; {advice}")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise WrongUse(
                f"{name}, line {line}: is not UTF-8 text; save the file as UTF-8"
            ) from None
        return cls(name, text, _parse(text, name))

    def validated(self, schema: type[Schema]) -> Schema:
        """The content as an object of the schema; WrongUse for the first mistake."""
        try:
            return schema.model_validate(self.content)
        except ValidationError as error:
            raise self.error(validation_mistakes(error, self.content, schema)) from None

    def error(self, mistakes: Sequence[Mistake]) -> WrongUse:
        """The error for the mistake that comes first in the file."""
        lines = KeyLines(self.text)
        return WrongUse(first_sentence(mistakes, file=self.name, lines=lines, content=self.content))


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise WrongUse(f"{name} is nested too deeply; write it as the example does") from None
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        where = _AT.search(str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        reason = str(error)[: where.start()] if where else "a value that cannot be read"
        raise WrongUse(
            f"{name}, line {line}: is not valid TOML ({reason}); fix that line"
        ) from None
