"""starter.toml: what `rollout init` writes, and where error messages find their examples."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from analysis.errors import WrongUse
from analysis.files import write_text
from analysis.leaks import find_leak, quote

STARTER_FILE = Path(__file__).with_name("starter.toml")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def write_starter(path: Path, *, force: bool = False) -> None:
    """Write the starter file; an existing file is replaced only by force."""
    if path.exists() and not force:
        raise WrongUse(
            f"{quote(path.name)} exists already; "
            "use --force to replace it, or --config for another name"
        )
    write_text(path, starter_text(path.resolve().parent.name, os.environ))


def starter_text(folder: str, environment: Mapping[str, str]) -> str:
    """Fill in the folder's name, and the NAME of a variable that holds a PostgreSQL URL."""
    text = read_starter()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder).strip("-._")[:64]
    if name and not find_leak(name):
        text = _replace_value(text, "name", "my-rollout", name)
    if variable := _url_variable(environment):
        text = _replace_value(text, "url_env", "DATABASE_URL", variable)
    return text


@cache
def read_starter() -> str:
    """The text of starter.toml."""
    return STARTER_FILE.read_text(encoding="utf-8")


def _url_variable(environment: Mapping[str, str]) -> str | None:
    """The variable with a PostgreSQL URL, DATABASE_URL first; None where there is none."""
    variables = [
        name
        for name, value in environment.items()
        if value.startswith(("postgres://", "postgresql")) and _VARIABLE_NAME.fullmatch(name)
    ]
    return min(variables, key=lambda name: (name != "DATABASE_URL", name), default=None)


def _replace_value(text: str, key: str, old: str, new: str) -> str:
    """Replace the value of a key, its comment stays in the same column."""
    return text.replace(f'{key} = "{old}"'.ljust(33), f'{key} = "{new}" '.ljust(33), 1)
