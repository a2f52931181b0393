"""Parameters of a notebook, checked against its `parameters` cell before anything starts."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from analysis.errors import WrongUse
from analysis.leaks import find_leak, quote

Value = str | int | float | bool
_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


@dataclass(frozen=True)
class Parameter:
    """One line of the cell: `name: type = default`."""

    name: str
    type_name: str
    default: Value


def read_notebook(notebook: Path) -> dict[str, Any]:
    """The notebook as JSON; what is no notebook is refused by name."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrongUse(
            f"notebook {quote(notebook.name)} is not there; notebooks lie in notebooks/"
        ) from None
    except (OSError, ValueError):
        raise WrongUse(
            f"notebook {quote(notebook.name)} cannot be read as a notebook; restore it from the repository"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise WrongUse(
            f"notebook {quote(notebook.name)} has no cells; restore it from the repository"
        )
    return content


def declared_parameters(notebook: Path) -> dict[str, Parameter]:
    """What the cell tagged `parameters` declares."""
    cells = [
        cell
        for cell in read_notebook(notebook)["cells"]
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(cells) != 1:
        raise WrongUse(
            f"notebook {quote(notebook.name)} has {len(cells)} cells tagged 'parameters' instead of one; tag the cell that declares them"
        )
    try:
        statements = ast.parse("".join(cells[0]["source"])).body
    except SyntaxError:
        raise WrongUse(
            f"the parameters of notebook {quote(notebook.name)} are not plain Python; write name: type = value"
        ) from None
    found = [_parameter(statement, notebook) for statement in statements]
    return {parameter.name: parameter for parameter in found}


def check_parameters(notebook: Path, values: Mapping[str, Value]) -> None:
    """Refuse an unknown parameter, one of the wrong type, and one that holds a secret or a URL; values are never echoed."""
    declared = declared_parameters(notebook)
    for name, value in values.items():
        if name not in declared:
            near = get_close_matches(name, declared, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else "; it has none"
            raise WrongUse(f"notebook {quote(notebook.name)} has no parameter {quote(name)}{hint}")
        _check_type(declared[name], value)
        _check_harmless(name, value)


def _parameter(statement: ast.stmt, notebook: Path) -> Parameter:
    """Read `name: type = default`."""
    if (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
    ):
        type_name = ast.unparse(statement.annotation)
        if type_name in _TYPES and isinstance(statement.value, ast.Constant | ast.UnaryOp):
            return Parameter(statement.target.id, type_name, ast.literal_eval(statement.value))
    raise WrongUse(
        f"line {statement.lineno} of the parameters of notebook {quote(notebook.name)} is not 'name: type = value' "
        f"with a type of {', '.join(_TYPES)}"
    )


def _check_type(parameter: Parameter, value: object) -> None:
    wanted = _TYPES[parameter.type_name]
    fits = type(value) is wanted or (wanted is float and type(value) is int)
    if not fits:
        raise WrongUse(
            f"parameter {parameter.name!r} must be of type {parameter.type_name}, not {type(value).__name__}"
        )


def _check_harmless(name: str, value: object) -> None:
    if isinstance(value, str) and ("://" in value or find_leak(value)):
        raise WrongUse(
            f"parameter {name!r} holds what looks like a URL or a secret, and parameters are kept in clear in the notebook; "
            "put it into an environment variable and its name into [source].url_env"
        )


def imported_modules(notebook: Path) -> list[str]:
    """The modules of this package that the cells import."""
    found: dict[str, None] = {}
    for cell in read_notebook(notebook)["cells"]:
        source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        for line in source.splitlines():
            words = line.split()
            if (
                len(words) > 1
                and words[0] in ("from", "import")
                and words[1].split(".")[0] == "analysis"
            ):
                found["analysis.judge" if words[1] == "analysis" else words[1]] = None
    return list(found)
