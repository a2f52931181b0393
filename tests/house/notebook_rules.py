"""Notebooks: a question, one cell of parameters, then calls and figures; no logic."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from tests.house.import_rules import ROOM_OF_LIBRARY, imported_names

CELL_LINES = 12
LOGIC = (
    ast.AsyncFor,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.For,
    ast.FunctionDef,
    ast.While,
)
WRITERS = re.compile(
    r"(^|\.)(open|savefig|write\w*|mkdir|unlink|rename"
    r"|to_(csv|parquet|excel|json|pickle|sql|feather|latex|markdown))$"
)
SQL = re.compile(r"\bselect\b.+\bfrom\b", re.IGNORECASE | re.DOTALL)


def notebook_faults(notebook: dict[str, Any]) -> list[str]:
    """Faults of a notebook: heading, parameters, saved outputs, and each cell's code."""
    cells, faults = notebook["cells"], []
    if not "".join(cells[0]["source"]).startswith("# "):
        faults.append("does not begin with a heading that asks its question")
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        faults.append(f"has {len(tagged)} cells tagged 'parameters' instead of one")
    for number, cell in enumerate(cells, 1):
        source = "".join(cell["source"])
        found = [f"is longer than {CELL_LINES} lines"] * (source.count("\n") >= CELL_LINES)
        if cell["cell_type"] == "code":
            if cell.get("outputs") or cell.get("execution_count"):
                found.append("holds saved output")
            found += code_faults(source, parameters=cell in tagged)
        faults += [f"cell {number} {fault}" for fault in found]
    return faults


def code_faults(source: str, *, parameters: bool = False) -> list[str]:
    """Faults of the code of one cell."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ["is not plain Python"]
    faults = [fault for node in ast.walk(tree) for fault in _node_faults(node)]
    if parameters and not _only_parameters(tree, source):
        faults.append("has a parameter that is not written as `name: type = value  # help`")
    libraries = {imported.partition(".")[0] for _, imported in imported_names(tree, "cell.py")}
    return faults + [
        f"imports {library}, which belongs to analysis/{ROOM_OF_LIBRARY[library]}"
        for library in sorted(libraries & ROOM_OF_LIBRARY.keys())
    ]


def _only_parameters(tree: ast.Module, source: str) -> bool:
    lines = [line.strip() for line in source.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    return all(isinstance(node, ast.AnnAssign) for node in tree.body) and all(
        "  # " in line for line in code
    )


def _node_faults(node: ast.AST) -> Iterator[str]:
    if isinstance(node, LOGIC):
        yield f"holds a {type(node).__name__}; logic belongs to analysis/"
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and SQL.search(node.value):
            yield "holds SQL; queries belong to sql/"
    elif isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        if function != "analysis.open" and WRITERS.search(function):
            yield f"writes or opens a file by {function}()"
    elif isinstance(node, ast.Compare):
        if any(_is_number(side) for side in [node.left, *node.comparators]):
            yield "compares with a number; thresholds belong to rollout.toml"
    elif isinstance(node, ast.Attribute) and node.attr in {"rcParams", "style"}:
        yield "styles a figure; that belongs to analysis/report/figures"


def _is_number(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    )
