"""tests/ mirrors analysis/: one folder a room, one name a file, fixtures apart from tests."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from tests.house.import_rules import imported_names
from tests.house.source_tree import parsed

FOLDERS_WITHOUT_ROOM = {"benchmarks", "browser", "faults", "fixtures", "house"}
FILES_WITHOUT_MODULE = {
    "audit_report.py",
    "conftest.py",
    "test_public_names.py",
    "test_recipes.py",
    "test_supply_chain.py",
}
SHOWS_A_FAILURE = ("assert", "raises", "warns", "fail", "check", "expect")


def mirror_faults(tests: Iterable[str], modules: Iterable[str]) -> list[str]:
    """Folders of tests/ that are no room, and test files in tests/ that belong to no module."""
    modules = list(modules)
    rooms = {str(PurePosixPath(name).parent.relative_to("analysis")) for name in modules}
    root = {PurePosixPath(name).stem for name in modules if name.count("/") == 1}
    faults = []
    for path in (PurePosixPath(name).relative_to("tests") for name in tests):
        folder = str(path.parent)
        if folder == ".":
            known = path.name in FILES_WITHOUT_MODULE or path.stem.removeprefix("test_") in root
            if not known:
                faults.append(f"tests/{path} belongs to no module of analysis/")
        elif folder not in rooms and path.parts[0] not in FOLDERS_WITHOUT_ROOM:
            faults.append(f"tests/{path}: analysis/{folder} does not exist")
    return faults


def doubled_names(tests: Iterable[str]) -> list[str]:
    """Names that two test files have."""
    names = Counter(PurePosixPath(name).name for name in tests)
    return sorted(name for name, count in names.items() if count > 1 and name.startswith("test_"))


def faults_of_test_file(name: str, text: str) -> list[str]:
    """A test file imported by another, a fixture file without a docstring, tests without checks."""
    tree = parsed(text)
    faults = [
        f"line {line} imports a test module: {imported}"
        for line, imported in imported_names(tree, name)
        if imported.startswith("tests.")
        and any(part.startswith("test_") for part in imported.split("."))
    ]
    if not PurePosixPath(name).name.startswith("test_") and not ast.get_docstring(tree):
        faults.append("has no docstring that says what it makes")
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return faults + [
        f"{function} checks nothing"
        for function in functions
        if function.startswith("test_") and not _checks(function, functions, set())
    ]


def _checks(name: str, functions: Mapping[str, ast.FunctionDef], seen: set[str]) -> bool:
    """Whether a function asserts, itself or by a function of the same file that it calls."""
    if name not in functions or name in seen:
        return name.lstrip("_").startswith(SHOWS_A_FAILURE)
    nodes = list(ast.walk(functions[name]))
    if any(isinstance(node, ast.Assert) for node in nodes):
        return True
    called = {
        ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)
    }
    return any(_checks(other, functions, seen | {name}) for other in called)
