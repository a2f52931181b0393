"""Small notebooks for tests of the runner."""

from __future__ import annotations

import json
from pathlib import Path

PUBLISH = (
    "from IPython.display import publish_display_data\n"
    "publish_display_data({'application/vnd.rollout.result+json': {'schema': 1, 'window': window}})"
)
PARAMETERS = "window: str = '4h'  # which look\nlimit: int = 3  # how many\nfast: bool = False  # no figures\nshare: float = 0.5  # of calls"


def write_notebook(path: Path, *cells: str, parameters: str | None = PARAMETERS) -> Path:
    """A notebook with a heading, a parameters cell (None: none), and a heading before each cell."""
    made = [_markdown("question", "# Did it work?")]
    if parameters is not None:
        made.append(_code("parameters", parameters) | {"metadata": {"tags": ["parameters"]}})
    for number, source in enumerate(cells):
        made += [
            _markdown(f"heading-{number}", f"## Question {number}"),
            _code(f"cell-{number}", source),
        ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(
        json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}),
        encoding="utf-8",
    )
    return path


def _markdown(name: str, text: str) -> dict[str, object]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def _code(name: str, text: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": text,
        "outputs": [],
        "execution_count": None,
    }
