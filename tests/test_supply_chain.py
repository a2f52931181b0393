"""What the package stands on: few direct dependencies, each used, each under a licence that SECURITY.md names."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import Distribution, distribution, packages_distributions

import pytest

from tests.audit_report import report
from tests.house_rules import ROOT, files_of, imports, read

RUN_AS_PROGRAMS = {  # not imported: where their command stands
    "jupyterlab": ("analysis/report/lab.py", "jupyterlab"),
    "uv": ("Makefile", "uv pip sync"),
    "hatchling": ("pyproject.toml", "hatchling.build"),
    "psycopg2-binary": ("analysis/telemetry/engines/database_url.py", "postgresql+psycopg2"),
    "ipykernel": ("analysis/report/notebook/kernel.py", "ipykernel.kernelapp"),
}
FAMILIES = {  # in the words of metadata -> as SECURITY.md says; the first that fits
    r"LGPL|Lesser General Public": "LGPL",
    r"Apache": "Apache-2.0",
    r"BSD": "BSD",
    r"MIT": "MIT",
    r"Python Software Foundation|PSF": "PSF",
}
FOREIGN = re.compile(
    r"\bA?GPL|GNU (Affero )?General Public|Server Side Public|Commons Clause|Business Source",
    re.IGNORECASE,
)


def direct() -> list[str]:
    return re.findall(r"^([\w.-]+)[\[<>=!~]", read("requirements.txt"), flags=re.MULTILINE)


def licence_words(package: Distribution) -> str:
    """What the installed metadata says: the expression, else the classifiers, else the first line of the text."""
    classifiers = [
        line
        for line in package.metadata.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    expression = package.metadata.get("License-Expression")
    return (
        expression
        or " ".join(classifiers)
        or (package.metadata.get("License") or "").partition("\n")[0]
    )


def listed() -> dict[str, str]:
    """Package -> licence, as SECURITY.md lists them."""
    table = read("SECURITY.md").partition("| licence | packages |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([\w.-]+) \| ([^|]+) \|", table, flags=re.MULTILINE)
    return {name: licence for licence, names in rows for name in re.findall(r"[\w.-]+", names)}


# ---- licences ----------------------------------------------------------------------------------------------------------
def test_every_direct_dependency_is_listed_with_its_licence_and_nothing_else():
    assert sorted(listed()) == sorted(direct())


@pytest.mark.parametrize("name", direct())
def test_the_installed_metadata_agrees(name):
    words = licence_words(distribution(name))
    family = next(
        (family for pattern, family in FAMILIES.items() if re.search(pattern, words)), words
    )
    assert listed()[name] == family, words


def test_nothing_that_is_installed_asks_to_give_the_source_away():
    """Every locked package, direct or not; the LGPL of psycopg2 asks for nothing from who only imports it."""
    names = re.findall(r"^([\w.-]+)==", read("requirements.lock"), flags=re.MULTILINE)
    words = {}
    for name in names:
        try:
            words[name] = licence_words(distribution(name))
        except ModuleNotFoundError:
            continue  # of another platform
    assert len(words) > 80
    assert {
        name: said
        for name, said in words.items()
        if FOREIGN.search(said) and "Lesser" not in said and "LGPL" not in said
    } == {}


# ---- few -----------------------------------------------------------------------------------------------------------------
@cache
def imported() -> frozenset[str]:
    """What our modules and notebooks import."""
    texts = [read(file) for file in files_of("analysis", ".py")]
    cells = [
        cell for file in files_of("notebooks", ".ipynb") for cell in json.loads(read(file))["cells"]
    ]
    texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [module for text in texts for module, _ in imports(ast.parse(text), "analysis/x.py")]
    return frozenset(module.partition(".")[0] for module in found if module)


@pytest.mark.parametrize("name", direct())
def test_a_direct_dependency_is_used(name):
    if name in RUN_AS_PROGRAMS:
        file, words = RUN_AS_PROGRAMS[name]
        assert words in read(file)
        return
    modules = {
        module
        for module, packages in packages_distributions().items()
        if name in {package.lower() for package in packages}
    }
    assert modules & imported(), f"{name} is imported nowhere; take it out of requirements.txt"


# ---- known vulnerabilities -----------------------------------------------------------------------------------------------
FOUND = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("packages", "code", "last"),
    [
        (
            [FOUND, {"name": "b", "version": "1", "vulns": []}],
            1,
            "2 of 2 locked packages looked up, 1 known vulnerabilities",
        ),
        (
            [{"name": "b", "version": "1", "vulns": []}],
            0,
            "1 of 1 locked packages looked up, 0 known vulnerabilities",
        ),
        (
            [{"name": "b", "skip_reason": "not found"}],
            0,
            "cannot be reached here, so nothing was looked up",
        ),
        ([], 0, "cannot be reached here"),
    ],
)
def test_what_the_audit_says(packages, code, last):
    given = json.dumps({"dependencies": packages})
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit_report"],
        input=given,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, last in done.stdout.splitlines()[-1]) == (code, True)
    assert report(json.loads(given))[0] == code
