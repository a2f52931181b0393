"""What the commands share: the application, the options, and how they print."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.config import Settings

app = typer.Typer(
    name="rollout",
    help="Did the deploy fix it, did it hurt anything, and will it last?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Config = Annotated[Path, typer.Option("--config", help="The rollout.toml to use.", metavar="PATH")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object; all else goes to stderr.")
]
WindowName = Annotated[
    str | None, typer.Option("--window", help="A window of [monitoring].windows, such as 4h.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="Start of an exploratory look, with its zone.", metavar="TIME"),
]
To = Annotated[
    str | None,
    typer.Option("--to", help="End of an exploratory look, with its zone.", metavar="TIME"),
]
Github = Annotated[
    bool,
    typer.Option(
        "--github", help="Also write the summary to the step summary of a GitHub Actions run."
    ),
]
CONFIG = Path("rollout.toml")


def settings_as_written(config: Path) -> Settings:
    """The settings of the file alone, without what the ledger adds: for the steps that write the ledger."""
    from analysis.config import load_settings

    return load_settings(config)


def settings_as_recorded(config: Path) -> Settings:
    """The settings of the file with what the ledger adds: the deploy, and without the knobs that were turned already."""
    from analysis.history.knobs import as_recorded

    return as_recorded(settings_as_written(config))


def instant(text: str | None) -> datetime | None:
    """An instant given as an option."""
    from analysis.clock import parse_instant

    return parse_instant(text) if text else None


def print_json(content: Any) -> None:
    """One object, and nothing else, on stdout."""
    text = json.dumps(
        content, ensure_ascii=False, allow_nan=False, default=lambda record: record.as_json()
    )
    typer.echo(text)


def say(text: str) -> None:
    """A line on stderr: progress, warnings, errors."""
    typer.echo(text, err=True)
