"""From rollout.toml to frozen settings, or to one sentence with the line and the fix."""

from pathlib import Path

from analysis.config.checked_toml.toml_file import TomlFile
from analysis.config.cross_key_rules import cross_key_mistakes
from analysis.config.plain_text_secrets import secret_mistakes
from analysis.config.settings import Claim, FileContents, Settings
from analysis.errors import WrongUse
from analysis.leaks import find_leak, quote
from analysis.metrics import known_metrics


def load_settings(path: Path | str) -> Settings:
    """Read rollout.toml, check all of it and freeze it. No database is opened.

    Raises WrongUse for the mistake that comes first in the file, and says how many more there are.
    """
    path = Path(path)
    name = _quoted_name(path)
    try:
        file = TomlFile.read(path, name, advice="name a rollout.toml with --config")
    except FileNotFoundError:
        raise WrongUse(
            f"{name} does not exist; write one with 'rollout init', "
            "or name yours with --config (config in a notebook)"
        ) from None
    contents = _validate(file)
    return Settings.model_construct(
        **{
            **dict(contents),
            "expectations": tuple(map(_with_complete_parts, contents.expectations)),
            "guardrails": tuple(map(_with_complete_parts, contents.guardrails)),
            "path": path,
            "folder": path.resolve().parent,
        }
    )


def _validate(file: TomlFile) -> FileContents:
    """Check secrets, then keys and values, then rules across keys: each needs the one before."""
    if mistakes := list(secret_mistakes(file.content)):
        raise file.error(mistakes)
    contents = file.validated(FileContents)
    if mistakes := list(cross_key_mistakes(contents, known_metrics(contents.class_names))):
        raise file.error(mistakes)
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
