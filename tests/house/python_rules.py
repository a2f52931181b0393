"""Python: one clock, one way to write a file, no optional methods, no two classes of one name."""

import ast
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.house.source_tree import parsed

MODULE_LINES, LINE_COLUMNS, REPEATED_LINES = 250, 100, 6
REAL_CLOCK = re.compile(r"(datetime|date|Timestamp)\.(now|utcnow|today)$|(^|\.)time\.time(_ns)?$")
WRITERS = {
    "to_csv",
    "to_excel",
    "to_parquet",
    "to_pickle",
    "write_bytes",
    "write_table",
    "write_text",
}
WRITE_MODE = re.compile(r"'[rbt]*[wax+][rbt+]*'")


def clock_faults(name: str, text: str) -> list[str]:
    """Time comes from analysis/clock.py, so that a test can set it; `time.monotonic` is fine."""
    if name == "analysis/clock.py":
        return []
    return [
        f"line {call.lineno} reads the real clock; use analysis.clock"
        for call in _calls(parsed(text))
        if REAL_CLOCK.search(ast.unparse(call.func))
    ]


def write_faults(name: str, text: str) -> list[str]:
    """Files are written by analysis/files.py, or to the temporary name of its `atomic_write`."""
    if name == "analysis/files.py":
        return []
    tree = parsed(text)
    temporary = {
        id(item.context_expr)
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if item.optional_vars and ast.unparse(item.optional_vars).startswith("temporary")
    }
    return [
        f"line {call.lineno} writes a file; use analysis.files, "
        "or `with atomic_write(path) as temporary`"
        for call in _calls(tree)
        if id(call) not in temporary and _writes(call)
    ]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _writes(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    words = [ast.unparse(value) for value in values]
    if function.startswith(("files.", "temporary")):
        return False
    if any(word.startswith("temporary") for word in words):
        return False
    owner, _, method = function.rpartition(".")
    if method == "open":
        return any(WRITE_MODE.fullmatch(word) for word in words)
    return bool(owner) and method in WRITERS and (bool(words) or method.startswith("write"))


def attributes_of(texts: Mapping[str, str]) -> frozenset[str]:
    """Every method and annotated field of the classes in these files."""
    return frozenset(
        item.name if isinstance(item, ast.FunctionDef) else item.target.id
        for text in texts.values()
        for node in ast.walk(parsed(text))
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef)
        or (isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name))
    )


def optional_attribute_faults(text: str, attributes: frozenset[str]) -> list[str]:
    """`getattr` and `hasattr` with the literal name of an attribute of our own classes.

    An attribute that may be missing is declared by a protocol or a base class instead.
    """
    return [
        f"line {call.lineno} asks for '{call.args[1].value}' by {call.func.id}; declare it"
        for call in _calls(parsed(text))
        if isinstance(call.func, ast.Name)
        and call.func.id in {"getattr", "hasattr"}
        and isinstance(call.args[1], ast.Constant)
        and call.args[1].value in attributes
    ]


def blanket_ignore_faults(text: str) -> list[str]:
    """`type: ignore` names its error and gives a reason; `noqa` names its rule."""
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"#\s*type:\s*ignore", line) and not re.search(
            r"# type: ignore\[[\w, -]+\]  # \S", line
        ):
            faults.append(f"line {number} ignores a type without a code and a reason")
        if re.search(r"#\s*noqa(?!: [A-Z]+\d)", line):
            faults.append(f"line {number} has a noqa without a rule")
    return faults


def long_line_faults(text: str) -> list[str]:
    """Lines of more than 100 columns; combining characters take none."""
    widths = (
        sum(not unicodedata.category(character).startswith("M") for character in line)
        for line in text.splitlines()
    )
    return [
        f"line {number} has {width} columns"
        for number, width in enumerate(widths, 1)
        if width > LINE_COLUMNS
    ]


def classes_of_one_name(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Public classes that stand in more than one file, with these files."""
    files = defaultdict(list)
    for name, text in texts.items():
        for node in ast.walk(parsed(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].append(name)
    return {name: found for name, found in files.items() if len(found) > 1}


def repeated_code(texts: Mapping[str, str]) -> list[str]:
    """Runs of six or more lines of code that stand twice; blank and bracket lines do not count."""
    windows = defaultdict(list)
    for name, text in texts.items():
        lines = list(_code_lines(text))
        for start in range(len(lines) - REPEATED_LINES + 1):
            window = lines[start : start + REPEATED_LINES]
            key = "\n".join(line for _, line in window)
            windows[key].append((name, window[0][0]))
    places = sorted(tuple(found) for found in windows.values() if len(found) > 1)
    faults, last = [], ()
    for found in places:  # consecutive windows of one run are one fault
        if (
            not last
            or [name for name, _ in found] != [name for name, _ in last]
            or any(
                not 0 < line - before <= REPEATED_LINES
                for (_, line), (_, before) in zip(found, last, strict=True)
            )
        ):
            faults.append(" = ".join(f"{name}:{line}" for name, line in found))
        last = found
    return faults


def _code_lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of the lines of code, without docstrings, imports, comments and brackets."""
    left_out = set()
    for node in ast.walk(parsed(text)):
        is_string = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_string or isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= set(range(node.lineno, node.end_lineno + 1))
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if number not in left_out and re.search(r"\w", line) and not line.startswith("#"):
            yield number, line
