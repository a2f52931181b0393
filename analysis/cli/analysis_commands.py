"""The commands that lead to a verdict: from init and doctor to compare and report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli.app import (
    CONFIG,
    AsJson,
    Config,
    From,
    Github,
    To,
    WindowName,
    app,
    file_settings,
    print_json,
    recorded_settings,
    say,
    stretch,
)

if TYPE_CHECKING:
    from analysis.judge import Look
    from analysis.rollout import Rollout


@app.command()
def init(
    path: Annotated[Path, typer.Option("--config", help="Where to write it.")] = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented rollout.toml."""
    from analysis.config.starter import write_starter

    write_starter(path, force=force)
    typer.echo(f"{path} written; set its [source] and its expectations, then run 'rollout doctor'")


@app.command()
def demo(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to make it; default: outputs/ next to rollout.toml."),
    ] = None,
) -> int:
    """Make the whole example: sample data, baseline, every window, index."""
    from analysis.cli.demo import run_demo

    result, page = run_demo(out, say=say)
    typer.echo(f"verdict: {result.verdict} - {result.reason}\npage: {page}")
    return 0


@app.command()
def doctor(
    config: Config = CONFIG,
    classes: Annotated[
        bool, typer.Option("--classes", help="Only count the errors that each class takes.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check the configuration, the connection and the table; each line says what to do."""
    from analysis.doctor.error_class_check import class_lines, try_classes
    from analysis.doctor.source_checks import check_source

    settings = recorded_settings(config)
    if classes:
        counts = try_classes(settings)
        if as_json:
            print_json(asdict(counts))
        else:
            typer.echo("\n".join(class_lines(counts, settings.class_names)))
        return 0
    checks = check_source(settings)
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

    written = run_baseline_report(recorded_settings(config))
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
    from analysis.cli.result_output import result_lines
    from analysis.decision.verdict import EXIT_CODES
    from analysis.rollout import Rollout

    with Rollout(recorded_settings(config), on_progress=say) as rollout:
        result = _look(rollout, window, start, end).result
    print_json(result) if as_json else typer.echo("\n".join(result_lines(result)))
    return EXIT_CODES[result.verdict]


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
    """Write the report of a window, of all that are due, or of an exploratory look."""
    from analysis.decision.verdict import EXIT_CODES
    from analysis.deployment.reported_looks import report_due_looks, report_planned_looks
    from analysis.report.reports import run_window_report

    settings = file_settings(config)
    if due:
        written = report_due_looks(settings, say=say, github=github)
    elif times := stretch(window, start, end):
        settings = recorded_settings(config)
        written = run_window_report(settings, None, start=times[0], end=times[1], github=github)
    else:
        label = window or settings.monitoring.windows[-1]
        (written,) = report_planned_looks(settings, [label], github=github)
    result = written.result
    if as_json:
        print_json(result)
    else:
        typer.echo(f"verdict: {result.verdict} - {result.reason}\npage: {written.page}")
    return EXIT_CODES[result.verdict]


@app.command()
def whatif(
    feature: Annotated[str, typer.Argument(help="The feature, as in the table.")],
    cap: Annotated[str, typer.Option("--cap", help="The cap to try, such as 30s.")],
    config: Config = CONFIG,
    window: WindowName = None,
    as_json: AsJson = False,
) -> int:
    """Say what share of calls a cap would cut off, and the time it would save."""
    from analysis.results.build_advice import build_what_if
    from analysis.rollout import Rollout
    from analysis.text import RESULT_WORDS
    from analysis.window import parse_duration

    cap_ms = parse_duration(cap).total_seconds() * 1000
    with Rollout(recorded_settings(config), on_progress=say) as rollout:
        prediction = _look(rollout, window, None, None).what_if(feature, cap_ms)
    answer = build_what_if(prediction, RESULT_WORDS)
    print_json(answer) if as_json else typer.echo(answer.sentence)
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
    """Print a query with its values filled in, for psql; of the baseline without --window."""
    from analysis.counting.query_text import list_queries, query_text
    from analysis.rollout import Rollout

    if name is None:
        typer.echo("\n".join(f"{name:<22}{what}" for name, what in list_queries().items()))
        return 0
    rollout = Rollout(recorded_settings(config))
    typer.echo(query_text(rollout.settings, rollout.deployed_at, name, window))
    return 0


def _look(rollout: Rollout, window: str | None, start: str | None, end: str | None) -> Look:
    """The look that the options ask for; a planned one is that of the newest stage."""
    from analysis.history.timeline import read_timeline

    if times := stretch(window, start, end):
        return rollout.explore(*times)
    label = window or rollout.settings.monitoring.windows[-1]
    return rollout.look(label, first_hour=read_timeline(rollout.settings).first_hour)
