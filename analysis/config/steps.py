"""The tables of rollout.toml around the verdict: preflight, smoke checks, knobs, controls, deployment, ledger."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from analysis.config.kinds import (
    ControlChoice,
    Flag,
    JsonObject,
    KnobValue,
    Milliseconds,
    PositiveDuration,
    Share,
    Table,
    Text,
    VariableName,
    Whole,
    listed,
    number,
    one_of,
)

FINDINGS = ("met", "not_met", "worse", "undecided", "no_data")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def _read_when(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Application(Table):
    """[application]: the checkout in which preflight runs, and what makes a schema push due."""

    checkout: Text = Field(".", examples=["../app"])
    schema_paths: Annotated[tuple[Text, ...], listed()] = Field(
        (), examples=[["prisma/schema.prisma"]]
    )
    base_ref: Text = Field("origin/main", examples=["origin/main"])
    schema_command: Text = Field("npx prisma db push", examples=["npx prisma db push"])


class Preflight(Table):
    """[[preflight]]: a command that must pass in the application's checkout before the deploy."""

    name: Text = Field(examples=["lint"])
    run: Text = Field(examples=["npm run lint"])
    cwd: Text | None = Field(None, examples=["packages/web"])
    timeout: PositiveDuration = Field(timedelta(minutes=10), examples=["10m"])
    allow_warnings: Flag = Field(False, examples=[True])


class Request(Table):
    """A request that a smoke check sends; ${VARIABLES} are still unexpanded."""

    method: Annotated[Text, one_of(*METHODS)] = Field("GET", examples=["POST"])
    url: Text = Field(examples=["${APP_URL}/api/health"])
    headers: dict[str, Text] = Field({}, examples=[{"Authorization": "Bearer ${SECRET}"}])
    body: JsonObject | None = Field(None, examples=[{"draft": "latest"}])


class Smoke(Table):
    """[[smoke]]: a check of the running application. Which keys it has depends on its kind."""

    name: Text = Field(examples=["health answers"])
    kind: Annotated[Text, one_of("http", "overlap", "completes")] = Field(examples=["http"])
    environment: Annotated[Text, one_of("production", "preview")] | None = Field(
        None, examples=["production"]
    )
    timeout: PositiveDuration = Field(timedelta(seconds=20), examples=["20s"])
    method: Annotated[Text, one_of(*METHODS)] = Field("GET", examples=["GET"])
    url: Text | None = Field(None, examples=["${APP_URL}/api/health"])
    headers: dict[str, Text] = Field({}, examples=[{"Authorization": "Bearer ${SECRET}"}])
    body: JsonObject | None = Field(None, examples=[{"draft": "latest"}])
    expect_status: Annotated[
        tuple[Annotated[Whole, number(least=100, most=599)], ...], listed()
    ] = Field((), examples=[[200]])
    expect_json: JsonObject | None = Field(None, examples=[{"success": True}])
    calls: Annotated[Whole, number(least=2, most=50)] = Field(2, examples=[2])
    matches: Annotated[Whole, number(least=0, most=50)] = Field(1, examples=[1])
    match_json: JsonObject | None = Field(None, examples=[{"skipped": True}])
    feature: Text | None = Field(None, examples=["draft.verify.email.step3"])
    trigger: Request | None = Field(
        None, examples=[{"method": "POST", "url": "${APP_URL}/api/drafts"}]
    )


class When(Table):
    """When a knob is offered: a claim by its name, or every finding that fits."""

    name: Text | None = Field(None, examples=["timeouts drop"])
    feature: Text | None = Field(None, examples=["signature.context"])
    source: Text | None = Field(None, examples=["background-job/*"])
    metric: Text | None = Field(None, examples=["rmst"])
    finding: Annotated[Text, one_of(*FINDINGS)] | None = Field(None, examples=["worse"])


class Slice(Table):
    """A time limit cut from a budget: min(cap, max(min, floor(total * share))), share held between 0.05 and 0.8."""

    cap_ms: Milliseconds = Field(examples=[45000])
    min_ms: Milliseconds = Field(examples=[8000])
    share: Share = Field(examples=[0.25])
    total_ms: Milliseconds = Field(examples=[120000])

    @property
    def timeout_ms(self) -> int:
        """The time limit that results."""
        return min(
            self.cap_ms, max(self.min_ms, int(self.total_ms * min(max(self.share, 0.05), 0.8)))
        )


class Knob(Table):
    """[[knob]]: a step back that is offered when a claim fails; `env` first, `code` only when no variable can do it."""

    when: Annotated[When, BeforeValidator(_read_when)] = Field(examples=["timeouts drop"])
    env: VariableName | None = Field(None, examples=["OPENAI_TIMEOUT_MS_CAP"])
    code: Text | None = Field(None, examples=["revert the commit that raised the budget"])
    old: KnobValue | None = Field(None, alias="from", examples=[45000])
    new: KnobValue | None = Field(None, alias="to", examples=[30000])
    cap_ms: Milliseconds | None = Field(None, examples=[30000])
    slice: Slice | None = Field(
        None, examples=[{"cap_ms": 45000, "min_ms": 8000, "share": 0.25, "total_ms": 120000}]
    )
    note: Text | None = Field(None, examples=["costs some slow answers"])

    @property
    def title(self) -> str:
        """What the knob is called: its variable, or the change of code."""
        return self.env or self.code or ""

    @property
    def new_cap_ms(self) -> int | None:
        """The time limit after the turn, when the file says it."""
        return self.slice.timeout_ms if self.slice else self.cap_ms


class Controls(Table):
    """[controls]: untouched features that tell the provider's day from the deploy."""

    use: ControlChoice = Field("auto", examples=["auto"])
    never: Annotated[tuple[Text, ...], listed()] = Field((), examples=[["chat.reply"]])


class Deployment(Table):
    """[deployment]: where `rollout deploy --from vercel` asks."""

    project_id: Text | None = Field(None, examples=["prj_123"])
    team_id: Text | None = Field(None, examples=["team_123"])
    token_env: VariableName = Field("VERCEL_TOKEN", examples=["VERCEL_TOKEN"])
    api_url: Text = Field("https://api.vercel.com", examples=["https://api.vercel.com"])


class Ledger(Table):
    """[ledger]: what its events say about who ran a command; nothing is guessed."""

    who: Text | None = Field(None, examples=["platform team"])
