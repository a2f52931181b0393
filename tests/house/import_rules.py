"""Imports: each module imports from lower floors or its own room, never in a circle.

Every import counts: at the top, inside a function, for the type checker only.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.house.source_tree import parsed

FLOORS = (  # from the ground up
    ("errors", "leaks"),
    ("clock",),
    ("files", "paths", "window", "outcomes", "claim_kinds", "metric_kinds"),
    ("metrics",),
    ("formatting",),
    ("counts",),
    ("config",),
    ("statistics",),
    ("history",),
    ("telemetry",),
    ("sample",),
    ("counting",),
    ("decision",),
    ("results",),
    ("figure_data",),
    ("text",),
    ("judge",),
    ("rollout",),
    ("doctor",),
    ("report",),
    ("deployment",),
    ("cli",),
    ("__init__", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
KEPT_APART = {  # lower floors that a room does without
    "statistics": {"config"},
    "decision": {"formatting"},
}
ROOM_OF_LIBRARY = {  # the only folders of analysis/ that may import a library
    "IPython": "report/notebook/",
    "clickhouse_connect": "telemetry/engines/",
    "duckdb": "telemetry/engines/",
    "filelock": "history/",
    "grpc": "telemetry/engines/",
    "httpx": "deployment/",
    "ipykernel": "report/notebook/",
    "ipywidgets": "report/explore/",
    "jinja2": "report/",
    "jupyter_client": "report/notebook/",
    "matplotlib": "report/figures/",
    "nbclient": "report/notebook/",
    "nbconvert": "report/notebook/",
    "nbformat": "report/",
    "papermill": "report/notebook/",
    "psycopg2": "telemetry/engines/",
    "py4j": "telemetry/engines/",
    "pyarrow": "counting/",
    "pyspark": "telemetry/engines/",
    "sqlalchemy": "telemetry/engines/",
    "sqlglot": "telemetry/",
    "tenacity": "deployment/",
    "typer": "cli/",
}


def module_of(name: str) -> str:
    """``analysis/config/__init__.py`` -> ``analysis.config``."""
    return ".".join(Path(name).with_suffix("").parts).removesuffix(".__init__")


def imported_names(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports: ``a.b.c`` for `from a.b import c`."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            yield from ((line, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = Path(name).parts[: -node.level] if node.level else ()
            package = ".".join(filter(None, [*parts, node.module]))
            yield from ((line, f"{package}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            for first in node.args[:1]:
                if isinstance(first, ast.Constant):
                    yield line, str(first.value)


def import_faults(name: str, text: str) -> list[str]:
    """Imports from a higher floor, of a room kept apart, or of another room's library."""
    inside = Path(name).relative_to("analysis").as_posix()
    room = inside.split("/")[0].removesuffix(".py")
    if room not in FLOOR_OF:
        return [f"'{room}' has no floor; add it to FLOORS (tests/house/import_rules.py)"]
    faults = []
    for line, imported in imported_names(parsed(text), name):
        library, *parts = imported.split(".")
        home = ROOM_OF_LIBRARY.get(library, "")
        if not inside.startswith(home):
            faults.append(f"line {line} imports {library}, which belongs to analysis/{home}")
        if library != "analysis" or room == "__main__" or parts[:1] in ([room], ["__version__"]):
            continue
        there = parts[0] if parts and parts[0] in FLOOR_OF else "__init__"
        if FLOOR_OF[there] >= FLOOR_OF[room]:
            faults.append(f"line {line} imports {imported}, which is not on a lower floor")
        elif there in KEPT_APART.get(room, ()):
            faults.append(f"line {line} imports {imported}; {room} does without {there}")
    return faults


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Module -> the modules that it imports, among the files given by name and text."""
    names = {module_of(name): name for name in texts}
    graph: dict[str, set[str]] = {}
    for module, name in names.items():
        graph[module] = set()
        for _, imported in imported_names(parsed(texts[name]), name):
            target = imported if imported in names else imported.rpartition(".")[0]
            if target in names and imported != "analysis.__version__" and target != module:
                graph[module].add(target)
    return graph


def import_circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Every circle, as ``a -> b -> a``; each is counted once."""
    graph, circles = {module: set(targets) for module, targets in graph.items()}, []
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return circles
        except CycleError as error:
            circle = error.args[1][::-1]  # graphlib lists the imported module first
            circles.append(" -> ".join(circle))
            graph[circle[0]].discard(circle[1])
