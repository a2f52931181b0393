"""The tables of rollout.toml for the steps around the verdict: preflight, deploy, smoke, knobs."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field

from analysis.config.value_types import (
    Flag,
    HttpStatus,
    JsonObject,
    KnobValue,
    Milliseconds,
    OneOrMore,
    PositiveDuration,
    RequestUrl,
    Share,
    Table,
    Template,
    Text,
    VariableName,
    Whole,
)

Environment = Literal["production", "preview"]
Finding = Literal["met", "not_met", "worse", "undecided", "no_data"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


def _read_when(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Application(Table):
    """[application]: the checkout in which preflight runs, and which files need a schema push."""

    checkout: Text = Field(".", examples=["../app"])
    schema_paths: Annotated[tuple[Text, ...], OneOrMore] = Field(
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

    method: Method = Field("GET", examples=["POST"])
    url: RequestUrl = Field(examples=["${APP_URL}/api/health"])
    headers: dict[str, Template] = Field({}, examples=[{"Authorization": "Bearer ${SECRET}"}])
    body: JsonObject | None = Field(None, examples=[{"draft": "latest"}])


class _SmokeCheck(Table):
    """What every [[smoke]] has; no `environment` means that it runs against each."""

    name: Text = Field(examples=["health answers"])
    environment: Environment | None = Field(None, examples=["production"])
    timeout: PositiveDuration = Field(timedelta(seconds=20), examples=["20s"])


class HttpSmoke(_SmokeCheck, Request):
    """[[smoke]] kind = "http": one request, and what must come back."""

    kind: Literal["http"] = Field(examples=["http"])
    expect_status: Annotated[tuple[HttpStatus, ...], OneOrMore] = Field((), examples=[[200]])
    expect_json: JsonObject | None = Field(None, examples=[{"success": True}])


class OverlapSmoke(_SmokeCheck, Request):
    """[[smoke]] kind = "overlap": calls at the same moment, of which exactly `matches` match."""

    kind: Literal["overlap"] = Field(examples=["overlap"])
    calls: Annotated[Whole, Ge(2), Le(50)] = Field(2, examples=[2])
    matches: Annotated[Whole, Ge(0), Le(50)] = Field(1, examples=[1])
    match_json: JsonObject = Field(examples=[{"skipped": True}])


class CompletesSmoke(_SmokeCheck):
    """[[smoke]] kind = "completes": a successful call of the feature is written, once triggered."""

    kind: Literal["completes"] = Field(examples=["completes"])
    feature: Text = Field(examples=["draft.verify.email.step3"])
    trigger: Request | None = Field(
        None, examples=[{"method": "POST", "url": "${APP_URL}/api/drafts"}]
    )


Smoke = HttpSmoke | OverlapSmoke | CompletesSmoke


class When(Table):
    """When a knob is offered: a claim by its name, or every finding that fits."""

    name: Text | None = Field(None, examples=["timeouts drop"])
    feature: Text | None = Field(None, examples=["signature.context"])
    source: Text | None = Field(None, examples=["background-job/*"])
    metric: Text | None = Field(None, examples=["rmst"])
    finding: Finding | None = Field(None, examples=["worse"])


class TimeoutSlice(Table):
    """A timeout cut from a budget: min(cap, max(min, floor(total * share))), share in 0.05-0.8."""

    cap_ms: Milliseconds = Field(examples=[45000])
    min_ms: Milliseconds = Field(examples=[8000])
    share: Share = Field(examples=[0.25])
    total_ms: Milliseconds = Field(examples=[120000])

    @property
    def timeout_ms(self) -> int:
        """The timeout that results."""
        share = min(max(self.share, 0.05), 0.8)
        return min(self.cap_ms, max(self.min_ms, int(self.total_ms * share)))


class Knob(Table):
    """[[knob]]: a step back that is offered when a claim fails.

    `env` names the variable to turn; `code` says what to change where no variable can do it.
    """

    when: Annotated[When, BeforeValidator(_read_when)] = Field(examples=["timeouts drop"])
    env: VariableName | None = Field(None, examples=["OPENAI_TIMEOUT_MS_CAP"])
    code: Text | None = Field(None, examples=["revert the commit that raised the budget"])
    old: KnobValue | None = Field(None, alias="from", examples=[45000])
    new: KnobValue | None = Field(None, alias="to", examples=[30000])
    cap_ms: Milliseconds | None = Field(None, examples=[30000])
    slice: TimeoutSlice | None = Field(
        None, examples=[{"cap_ms": 45000, "min_ms": 8000, "share": 0.25, "total_ms": 120000}]
    )
    note: Text | None = Field(None, examples=["costs some slow answers"])

    @property
    def title(self) -> str:
        """What the knob is called: its variable, or the change of code."""
        return self.env or self.code or ""

    @property
    def new_cap_ms(self) -> int | None:
        """The timeout after the turn, when the file says it."""
        return self.slice.timeout_ms if self.slice else self.cap_ms


class Deployment(Table):
    """[deployment]: where `rollout deploy --from vercel` asks."""

    project_id: Text | None = Field(None, examples=["prj_123"])
    team_id: Text | None = Field(None, examples=["team_123"])
    token_env: VariableName = Field("VERCEL_TOKEN", examples=["VERCEL_TOKEN"])
    api_url: Text = Field("https://api.vercel.com", examples=["https://api.vercel.com"])


class Ledger(Table):
    """[ledger]: what its events say about who ran a command; nothing is guessed."""

    who: Text | None = Field(None, examples=["platform team"])
