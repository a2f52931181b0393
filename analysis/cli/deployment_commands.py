"""The commands around the verdict: preflight, deploy, smoke, watch, handoff, knob set, lab."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from analysis.cli.app import (
    CONFIG,
    AsJson,
    At,
    Config,
    Github,
    app,
    file_settings,
    instant,
    print_json,
    recorded_settings,
    say,
)

Environment = Annotated[Literal["production", "preview"], typer.Option("--environment")]
knobs = typer.Typer(
    help="Record that a knob was turned.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(knobs, name="knob")


@app.command()
def preflight(config: Config = CONFIG) -> int:
    """Run the [[preflight]] commands in the application's checkout."""
    from analysis.deployment.preflight import run_preflight

    report = run_preflight(file_settings(config), on_line=say)
    for step in report.steps:
        state = "passed" if step.state == "passed" else "FAILED"
        typer.echo(f"{state} {step.name}: {step.seconds:.1f} s, {step.warnings} warnings")
    if report.schema_push:
        typer.echo(report.schema_push)
    report.check()
    return 0


@app.command()
def deploy(
    argument: Annotated[
        str | None, typer.Argument(help="The file of --from vercel-cli, or the tag of --from git.")
    ] = None,
    config: Config = CONFIG,
    at: At = None,
    origin: Annotated[
        Literal["vercel", "vercel-cli", "git"] | None,
        typer.Option("--from", help="Where the deployment is known from."),
    ] = None,
    environment: Environment = "production",
    stage: Annotated[
        bool, typer.Option("--stage", help="A second deployment begins a new stage of monitoring.")
    ] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace the deploy that is recorded.")
    ] = False,
) -> int:
    """Record when the deploy happened, and which deployment it is."""
    from analysis.clock import iso
    from analysis.deployment.deploy import record_deploy

    recorded = record_deploy(
        file_settings(config),
        at=instant(at),
        origin=origin,
        argument=argument,
        environment=environment,
        new_stage=stage,
        correct=correct,
    )
    for warning in recorded.warnings:
        say(f"warning: {warning}")
    typer.echo(f"{recorded.role} deployment at {iso(recorded.effective_at)}")
    for note in recorded.notes:
        typer.echo(note)
    return 0


@app.command()
def smoke(config: Config = CONFIG, environment: Environment = "production") -> int:
    """Run the [[smoke]] checks against the running application."""
    from analysis.deployment.smoke import run_smokes

    report = run_smokes(
        recorded_settings(config),
        environment=environment,
        on_result=lambda result: typer.echo(f"{result.state} {result.name}: {result.reason}"),
    )
    report.check()
    return 0


@app.command()
def watch(config: Config = CONFIG, github: Github = False) -> int:
    """Report each window when it is due, until the rollout is sustained or rolled back."""
    from analysis.deployment.reported_looks import look_reporter
    from analysis.deployment.watch import watch as watch_looks

    settings = file_settings(config)
    last = watch_looks(settings, look_reporter(settings, github=github), say=say)
    typer.echo(f"verdict: {last.verdict} - {last.reason}")
    return last.exit_code


@app.command()
def handoff(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Say where the rollout stands, and write the hand-over page."""
    from analysis.cli.handoff_output import handoff_lines
    from analysis.deployment.handoff import find_handoff
    from analysis.report.handoff import write_handoff

    settings = file_settings(config)
    found = find_handoff(settings)
    page = write_handoff(settings, asdict(found))
    print_json(asdict(found)) if as_json else typer.echo("\n".join(handoff_lines(found)))
    say(f"page: {page}")
    return found.exit_code


@knobs.command("set")
def knob_set(
    name: Annotated[str, typer.Argument(help="The environment variable of a [[knob]].")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    config: Config = CONFIG,
    at: At = None,
) -> int:
    """Record that a knob was turned; a new stage of monitoring begins at the next whole hour."""
    from analysis.clock import iso
    from analysis.history.knobs import set_knob

    turned = set_knob(file_settings(config), name, value, at=instant(at))
    began = f"stage {turned.stage.number} begins at {iso(turned.stage.start)}"
    typer.echo(f"{turned.event.cause} at {iso(turned.event.effective_at)}; {began}")
    return 0


@app.command()
def lab(config: Config = CONFIG) -> int:
    """Open explore.ipynb in JupyterLab for this rollout."""
    from analysis.report.explore.lab import open_lab

    return open_lab(recorded_settings(config))
