"""A drawn figure: an SVG that pages embed and files hold, with its text and changeable colours."""

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
from matplotlib.figure import Figure
from matplotlib.layout_engine import TightLayoutEngine

from analysis.report.figures import style
from analysis.report.mime_types import FIGURES_MIME
from analysis.text.captions.figure_text import FigureText

_COLOUR_NAMES = {
    style.BEFORE: "before",
    style.AFTER: "after",
    style.AFTER_TEXT: "after-text",
    style.INK: "ink",
    style.MUTED: "muted",
    style.GRID: "grid",
    style.BAND: "band",
    style.PAPER: "paper",
    style.GOOD: "good",
}
_COLOUR = re.compile("|".join(_COLOUR_NAMES), re.IGNORECASE)
_NOT_NEEDED = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_SHORTER = (  # what matplotlib writes -> what a page needs
    (re.compile(r"<g id=\"[^\"]*\""), "<g"),
    (re.compile(r"(\d\.\d\d)\d+"), r"\1"),
    (re.compile(r"font: ([\d.]+)px [^;\"]*"), r"font-size: \1px"),
    (re.compile(r"font-family: [^;\"]*;? ?"), ""),
    (re.compile(r" transform=\"rotate\(-?0(?:\.0+)? [^\"]*\""), ""),
    (re.compile(r"\s*\n\s*"), "\n"),
)
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,DejaVu Sans,sans-serif"


@dataclass(frozen=True)
class Picture:
    """One figure, ready to be shown.

    Attributes
    ----------
    name : unique on its page; the name of its file.
    text : heading, title, alternative text and caption.
    svg : a whole <svg> element, which is also a whole file.
    """

    name: str
    text: FigureText
    svg: str

    def __html__(self) -> str:
        """The figure in a page, for templates."""
        heading, caption = html.escape(self.text.heading), html.escape(self.text.caption)
        return (
            f'<figure id="figure-{self.name}" class="figure">'
            f'<p class="figure-heading">{heading}</p>\n{self.svg}\n'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/html": self.__html__(),
            "text/plain": f"{self.text.title}: {self.text.alt}",
            FIGURES_MIME: {self.name: self.svg},
        }


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    Attributes
    ----------
    name : begins the name of its file.
    draw : draws the data on axes.
    describe : its text, from the data and, where there is one, the label of the calls.
    height_in : the height that the data need, in inches.
    """

    name: str
    draw: Callable[[Axes, Any], None]
    describe: Callable[..., FigureText]
    height_in: Callable[[Any], float] = lambda prepared: style.HEIGHT_IN

    def picture(self, prepared: Any, *label: str, metric: str = "") -> Picture:
        """Draw in our style; label and metric make the name of the file unique."""
        name, text = file_name(self.name, metric, *label), self.describe(prepared, *label)
        stream = io.StringIO()
        with mpl.rc_context({**style.RC, "svg.hashsalt": name}):
            size = (style.WIDTH_IN, self.height_in(prepared))
            layout = TightLayoutEngine(pad=0.4)  # one pass; "constrained" takes two
            figure = Figure(figsize=size, layout=layout)
            self.draw(figure.add_subplot(), prepared)
            FigureCanvasSVG(figure).print_svg(stream, metadata=_NO_METADATA)
        return Picture(name, text, _page_svg(stream.getvalue(), name, text))


def file_name(*parts: str) -> str:
    """A name that is safe for a file and an anchor; empty parts are left out.

    >>> file_name("cliff", "", "draft.verify email")
    'cliff-draft-verify-email'
    """
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts if part)


def _page_svg(svg: str, name: str, text: FigureText) -> str:
    """The SVG for a page: small, described, ids unique on the page, colours as CSS variables."""
    drawn = _NOT_NEEDED.sub("", svg[svg.index("<svg") :])
    drawn = re.sub(r"(id=\"|url\(#|href=\"#)", rf"\g<1>{name}-", drawn).replace("xlink:", "")
    for pattern, replacement in _SHORTER:
        drawn = pattern.sub(replacement, drawn)
    drawn = _COLOUR.sub(_colour_variable, drawn)
    head, _, body = drawn.partition(">")
    size = head.partition('viewBox="')[2].partition('"')[0]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" data-figure="{name}" '
        f'style="background:var(--paper,#fff);font-family:{_FONT}">\n'
        f'<title id="{name}-title">{html.escape(text.title)}</title>\n'
        f'<desc id="{name}-desc">{html.escape(text.alt)}</desc>{body}'
    )


def _colour_variable(match: re.Match[str]) -> str:
    return f"var(--{_COLOUR_NAMES[match[0].lower()]},{match[0]})"
