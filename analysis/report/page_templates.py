"""Fill the templates: every value is escaped, and numbers are written the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import clock, formatting
from analysis.metrics import recorded_metric
from analysis.report.mime_types import FIGURES_MIME, RESULT_MIME
from analysis.results.baseline import BaselineResult
from analysis.results.model import LookResult
from analysis.text import records
from analysis.text.verdict_labels import VERDICTS, VerdictWords

if TYPE_CHECKING:
    from analysis.report.figures.picture import Picture

TEMPLATES = Path(__file__).with_name("templates")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()|#!~&$]|(?<=\w):(?=//)|(?<=www)\.)")
_MENTION = re.compile(r"([@#])(?=\w)")


@dataclass(frozen=True)
class Section:
    """A piece of a page.

    Attributes
    ----------
    html : for the page and JupyterLab.
    text : plain sentences, for a terminal.
    figures : the figures of the piece, as SVG files by name.
    """

    html: str
    text: str
    figures: dict[str, str] = field(default_factory=dict)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/html": self.html, "text/plain": self.text}
        return bundle | ({FIGURES_MIME: self.figures} if self.figures else {})

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PublishedResult:
    """The object of result.json; shown by the last cell, it says that the notebook is whole."""

    content: LookResult | BaselineResult

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {RESULT_MIME: self.content.as_json(), "text/plain": "the result, as in result.json"}


def make_section(
    template: str, text: str, *, pictures: Sequence[Picture] = (), **values: Any
) -> Section:
    """Fill a template of `sections/`."""
    html = render(f"sections/{template}.html.j2", pictures=pictures, **values)
    return Section(html, text, {picture.name: picture.svg for picture in pictures})


def sentences(lines: Sequence[str]) -> Section:
    """A section of sentences alone."""
    return make_section("pictures", "\n".join(lines), lines=lines)


def render(template: str, **values: Any) -> str:
    """Fill a template."""
    return _environment().get_template(template).render(**values)


def anchor_of(heading: str) -> str:
    """The name of a section in the page's address.

    >>> anchor_of("Did it break anything?")
    'did-it-break-anything'
    """
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"<[^>]*>", "", heading).lower()).strip("-")


def escape_markdown(text: str) -> str:
    r"""A text as Markdown shows it: no link, mention, HTML, table cell or code begins in it.

    >>> escape_markdown("a|b @team [x](https://y)").replace("\\", "/")
    'a/|b @&#8203;team /[x/]/(https/://y/)'
    """
    line = " ".join(text.splitlines())
    return _MENTION.sub(r"\1&#8203;", _MARKDOWN.sub(r"\\\1", line))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: ".html" in (name or ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": formatting.count,
        "p": formatting.p_value,
        "when": formatting.when,
        "changed": records.changed_text,
        "interval": records.interval_text,
        "claim": records.asked_text,
        "visible": records.detectable_text,
        "p_text": records.p_text,
        "calls_text": records.calls_text,
        "deciding": records.deciding_part,
        "value_in": formatting.value_in,
        "change_in": formatting.change_in,
        "size_in": formatting.size_in,
        "words": lambda name: recorded_metric(name).words,
        "anchor": anchor_of,
        "md": escape_markdown,
    }
    environment.globals |= {
        "VERDICTS": VERDICTS,
        "NO_VERDICT": VerdictWords("No look yet", "", "…", "none"),
        "FINDINGS": records.FINDINGS,
        "now": lambda: clock.now().replace(microsecond=0),
    }
    return environment
