"""The application, the options that commands share, and what they print on."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.clock import iso, parse_instant
from analysis.errors import WrongUse

if TYPE_CHECKING:
    from analysis.config import Settings

CONFIG = Path("rollout.toml")
app = typer.Typer(
    name="rollout",
    help="Did the deploy fix it, did it break anything, and will it last?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Config = Annotated[Path, typer.Option("--config", help="The rollout.toml to use.", metavar="PATH")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object; the rest goes to stderr.")
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
At = Annotated[
    str | None,
    typer.Option("--at", help="When it happened, with its zone; default: now.", metavar="TIME"),
]
Github = Annotated[
    bool,
    typer.Option(
        "--github", help="Also write the summary to the step summary of a GitHub Actions run."
    ),
]


def file_settings(config: Path) -> Settings:
    """The settings of the file alone: for the steps that write the ledger."""
    from analysis.config import load_settings

    return load_settings(config)


def recorded_settings(config: Path) -> Settings:
    """The settings with what the ledger adds: the deploy, and without the turned knobs."""
    from analysis.history.knobs import with_history

    return with_history(file_settings(config))


def instant(text: str | None) -> datetime | None:
    """The instant of an option; None when it is not given."""
    return parse_instant(text) if text else None


def stretch(
    window: str | None, start: str | None, end: str | None
) -> tuple[datetime, datetime] | None:
    """The instants of --from and --to; None when neither is given."""
    if not start and not end:
        return None
    if window or not (start and end):
        raise WrongUse("--from and --to go together, and not with --window; give both, or a window")
    return parse_instant(start), parse_instant(end)


def print_json(content: Any) -> None:
    """One object, and nothing else, on stdout."""
    typer.echo(json.dumps(content, ensure_ascii=False, allow_nan=False, default=_as_json))


def _as_json(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value.as_json()


def say(text: str) -> None:
    """A line on stderr: progress, warnings, errors."""
    typer.echo(text, err=True)
