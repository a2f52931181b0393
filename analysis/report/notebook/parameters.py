"""Parameters of a notebook, checked against its `parameters` cell before anything starts.

papermill only logs an unknown parameter.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from analysis.errors import WrongUse
from analysis.leaks import find_leak, quote


def check_parameters(notebook: Path, values: Mapping[str, str]) -> None:
    """Refuse an unknown parameter, a secret and a URL; a value is never shown."""
    declared = declared_parameters(notebook)
    for name, value in values.items():
        if name not in declared:
            near = get_close_matches(name, declared, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else "; it has none"
            raise WrongUse(f"notebook {quote(notebook.name)} has no parameter {quote(name)}{hint}")
        if "://" in value or find_leak(value):
            raise WrongUse(
                f"parameter {name!r} holds what looks like a URL or a secret, and the notebook "
                "stores its parameters in clear text; put the value into an environment "
                "variable and the variable's name into [source].url_env"
            )


def declared_parameters(notebook: Path) -> list[str]:
    """The names in the cell tagged `parameters`, a line `name: str = "default"` each."""
    name = quote(notebook.name)
    tagged = [
        cell
        for cell in _read_cells(notebook)
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1:
        raise WrongUse(
            f"notebook {name} has {len(tagged)} cells tagged 'parameters' instead of one; "
            "tag the cell that declares them"
        )
    try:
        statements = ast.parse("".join(tagged[0]["source"])).body
    except SyntaxError:
        statements = [ast.Pass(lineno=1)]
    names = []
    for statement in statements:
        match statement:
            case ast.AnnAssign(
                target=ast.Name(id=parameter),
                annotation=ast.Name(id="str"),
                value=ast.Constant(value=str()),
            ):
                names.append(parameter)
            case _:
                raise WrongUse(
                    f"line {statement.lineno} of the parameters of notebook {name} is not "
                    "'name: str = \"default\"'"
                )
    return names


def _read_cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells as JSON: importing nbformat first would take longer than refusing a mistake."""
    name, advice = quote(notebook.name), "restore it from the repository"
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrongUse(f"notebook {name} is not there; notebooks lie in notebooks/") from None
    except (OSError, ValueError):
        raise WrongUse(f"notebook {name} cannot be read as a notebook; {advice}") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise WrongUse(f"notebook {name} has no cells; {advice}")
    return cells
