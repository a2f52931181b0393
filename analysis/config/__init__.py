"""From rollout.toml to frozen settings, or one sentence: file, line, key, value, the rule it breaks, the mend."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.config.lines import KeyLines
from analysis.config.mistakes import Mistake, pydantic_mistakes, sentence
from analysis.config.rules import broken_rules
from analysis.config.secrets import secret_mistakes
from analysis.config.settings import CRON_BUDGET_MS, Claim, Contents, Settings
from analysis.errors import WrongUse
from analysis.leaks import find_leak, quote
from analysis.metrics import known_metrics

__all__ = ["Claim", "Settings", "load_settings"]

_LONGEST_FILE = 1_000_000
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_settings(path: Path | str) -> Settings:
    """Read rollout.toml, check all of it and freeze it. No database is opened.

    Raises WrongUse for the mistake that stands first in the file, and says how many more there are.
    """
    path = Path(path)
    text = _read(path)
    content = _parse(path, text)
    contents, mistakes = _validate(content)
    if mistakes:
        raise WrongUse(sentence(mistakes, file=_file(path), lines=KeyLines(text), content=content))
    return _settled(contents, path)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST_FILE + 1)
    except FileNotFoundError:
        raise WrongUse(
            f"{_file(path)} does not exist; write one with 'rollout init', or name yours with --config (config in a notebook)"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise WrongUse(
            f"{_file(path)} cannot be read ({reason}); name a rollout.toml with --config"
        ) from None
    if len(raw) > _LONGEST_FILE:
        raise WrongUse(
            f"{_file(path)} is larger than {_LONGEST_FILE:,} bytes, which no rollout.toml is; name yours with --config"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise WrongUse(
            f"{_file(path)}, line {line}: is not UTF-8 text; save the file as UTF-8"
        ) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise WrongUse(
            f"{_file(path)} is nested too deeply; write it as the example does"
        ) from None
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        where = _AT.search(str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        reason = str(error)[: where.start()] if where else "a value that cannot be read"
        raise WrongUse(
            f"{_file(path)}, line {line}: is not valid TOML ({reason}); mend that line"
        ) from None


def _validate(content: dict[str, Any]) -> tuple[Contents | None, list[Mistake]]:
    """Check secrets first, then keys and types, then the rules across keys: each needs the one before."""
    if mistakes := list(secret_mistakes(content)):
        return None, mistakes
    try:
        contents = Contents.model_validate(content)
    except ValidationError as error:
        return None, list(pydantic_mistakes(error, Contents))
    metrics = known_metrics(tuple(error_class.name for error_class in contents.error_classes))
    return contents, list(broken_rules(contents, metrics))


def _settled(contents: Contents, path: Path) -> Settings:
    """Fill in what follows from other keys, and where the file lies."""
    values: Mapping[str, Any] = dict(contents)
    rollout = contents.rollout.model_copy(
        update={"title": contents.rollout.title or contents.rollout.name}
    )
    return Settings.model_construct(
        **{
            **values,
            "rollout": rollout,
            "expectations": tuple(_settled_claim(claim) for claim in contents.expectations),
            "guardrails": tuple(_settled_claim(claim) for claim in contents.guardrails),
            "path": path,
            "folder": path.resolve().parent,
        }
    )


def _settled_claim(claim: Claim) -> Claim:
    """Give the parts of any_of their claim's name, feature and source, and the cron its budget."""
    whole = {"name": claim.name, "feature": claim.feature, "source": claim.source}
    parts = tuple(
        _settled_claim(
            part.model_copy(
                update={key: getattr(part, key) or value for key, value in whole.items()}
            )
        )
        for part in claim.any_of
    )
    budget_ms = claim.budget_ms
    metric = known_metrics().get(claim.metric or "")
    if budget_ms is None and metric is not None and metric.claim_key == "budget_ms":
        budget_ms = CRON_BUDGET_MS
    return claim.model_copy(update={"any_of": parts, "budget_ms": budget_ms})


def _file(path: Path) -> str:
    """Name the file as the user did; a URL given as one is hidden, though a path has one slash where it has two."""
    text = str(path)
    name = quote(
        text.replace(":/", "://") if find_leak(text.replace(":/", "://")) else text, longest=200
    )
    return name[1:-1] if name.startswith("'") else name
