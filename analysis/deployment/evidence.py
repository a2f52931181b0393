"""What smoke checks found, and what may be kept of it: states, reasons, times and sizes; no body, no secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.config.deployment_settings import HttpSmoke, Smoke
from analysis.deployment.sending import Answer
from analysis.errors import StepFailed


@dataclass(frozen=True)
class SmokeResult:
    """What one check found.

    Attributes
    ----------
    reason : one line; why it failed, or what was seen.
    notes : what else to know, such as a race that needed a second try.
    evidence : status, seconds, bytes and match of each answer; no bodies.
    """

    name: str
    kind: str
    environment: str
    passed: bool
    reason: str
    seconds: float
    notes: tuple[str, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()

    @property
    def state(self) -> str:
        """Passed or failed."""
        return "passed" if self.passed else "failed"


@dataclass(frozen=True)
class SmokeReport:
    """All checks of one run."""

    environment: str
    results: tuple[SmokeResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """The same as an object for `--json`."""
        return {**asdict(self), "passed": self.passed}

    def check(self) -> None:
        """Raise StepFailed with the first reason when a check failed."""
        failed = [result for result in self.results if not result.passed]
        if failed:
            more = (
                f" ({len(failed)} of {len(self.results)} checks failed)" if len(failed) > 1 else ""
            )
            raise StepFailed(f"smoke check '{failed[0].name}' failed: {failed[0].reason}{more}")


def find_fault(check: Smoke, answer: Answer) -> str | None:
    """Say what is wrong with an answer; None when it is as expected."""
    if answer.problem:
        return answer.problem
    wanted_status = check.expect_status if isinstance(check, HttpSmoke) else ()
    if answer.status not in (wanted_status or range(200, 300)):
        wanted = " or ".join(map(str, wanted_status)) or "2xx"
        return f"answered {answer.status}, expected {wanted}"
    if not isinstance(check, HttpSmoke) or check.expect_json is None:
        return None
    if answer.content is None:
        return "answered something that is not JSON"
    difference = first_difference(check.expect_json, answer.content)
    return f"answered {answer.status}, but {difference}" if difference else None


def is_match(check: Smoke, answer: Answer) -> bool:
    """Tell whether an answer is one of those that an overlap check counts."""
    return (
        check.match_json is not None and first_difference(check.match_json, answer.content) is None
    )


def keep_evidence(check: Smoke, answer: Answer) -> dict[str, Any]:
    """What may be kept of an answer."""
    kept: dict[str, Any] = {
        "status": answer.status,
        "seconds": round(answer.seconds, 3),
        "bytes": answer.n_bytes,
    }
    if answer.problem:
        kept["problem"] = answer.problem
    if check.kind == "overlap":
        kept["matched"] = is_match(check, answer)
    return kept


def first_difference(expected: object, actual: object, path: str = "") -> str | None:
    """Say where an answer does not hold what was expected, without its values; objects may hold more than expected."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{path or 'the answer'} is no JSON object"
        for key, value in expected.items():
            inner = f"{path}.{key}" if path else str(key)
            if key not in actual:
                return f"{inner} is missing"
            if difference := first_difference(value, actual[key], inner):
                return difference
        return None
    if isinstance(expected, list | tuple):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return f"{path} is no list of {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            if difference := first_difference(one, other, f"{path}[{index}]"):
                return difference
        return None
    same_kind = isinstance(expected, bool) == isinstance(actual, bool)
    return (
        None
        if same_kind and expected == actual
        else f"{path} is not {json.dumps(expected, default=str)}"
    )
