"""An executed notebook as one HTML page that requests nothing from any host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from analysis.config import Settings
from analysis.report.page_templates import anchor_of, render
from analysis.results.baseline import BaselineResult
from analysis.results.model import LookResult

if TYPE_CHECKING:
    from nbformat import NotebookNode


def export_page(
    notebook: NotebookNode, settings: Settings, result: LookResult | BaselineResult, folder: Path
) -> str:
    """The page of the report in `folder`; results and errors for the runner are not shown."""
    blocks: list[tuple[Markup, str]] = []
    quiet = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            blocks.append((markdown_as_html(cell.source), ""))
        elif cell.cell_type == "code":
            outputs = list(filter(None, map(_output_as_html, cell.outputs)))
            if outputs:
                blocks.append((Markup("\n").join(outputs), cell.source))
            elif cell.source.strip():
                quiet.append(cell.source)
    return render(
        "notebook.html.j2",
        settings=settings,
        result=result,
        up=settings.paths.up_from(folder),
        blocks=blocks,
        quiet=quiet,
    )


def markdown_as_html(text: str) -> Markup:
    """Markdown as HTML; every heading below the first level can be linked to."""
    return Markup(MarkdownWithMath(renderer=_Renderer(escape=True)).render(text))


class _Renderer(IPythonRenderer):
    def heading(self, text: str, level: int, **_: Any) -> str:
        if level == 1:
            return f"<h1>{text}</h1>\n"
        anchor = anchor_of(text)
        link = f'<a class="anchor" href="#{anchor}" aria-label="Link to: {text}">#</a>'
        return f'<h{level} id="{anchor}">{text}{link}</h{level}>\n'


def _output_as_html(output: Any) -> Markup | None:
    """What a reader sees of an output; None when there is nothing."""
    if output.output_type == "stream":
        return Markup("<pre>{}</pre>").format(output.text) if output.text.strip() else None
    data = output.get("data", {})
    if html := data.get("text/html"):
        return Markup(html)
    if set(data) == {"text/plain"}:
        return Markup("<pre>{}</pre>").format(data["text/plain"])
    return None
