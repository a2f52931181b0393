"""Parameters of a notebook, checked against its `parameters` cell before anything starts.

papermill only logs an unknown parameter, and takes any type.
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

Value = str | int | float | bool
_TYPES: dict[str, type[Value]] = {"str": str, "int": int, "float": float, "bool": bool}


def check_parameters(notebook: Path, values: Mapping[str, Value]) -> None:
    """Refuse an unknown parameter, a wrong type, a secret or a URL; a value is never shown."""
    declared = declared_parameters(notebook)
    for name, value in values.items():
        if name not in declared:
            near = get_close_matches(name, declared, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else "; it has none"
            raise WrongUse(f"notebook {quote(notebook.name)} has no parameter {quote(name)}{hint}")
        if type(value) is not _TYPES[declared[name]] and not (
            declared[name] == "float" and type(value) is int
        ):
            raise WrongUse(
                f"parameter {name!r} must be of type {declared[name]}, not {type(value).__name__}"
            )
        if isinstance(value, str) and ("://" in value or find_leak(value)):
            raise WrongUse(
                f"parameter {name!r} holds what looks like a URL or a secret, and the notebook "
                "stores its parameters in clear text; put the value into an environment "
                "variable and the variable's name into [source].url_env"
            )


def declared_parameters(notebook: Path) -> dict[str, str]:
    """Name and type of each line `name: type = default` of the cell tagged `parameters`."""
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
        raise WrongUse(
            f"the parameters of notebook {name} are not plain Python; write name: type = value"
        ) from None
    found = {}
    for statement in statements:
        match statement:
            case ast.AnnAssign(
                target=ast.Name(id=parameter),
                annotation=ast.Name(id=type_name),
                value=ast.Constant() | ast.UnaryOp(),
            ) if type_name in _TYPES:
                found[parameter] = type_name
            case _:
                raise WrongUse(
                    f"line {statement.lineno} of the parameters of notebook {name} is not "
                    f"'name: type = value' with a type of {', '.join(_TYPES)}"
                )
    return found


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
