"""The commands that lead to a verdict."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import (
    CONFIG,
    AsJson,
    Config,
    From,
    Github,
    To,
    WindowName,
    app,
    instant,
    print_json,
    say,
    settings_as_recorded,
    settings_as_written,
)


@app.command()
def init(
    path: Annotated[Path, typer.Option("--config", help="Where to write it.")] = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Write a commented rollout.toml."""
    from analysis.config.starter import write_starter

    write_starter(path, force=force)
    typer.echo(
        f"{path} written; set [source].url_env and your expectations in it, then run 'rollout doctor'"
    )


@app.command()
def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for the example; default: outputs/ beside rollout.toml."
        ),
    ] = None,
) -> int:
    """Make the whole example: sample data, baseline, every window, index."""
    from analysis.cli.demo import run_demo

    verdict, page = run_demo(out, say=say)
    typer.echo(f"verdict: {verdict['verdict']} - {verdict['reason']}")
    typer.echo(f"page: {page}")
    return 0


@app.command()
def doctor(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Check the configuration, the connection and the table; each line says what to do."""
    from analysis.doctor.source_checks import check_source

    checks = check_source(settings_as_recorded(config))
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{check.state:8} {check.name}: {check.detail}")
    return 5 if any(check.state == "error" for check in checks) else 0


@app.command()
def baseline(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Freeze the baseline's counts and write the baseline report."""
    from analysis.report.reports import run_baseline_report

    written = run_baseline_report(settings_as_recorded(config))
    print_json(written.result) if as_json else typer.echo(f"baseline: {written.page}")
    return 0


@app.command()
def compare(
    config: Config = CONFIG,
    window: WindowName = None,
    start: From = None,
    end: To = None,
    as_json: AsJson = False,
) -> int:
    """Print the verdict alone, without a notebook."""
    from analysis.cli.progress import print_result
    from analysis.decision.verdict import EXIT_CODES
    from analysis.judge import Rollout

    with Rollout(settings_as_recorded(config), tell=say) as rollout:
        result = _look(rollout, window, start, end).result
    print_json(result) if as_json else print_result(result)
    return EXIT_CODES[result["verdict"]]


@app.command()
def report(
    config: Config = CONFIG,
    window: WindowName = None,
    due: Annotated[
        bool, typer.Option("--due", help="Report every window that is due and has no report yet.")
    ] = False,
    start: From = None,
    end: To = None,
    as_json: AsJson = False,
    github: Github = False,
) -> int:
    """Write the report of a window, of all that are due, or of an exploratory stretch."""
    from analysis.decision.verdict import EXIT_CODES
    from analysis.deployment.looks import make_due_looks, make_planned_look
    from analysis.report.reports import run_window_report

    settings = settings_as_written(config)
    if due:
        written = make_due_looks(settings, github=github)
    elif start or end:
        _check_stretch(window, start, end)
        written = run_window_report(
            settings_as_recorded(config),
            None,
            start=instant(start),
            end=instant(end),
            github=github,
        )
    else:
        written = make_planned_look(
            settings, window or settings.monitoring.windows[-1], github=github
        )
    if as_json:
        print_json(written.result)
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
    with Rollout(settings_as_recorded(config), tell=say) as rollout:
        answer = _look(rollout, window, None, None).what_if(feature, cap_ms)
    print_json(answer) if as_json else typer.echo(answer["sentence"])
    return 0


@app.command()
def sql(
    name: Annotated[
        str | None,
        typer.Argument(help="A query of sql/, such as errors_by_source; without it, their names."),
    ] = None,
    config: Config = CONFIG,
    window: WindowName = None,
) -> int:
    """Print a query with its values written in, for psql; of the baseline unless --window is given."""
    from analysis.counting.query_text import list_queries, query_text

    if name is None:
        typer.echo("\n".join(f"{name:<22}{what}" for name, what in list_queries().items()))
        return 0
    from analysis.judge import Rollout

    rollout = Rollout(settings_as_recorded(config))
    typer.echo(query_text(rollout.settings, rollout.deployed_at, name, window))
    return 0


def _look(rollout: Any, window: str | None, start: str | None, end: str | None) -> Any:
    """The look that the options ask for; a planned one is that of the newest stage."""
    from analysis.deployment.looks import first_hour_of_stage

    if start or end:
        _check_stretch(window, start, end)
        return rollout.explore(instant(start), instant(end))
    label = window or rollout.settings.monitoring.windows[-1]
    return rollout.look(
        label, first_hour=first_hour_of_stage(rollout.settings, rollout.deployed_at)
    )


def _check_stretch(window: str | None, start: str | None, end: str | None) -> None:
    from analysis.errors import WrongUse

    if window or not (start and end):
        raise WrongUse("--from and --to go together, and not with --window; give both, or a window")
