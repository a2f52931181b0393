"""The executed notebook as one page: nbconvert's exporter with our own template, no request to any host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from analysis.report.rendering import TEMPLATES, anchor_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from analysis.report.places import PageFacts

_HEADING = re.compile(r"<h([123])(?: [^>]*)?>(.*?)</h\1>", re.DOTALL)
_FIGURE = re.compile(r"<svg [^>]*data-figure=\"([^\"]+)\".*?</svg>", re.DOTALL)


class PageExporter(TemplateExporter):
    """nbconvert with our template: no theme, no script, no MathJax, nothing fetched."""

    output_mimetype = "text/html"

    def _template_paths(
        self, prune: bool = True, root_dirs: Any = None
    ) -> list[str]:  # the parent's look for installed themes
        return [str(TEMPLATES)]

    def _get_conf(self) -> dict[str, Any]:
        return {}

    def default_filters(self) -> Iterable[tuple[str, Any]]:
        """nbconvert's filters and our two."""
        yield from super().default_filters()
        yield "markdown_with_anchors", markdown_with_anchors
        yield "shown_output", shown_output


def export_page(notebook: NotebookNode, facts: PageFacts) -> str:
    """The whole page as text."""
    exporter = PageExporter(template_paths=[str(TEMPLATES)], template_file="notebook.html.j2")
    return exporter.from_notebook_node(notebook, resources={"page": facts})[0]


def figures_of(page: str) -> dict[str, str]:
    """The figures of a page by name, each a whole SVG file."""
    return {match[1]: match[0] + "\n" for match in _FIGURE.finditer(page)}


def markdown_with_anchors(text: str) -> str:
    """Markdown as HTML; every section heading can be linked to."""
    made = MarkdownWithMath(
        renderer=IPythonRenderer(escape=True, exclude_anchor_links=True)
    ).render(text)
    return _HEADING.sub(_anchored, made)


def shown_output(output: Any) -> Any:
    """The output if a reader sees anything of it, else None: results and errors for the runner are not for the page."""
    if output.output_type == "stream":
        return output if output.text.strip() else None
    data = output.get("data", {})
    return output if data.get("text/html") or set(data) == {"text/plain"} else None


def _anchored(match: re.Match[str]) -> str:
    level, words = match[1], match[2]
    if level == "1":
        return f"<h1>{words}</h1>"
    anchor = anchor_of(words)
    return f'<h{level} id="{anchor}">{words}<a class="anchor" href="#{anchor}" aria-label="Link to: {words}">#</a></h{level}>'
