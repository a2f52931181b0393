"""One check of the source and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal


@dataclass(frozen=True)
class SourceCheck:
    """One question about the source and its answer.

    Attributes
    ----------
    name : what is checked.
    detail : what was found and, unless it is ok, what to do.
    state : ok, warning (read the numbers with care) or error (they cannot be used).
    """

    name: str
    detail: str
    state: Literal["ok", "warning", "error"]


passed = partial(SourceCheck, state="ok")
warned = partial(SourceCheck, state="warning")
failed = partial(SourceCheck, state="error")
