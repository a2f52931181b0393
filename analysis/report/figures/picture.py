"""A drawn figure as SVG for a page: title, description, caption, colours that a page can change, nothing else."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG

from analysis.report.figures import ink
from analysis.text.captions import Words

_NAMED = {
    ink.BEFORE: "before",
    ink.AFTER: "after",
    ink.AFTER_TEXT: "after-text",
    ink.INK: "ink",
    ink.MUTED: "muted",
    ink.GRID: "grid",
    ink.BAND: "band",
    ink.PAPER: "paper",
    ink.GOOD: "good",
    ink.WARN: "warn",
}
_COLOUR = re.compile("|".join(_NAMED), re.IGNORECASE)
_FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,DejaVu Sans,sans-serif"


@dataclass(frozen=True)
class Picture:
    """One figure, ready to be shown.

    Attributes
    ----------
    name : unique on its page; the name of its file.
    heading : what it shows, a few words that stand above it.
    title : the same, whole, for who sees only this figure.
    alt : what it says, in one or two sentences with numbers, for who cannot see it.
    caption : what it proves.
    svg : a whole <svg> element.
    """

    name: str
    heading: str
    title: str
    alt: str
    caption: str
    svg: str

    def _repr_html_(self) -> str:
        heading, caption = html.escape(self.heading), html.escape(self.caption)
        return (
            f'<figure id="figure-{self.name}" class="figure"><p class="figure-heading">{heading}</p>\n{self.svg}\n'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": f"{self.title}: {self.alt}"}


def make_picture(
    draw: Callable[[Axes, Any], None],
    prepared: Any,
    words: Words,
    *,
    name: str,
    height_in: float = ink.HEIGHT_IN,
) -> Picture:
    """Draw on fresh axes and keep the SVG with its words."""
    figure, axes = ink.new_axes(height_in)
    draw(axes, prepared)
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify_threshold": 0.2}
    ):
        sink = io.StringIO()
        FigureCanvasSVG(figure).print_svg(
            sink, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = tidy(sink.getvalue(), name=name, title=words.title, alt=words.alt)
    return Picture(name, words.heading, words.title, words.alt, words.caption, svg)


def tidy(svg: str, *, name: str, title: str, alt: str) -> str:
    """The SVG element alone, small, with title and description, ids that are unique on the page and colours as CSS variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<g id=\"[^\"]*\"", "<g", svg)
    svg = re.sub(r"(id=\"|url\(#|href=\"#)", rf"\g<1>{name}-", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"(\d\.\d\d)\d+", r"\1", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r" transform=\"rotate\(-?0(?:\.0+)? [^\"]*\"", "", svg)
    svg = _COLOUR.sub(lambda match: f"var(--{_NAMED[match[0].lower()]},{match[0]})", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    size = re.search(r"viewBox=\"([^\"]+)\"", svg)[1]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'data-figure="{name}" style="background:var(--paper,#fff);font-family:{_FONT}">\n'
        f'<title id="{name}-title">{html.escape(title)}</title>\n<desc id="{name}-desc">{html.escape(alt)}</desc>'
    )
    return head + svg[svg.index(">") + 1 :]
