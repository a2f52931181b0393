"""Our templates with values in them; every value is escaped, and numbers are written by the same words everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import formatting as wording
from analysis.text import prose
from analysis.text import verdict as verdict_prose

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Section:
    """A piece of a page: HTML for the page and JupyterLab, plain sentences for a terminal."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text


def render(template: str, **values: Any) -> str:
    """Fill a template."""
    return _environment().get_template(template).render(**values)


def anchor_of(heading: str) -> str:
    """The name of a section in the page's address.

    >>> anchor_of("Did it hurt anything?")
    'did-it-hurt-anything'
    """
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"<[^>]*>", "", heading).lower()).strip("-")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": wording.count,
        "share": wording.share,
        "ms": lambda value: prose.value_text("ms", value),
        "p": wording.p_value,
        "level": wording.level,
        "when": prose.when_text,
        "changed": prose.changed_text,
        "interval": prose.interval_text,
        "claim": prose.claim_text,
        "visible": prose.visible_text,
        "p_text": prose.p_text,
        "calls_text": prose.calls_text,
        "sentence": prose.own_sentence,
        "deciding": prose.deciding_part,
        "value_in": lambda value, unit: prose.value_text(unit, value),
        "change_in": lambda value, unit: prose.change_text(unit, value),
        "size_in": prose.size_text,
        "words": prose.metric_words,
        "in_utc": prose.in_utc,
    }
    environment.globals |= {"VERDICTS": verdict_prose.VERDICTS, "FINDINGS": prose.FINDINGS}
    return environment
