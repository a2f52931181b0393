"""argv in, text and exit code out. A command parses, opens, makes one call and prints; what it needs is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

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
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object; all else goes to stderr.")]
WindowName = Annotated[str | None, typer.Option("--window", help="A window of [monitoring].windows, such as 4h.")]
From = Annotated[str | None, typer.Option("--from", help="Start of an exploratory look, with its zone.", metavar="TIME")]
To = Annotated[str | None, typer.Option("--to", help="End of an exploratory look, with its zone.", metavar="TIME")]
CONFIG = Path("rollout.toml")


def main() -> None:
    """Run a command; a mistake of the user is one line and an exit code, never a traceback."""
    from analysis.errors import RolloutError

    code, sentence = 0, None
    try:
        code = app(prog_name="rollout", standalone_mode=False)
    except RolloutError as error:
        code, sentence = error.exit_code, str(error)
    except (KeyboardInterrupt, typer.Abort):
        code, sentence = 130, "stopped; what was written before is whole"
    except BrokenPipeError:
        pass
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own: a wrong option or argument
            code, sentence = 2, f"{error.format_message()} (see 'rollout --help')"
        else:
            code, sentence = 70, f"internal error ({type(error).__name__}); please report it with the command and 'rollout --version'"
    if sentence is not None:
        _say(f"rollout: {sentence}")
        if "--json" in sys.argv[1:]:
            _print_json(_error_object(sentence, code))
    sys.exit(code or 0)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from analysis import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def init(
    path: Annotated[Path, typer.Option("--config", help="Where to write it.")] = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Write a commented rollout.toml."""
    from analysis.config.starter import write_starter

    write_starter(path, force=force)
    typer.echo(f"{path} written; set [source].url_env and your expectations in it, then run 'rollout doctor'")


@app.command()
def demo(out: Annotated[Path | None, typer.Option("--out", help="Folder for the example; default: outputs/ beside rollout.toml.")] = None) -> int:
    """Make the whole example: sample data, baseline, every window, index."""
    from analysis.demo import run_demo

    verdict, page = run_demo(out, say=_say)
    typer.echo(f"verdict: {verdict['verdict']} - {verdict['reason']}")
    typer.echo(f"page: {page}")
    return 0


@app.command()
def doctor(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Check the configuration, the connection and the table; each line says what to mend."""
    from analysis.config import load_settings
    from analysis.telemetry.doctor import examine

    lines = examine(load_settings(config))
    if as_json:
        _print_json({"checks": [{"name": line.name, "state": line.state, "detail": line.detail} for line in lines]})
    else:
        for line in lines:
            typer.echo(f"{line.state:8} {line.name}: {line.detail}")
    return 5 if any(line.state == "error" for line in lines) else 0


@app.command()
def baseline(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Freeze the baseline's counts and write the baseline report."""
    from analysis.report.runs import run_baseline_report

    written = run_baseline_report(_settings(config))
    _print_json(written.result) if as_json else typer.echo(f"baseline: {written.page}")
    return 0


@app.command()
def compare(config: Config = CONFIG, window: WindowName = None, start: From = None, end: To = None, as_json: AsJson = False) -> int:
    """Print the verdict alone, without a notebook."""
    from analysis.decision.verdict import EXIT_CODES
    from analysis.judge import Rollout
    from analysis.terminal import print_result

    with Rollout(_settings(config)) as rollout:
        result = _look(rollout, window, start, end).result
    _print_json(result) if as_json else print_result(result)
    return EXIT_CODES[result["verdict"]]


@app.command()
def report(
    config: Config = CONFIG,
    window: WindowName = None,
    due: Annotated[bool, typer.Option("--due", help="Report every window that is due and has no report yet.")] = False,
    start: From = None,
    end: To = None,
    as_json: AsJson = False,
    github: Annotated[bool, typer.Option("--github", help="Also write the summary to the step summary of a GitHub Actions run.")] = False,
) -> int:
    """Write the report of a window, of all that are due, or of an exploratory stretch."""
    from analysis.decision.verdict import EXIT_CODES
    from analysis.report.runs import run_due_reports, run_window_report

    settings = _settings(config)
    if due:
        written = run_due_reports(settings, github=github)
    else:
        label = window or (None if start else settings.monitoring.windows[-1])
        written = run_window_report(settings, label, start=_instant(start), end=_instant(end), github=github)
    if as_json:
        _print_json(written.result)
    else:
        typer.echo(f"verdict: {written.result['verdict']} - {written.result['reason']}")
        typer.echo(f"page: {written.page}")
    return EXIT_CODES[written.result["verdict"]]


@app.command()
def whatif(
    feature: Annotated[str, typer.Argument(help="The feature, as in the table.")],
    cap: Annotated[str, typer.Option("--cap", help="The cap to try, such as 30s.")],
    config: Config = CONFIG,
    window: WindowName = None,
    as_json: AsJson = False,
) -> int:
    """Say what share of calls a cap would cut off, and the time it would save."""
    from analysis.judge import Rollout
    from analysis.window import parse_duration

    cap_ms = parse_duration(cap).total_seconds() * 1000
    with Rollout(_settings(config)) as rollout:
        answer = _look(rollout, window, None, None).what_if(feature, cap_ms)
    _print_json(answer) if as_json else typer.echo(answer["sentence"])
    return 0


@app.command()
def sql(
    name: Annotated[str, typer.Argument(help="A query of sql/, such as errors_by_source.")],
    config: Config = CONFIG,
    window: WindowName = None,
) -> int:
    """Print a query with its values written in, for psql; of the baseline unless --window is given."""
    from analysis.decision.by_hand import query_text
    from analysis.judge import Rollout

    rollout = Rollout(_settings(config))
    typer.echo(query_text(rollout.settings, rollout.deployed_at, name, window))
    return 0


def _settings(config: Path) -> Any:
    from analysis.config import load_settings

    return load_settings(config)


def _look(rollout: Any, window: str | None, start: str | None, end: str | None) -> Any:
    from analysis.errors import WrongUse

    if start or end:
        if window or not (start and end):
            raise WrongUse("--from and --to go together, and not with --window; give both, or a window")
        return rollout.explore(_instant(start), _instant(end))
    return rollout.look(window or rollout.settings.monitoring.windows[-1])


def _instant(text: str | None) -> Any:
    from analysis.clock import parse_instant

    return parse_instant(text) if text else None


def _error_object(sentence: str, code: int) -> dict[str, Any]:
    """What --json prints when there is no result: one object all the same."""
    return {"schema": 1, "verdict": "untrusted" if code == 5 else None, "reason": sentence, "exit_code": code}


def _print_json(content: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
