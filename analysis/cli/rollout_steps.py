"""The commands around the verdict: checks before the deploy, the deploy, checks after it, looks, knobs, hand-over."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.options import (
    CONFIG,
    AsJson,
    Config,
    Github,
    app,
    instant,
    print_json,
    say,
    settings_as_recorded,
    settings_as_written,
)

Environment = Annotated[str, typer.Option("--environment", help="production or preview.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at", help="When it happened, with its zone; now when left out.", metavar="TIME"
    ),
]
knobs = typer.Typer(
    help="Record that a knob was turned.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(knobs, name="knob")


@app.command()
def preflight(config: Config = CONFIG) -> int:
    """Run the [[preflight]] commands in the application's checkout."""
    from analysis.deployment.preflight import run_preflight

    report = run_preflight(settings_as_written(config), show=say)
    for step in report.steps:
        typer.echo(
            f"{'passed' if step.passed else 'FAILED'} {step.name}: {step.seconds:.1f} s, {step.warnings} warnings"
        )
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
    origin: Annotated[str | None, typer.Option("--from", help="vercel, vercel-cli or git.")] = None,
    environment: Environment = "production",
    stage: Annotated[
        bool,
        typer.Option("--stage", help="A second deployment begins a new stage of the monitoring."),
    ] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace the deploy that is recorded.")
    ] = False,
) -> int:
    """Record when the deploy happened, and which deployment it is."""
    from analysis.clock import iso
    from analysis.deployment.deployment import record_deploy

    recorded = record_deploy(
        settings_as_written(config),
        at=instant(at),
        origin=origin,
        argument=argument,
        environment=environment,
        new_stage=stage,
        correct=correct,
    )
    for warning in recorded.warnings:
        say(f"warning: {warning}")
    typer.echo(f"{recorded.role} deployment at {iso(recorded.deployment.effective_at)}")
    for note in recorded.notes:
        typer.echo(note)
    return 0


@app.command()
def smoke(config: Config = CONFIG, environment: Environment = "production") -> int:
    """Run the [[smoke]] checks against the running application."""
    from functools import partial

    from analysis.deployment.completed import count_completed
    from analysis.deployment.smoke import run_smokes

    settings = settings_as_recorded(config)
    report = run_smokes(
        settings,
        count_completed=partial(count_completed, settings),
        environment=environment,
        show=lambda result: typer.echo(
            f"{result.state} {result.name}: {result.reason or 'as expected'}"
        ),
    )
    report.check()
    return 0


@app.command()
def watch(config: Config = CONFIG, github: Github = False) -> int:
    """Wait for each window that falls due and report it, until the rollout is sustained or rolled back."""
    from analysis.deployment.looks import look_maker
    from analysis.deployment.watch import watch as watch_looks

    settings = settings_as_written(config)
    seen = watch_looks(settings, look_maker(settings, github=github), say=say)
    typer.echo(f"verdict: {seen.verdict} - {seen.reason}")
    return seen.exit_code


@app.command()
def handoff(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Say where the rollout stands, and write the hand-over page."""
    from analysis.deployment.handoff import find_handoff
    from analysis.deployment.terminal import print_handoff
    from analysis.report.handoff import write_handoff

    settings = settings_as_written(config)
    found = find_handoff(settings)
    page = write_handoff(settings, found.as_json())
    print_json(found.as_json()) if as_json else print_handoff(found)
    say(f"page: {page}")
    return found.exit_code


@knobs.command("set")
def knob_set(
    name: Annotated[str, typer.Argument(help="The environment variable of a [[knob]].")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    config: Config = CONFIG,
    at: At = None,
) -> int:
    """Record that a knob was turned; a new stage of the monitoring begins at the next whole hour."""
    from analysis.clock import iso
    from analysis.history.knobs import set_knob

    turned = set_knob(settings_as_written(config), name, value, at=instant(at))
    began = f"stage {turned.stage.number} begins at {iso(turned.stage.start)}"
    typer.echo(f"{turned.name} {turned.old} -> {turned.new} at {iso(turned.at)}; {began}")
    return 0


@app.command()
def lab(config: Config = CONFIG) -> int:
    """Open explore.ipynb in JupyterLab on this rollout."""
    from analysis.report.explore.lab import open_lab

    return open_lab(settings_as_recorded(config))
