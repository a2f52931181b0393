"""The tables of rollout.toml for the steps around the verdict: preflight, deploy, smoke, knobs."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field

from analysis.config.checked_toml.value_types import (
    Flag,
    HostPattern,
    HttpStatus,
    JsonObject,
    KnobValue,
    Milliseconds,
    OneOrMore,
    PositiveDuration,
    RequestUrl,
    Share,
    Template,
    Text,
    TomlTable,
    VariableName,
    Whole,
)

Environment = Literal["production", "preview"]
FindingState = Literal["met", "not_met", "worse", "undecided", "no_data"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


def _read_when(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Application(TomlTable):
    """[application]: the checkout in which preflight runs, and which files need a schema push."""

    checkout: Text = "."
    schema_paths: Annotated[tuple[Text, ...], OneOrMore] = ()
    base_ref: Text = "origin/main"
    schema_command: Text = "npx prisma db push"


class Preflight(TomlTable):
    """[[preflight]]: a command that must pass in the application's checkout before the deploy."""

    name: Text
    run: Text
    cwd: Text | None = None
    timeout: PositiveDuration = timedelta(minutes=10)
    allow_warnings: Flag = False


class Request(TomlTable):
    """A request that a smoke check sends; ${VARIABLES} are still unexpanded."""

    method: Method = "GET"
    url: RequestUrl
    headers: dict[str, Template] = Field({})
    body: JsonObject | None = None


class _SmokeCheck(TomlTable):
    """What every [[smoke]] has; no `environment` means that it runs against each."""

    name: Text
    environment: Environment | None = None
    timeout: PositiveDuration = timedelta(seconds=20)


class HttpSmoke(_SmokeCheck, Request):
    """[[smoke]] kind = "http": one request, and what must come back."""

    kind: Literal["http"]
    expect_status: Annotated[tuple[HttpStatus, ...], OneOrMore] = ()
    expect_json: JsonObject | None = None


class OverlapSmoke(_SmokeCheck, Request):
    """[[smoke]] kind = "overlap": calls at the same moment, of which exactly `matches` match."""

    kind: Literal["overlap"]
    calls: Annotated[Whole, Ge(2), Le(50)] = 2
    matches: Annotated[Whole, Ge(0), Le(50)] = 1
    match_json: JsonObject


class CompletesSmoke(_SmokeCheck):
    """[[smoke]] kind = "completes": a successful call of the feature is written, once triggered."""

    kind: Literal["completes"]
    feature: Text
    trigger: Request | None = None


Smoke = HttpSmoke | OverlapSmoke | CompletesSmoke


class When(TomlTable):
    """When a knob is offered: a claim by its name, or every finding that fits."""

    name: Text | None = None
    feature: Text | None = None
    source: Text | None = None
    metric: Text | None = None
    finding: FindingState | None = None


class TimeoutSlice(TomlTable):
    """A timeout cut from a budget: min(cap, max(min, floor(total * share))), share in 0.05-0.8."""

    cap_ms: Milliseconds
    min_ms: Milliseconds
    share: Share
    total_ms: Milliseconds

    @property
    def timeout_ms(self) -> int:
        """The timeout that results."""
        share = min(max(self.share, 0.05), 0.8)
        return min(self.cap_ms, max(self.min_ms, int(self.total_ms * share)))


class Knob(TomlTable):
    """[[knob]]: a step back that is offered when a claim fails.

    `env` names the variable to turn; `code` says what to change where no variable can do it.
    """

    when: Annotated[When, BeforeValidator(_read_when)]
    env: VariableName | None = None
    code: Text | None = None
    old: KnobValue | None = Field(None, alias="from")
    new: KnobValue | None = Field(None, alias="to")
    cap_ms: Milliseconds | None = None
    slice: TimeoutSlice | None = None
    note: Text | None = None

    @property
    def title(self) -> str:
        """What the knob is called: its variable, or the change of code."""
        return self.env or self.code or ""

    @property
    def new_cap_ms(self) -> int | None:
        """The timeout after the turn, when the file says it."""
        return self.slice.timeout_ms if self.slice else self.cap_ms


class Deployment(TomlTable):
    """[deployment]: where `rollout deploy --from vercel` asks, and where previews may answer."""

    project_id: Text | None = None
    team_id: Text | None = None
    token_env: VariableName = "VERCEL_TOKEN"
    api_url: Text = "https://api.vercel.com"
    preview_hosts: Annotated[tuple[HostPattern, ...], OneOrMore] = ("*.vercel.app",)


class LedgerSettings(TomlTable):
    """[ledger]: what its events say about who ran a command; nothing is guessed."""

    who: Text | None = None
