"""All rules over the whole tree: `python -m tests.house.tree_faults [PATH]` prints the faults.

A rule is a function from nothing to file -> faults.
"""

import json
import sys
from collections.abc import Callable

from tests.house import (
    document_rules,
    import_rules,
    layout_rules,
    naming_rules,
    notebook_rules,
    python_rules,
    query_rules,
    secret_rules,
    word_rules,
)
from tests.house.source_tree import ROOT, files_of, project_files, read

Faults = dict[str, list[str]]
UNREAD = ("LICENSE", ".lock", ".csv", ".svg", ".png", ".ico", ".woff2")
NOT_YET: dict[str, tuple[str, ...]] = {}
"""Rule -> the beginnings of the paths that are exempt from it."""


def imports() -> Faults:
    """Floors, rooms kept apart, one room for each library."""
    return {
        name: import_rules.import_faults(name, text) for name, text in _texts("analysis").items()
    }


def circles() -> Faults:
    """Import circles, listed at the first module of each."""
    found: Faults = {}
    for circle in import_rules.import_circles(import_rules.import_graph(_texts("analysis"))):
        file = circle.split(" -> ")[0].replace(".", "/") + ".py"
        found.setdefault(file, []).append(circle)
    return found


def python() -> Faults:
    """The real clock, writing files, optional attributes, blanket ignores."""
    texts = _texts("analysis")
    attributes = python_rules.attributes_of(texts)
    return {
        name: [
            *python_rules.clock_faults(name, text),
            *python_rules.write_faults(name, text),
            *python_rules.optional_attribute_faults(text, attributes),
            *python_rules.blanket_ignore_faults(text),
        ]
        for name, text in texts.items()
    }


def long_modules() -> Faults:
    """Modules of analysis/ with too many lines."""
    lengths = {name: len(text.splitlines()) for name, text in _texts("analysis").items()}
    return {
        name: [f"has {length} lines"]
        for name, length in lengths.items()
        if length > python_rules.MODULE_LINES
    }


def long_lines() -> Faults:
    """Lines of more than 100 columns in Python and SQL."""
    names = [name for name in project_files() if name.endswith((".py", ".sql"))]
    return {name: python_rules.long_line_faults(read(name)) for name in names}


def one_class_one_name() -> Faults:
    """Public classes that have the name of another."""
    found: Faults = {}
    for name, files in python_rules.classes_of_one_name(_texts("analysis")).items():
        for file in files:
            found.setdefault(file, []).append(f"class {name} is also in {', '.join(files)}")
    return found


def repeated_code() -> Faults:
    """Runs of six or more lines that stand twice in analysis/."""
    found: Faults = {}
    for places in python_rules.repeated_code(_texts("analysis")):
        found.setdefault(places.split(":")[0], []).append(places)
    return found


def names() -> Faults:
    """File and folder names that say nothing."""
    return {name: naming_rules.naming_faults(name) for name in project_files()}


def crowded_rooms() -> Faults:
    """Rooms with more than a dozen modules."""
    crowded = naming_rules.crowded_rooms(_texts("analysis"))
    return {folder: [f"has {count} modules"] for folder, count in crowded.items()}


def tests_mirror_rooms() -> Faults:
    """Test folders that are no room, test names that stand twice."""
    tests = files_of("tests", ".py")
    faults = layout_rules.mirror_faults(tests, _texts("analysis"))
    found: Faults = {fault.split(":")[0].split(" ")[0]: [fault] for fault in faults}
    for name in layout_rules.doubled_names(tests):
        for file in tests:
            if file.endswith(f"/{name}"):
                found.setdefault(file, []).append(f"{name} is the name of another test file")
    return found


def modules_of_tests() -> Faults:
    """Test modules imported, fixtures without a docstring, tests that check nothing."""
    return {
        name: layout_rules.faults_of_test_file(name, text) for name, text in _texts("tests").items()
    }


def plain_english() -> Faults:
    """Phrases that STYLE replaces, in everything that is read."""
    return {
        name: word_rules.word_faults(word_rules.words_read(name, read(name)))
        for name in project_files()
        if not name.endswith(UNREAD) and not name.startswith("tests/house/")
    }


def documents() -> Faults:
    """Links and paths in Markdown files."""
    names = [name for name in project_files() if name.endswith(".md")]
    return {
        name: document_rules.document_faults(name, read(name), lambda path: (ROOT / path).exists())
        for name in names
    }


def queries() -> Faults:
    """Headers and SELECTs of sql/."""
    calls = query_rules.header_of(read("sql/calls.sql")).get("Parameters", "")
    return {
        name: query_rules.sql_faults(read(name), calls_header=calls)
        for name in files_of("sql", ".sql")
    }


def notebooks() -> Faults:
    """Cells of notebooks/."""
    return {
        name: notebook_rules.notebook_faults(json.loads(read(name)))
        for name in files_of("notebooks", ".ipynb")
    }


def secrets() -> Faults:
    """Keys and paths of one machine, in every file that is text."""
    found: Faults = {}
    for name in project_files():
        try:
            found[name] = secret_rules.secret_faults(read(name))
        except UnicodeDecodeError:
            continue
    return found


RULES: tuple[Callable[[], Faults], ...] = (
    imports,
    circles,
    python,
    long_modules,
    long_lines,
    one_class_one_name,
    repeated_code,
    names,
    crowded_rooms,
    tests_mirror_rooms,
    modules_of_tests,
    plain_english,
    documents,
    queries,
    notebooks,
    secrets,
)


def faults_of(rule: Callable[[], Faults]) -> Faults:
    """The files that break a rule, with how."""
    return {name: faults for name, faults in rule().items() if faults}


def _texts(folder: str) -> dict[str, str]:
    return {name: read(name) for name in files_of(folder, ".py")}


if __name__ == "__main__":
    prefix = "".join(sys.argv[1:2])
    for rule in RULES:
        found = {name: faults for name, faults in faults_of(rule).items() if prefix in name}
        print(f"== {rule.__name__}: {sum(map(len, found.values()))} faults in {len(found)} files")
        for name, faults in found.items():
            for fault in faults if prefix else ():
                print(f"   {name}: {fault}")
