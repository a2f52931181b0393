"""From rollout.toml to frozen settings, or to one sentence with the line and the fix."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.config.cross_key_rules import cross_key_mistakes
from analysis.config.key_lines import KeyLines
from analysis.config.mistake import Mistake, first_sentence
from analysis.config.plain_text_secrets import secret_mistakes
from analysis.config.settings import Claim, FileContents, Settings
from analysis.config.validation_errors import validation_mistakes
from analysis.errors import WrongUse
from analysis.leaks import find_leak, quote
from analysis.metrics import known_metrics

_LARGEST_FILE = 1_000_000
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_settings(path: Path | str) -> Settings:
    """Read rollout.toml, check all of it and freeze it. No database is opened.

    Raises WrongUse for the mistake that comes first in the file, and says how many more there are.
    """
    path = Path(path)
    file = _quoted_name(path)
    text = _read(path, file)
    content = _parse(text, file)
    contents = _validate(content, text, file)
    return Settings.model_construct(
        **{
            **dict(contents),
            "expectations": tuple(map(_with_complete_parts, contents.expectations)),
            "guardrails": tuple(map(_with_complete_parts, contents.guardrails)),
            "path": path,
            "folder": path.resolve().parent,
        }
    )


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            raw = opened.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise WrongUse(
            f"{file} does not exist; write one with 'rollout init', "
            "or name yours with --config (config in a notebook)"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise WrongUse(
            f"{file} cannot be read ({reason}); name a rollout.toml with --config"
        ) from None
    if len(raw) > _LARGEST_FILE:
        raise WrongUse(
            f"{file} is larger than {_LARGEST_FILE:,} bytes and cannot be a rollout.toml; "
            "name yours with --config"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise WrongUse(f"{file}, line {line}: is not UTF-8 text; save the file as UTF-8") from None


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise WrongUse(f"{file} is nested too deeply; write it as the example does") from None
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        where = _AT.search(str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        reason = str(error)[: where.start()] if where else "a value that cannot be read"
        raise WrongUse(
            f"{file}, line {line}: is not valid TOML ({reason}); fix that line"
        ) from None


def _validate(content: dict[str, Any], text: str, file: str) -> FileContents:
    """Check secrets, then keys and values, then rules across keys: each needs the one before."""
    mistakes: list[Mistake] = list(secret_mistakes(content))
    if not mistakes:
        try:
            contents = FileContents.model_validate(content)
        except ValidationError as error:
            mistakes = list(validation_mistakes(error, FileContents))
        else:
            mistakes = list(cross_key_mistakes(contents, known_metrics(contents.class_names)))
    if mistakes:
        raise WrongUse(first_sentence(mistakes, file=file, lines=KeyLines(text), content=content))
    return contents


def _with_complete_parts(claim: Claim) -> Claim:
    """Give the parts of any_of the name, feature and source of their claim."""
    whole = {"name": claim.name, "feature": claim.feature, "source": claim.source}
    parts = tuple(
        part.model_copy(update={key: getattr(part, key) or value for key, value in whole.items()})
        for part in claim.any_of
    )
    return claim.model_copy(update={"any_of": parts})


def _quoted_name(path: Path) -> str:
    """Name the file as the user did; a URL given as a path (which has one slash) is hidden."""
    text = str(path)
    url = text.replace(":/", "://")
    name = quote(url if find_leak(url) else text, longest=200)
    return name[1:-1] if name.startswith("'") else name
