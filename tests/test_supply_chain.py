"""Dependencies: few, each with a reason, used, locked by hash, under a licence in SECURITY.md."""

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import packages_distributions as distributions_of_modules

import pytest

from tests.audit_report import summarise_audit
from tests.house.import_rules import imported_names
from tests.house.source_tree import ROOT, files_of, parsed, project_files, read

SQLALCHEMY = "analysis/telemetry/engines/sqlalchemy/database_url.py"
RUN_AS_PROGRAMS = {  # not imported; the file and the text that use the package
    "jupyterlab": ("analysis/report/explore/lab.py", "jupyterlab"),
    "uv": ("Makefile", "uv pip sync"),
    "hatchling": ("pyproject.toml", "hatchling.build"),
    "psycopg2-binary": (SQLALCHEMY, "postgresql+psycopg2"),
    "ipykernel": ("analysis/report/notebook/kernel.py", "ipykernel.kernelapp"),
}
LICENCES = {  # pattern in the metadata -> name in SECURITY.md; the first match counts
    r"LGPL|Lesser General Public": "LGPL",
    r"Apache": "Apache-2.0",
    r"BSD": "BSD",
    r"MIT": "MIT",
    r"Python Software Foundation|PSF": "PSF",
}
COPYLEFT = re.compile(
    r"\bA?GPL|GNU (Affero )?General Public|Server Side Public|Commons Clause|Business Source",
    re.IGNORECASE,
)
LISTS = [name for name in project_files() if re.fullmatch(r"requirements[\w-]*\.txt", name)]


def package_names(requirements: str) -> list[str]:
    return re.findall(r"^([\w.-]+)[\[<>=!~]", read(requirements), flags=re.MULTILINE)


DIRECT = package_names("requirements.txt")


def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", read(lock), flags=re.MULTILINE))


# ---- licences -------------------------------------------------------------------------------
def licence_metadata(package: Distribution) -> str:
    """The licence expression, else the classifiers, else the first line of the licence text."""
    metadata = package.metadata
    classifiers = metadata.get_all("Classifier") or []
    return (
        metadata.get("License-Expression")
        or " ".join(line for line in classifiers if line.startswith("License ::"))
        or (metadata.get("License") or "").partition("\n")[0]
    )


def licences_in_security_md() -> dict[str, str]:
    table = read("SECURITY.md").partition("| licence | packages |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([\w.-]+) \| ([^|]+) \|", table, flags=re.MULTILINE)
    return {name: licence for licence, names in rows for name in re.findall(r"[\w.-]+", names)}


def test_security_md_lists_every_direct_dependency_and_nothing_else():
    assert sorted(licences_in_security_md()) == sorted(DIRECT)


@pytest.mark.parametrize("name", DIRECT)
def test_the_listed_licence_is_that_of_the_installed_package(name):
    metadata = licence_metadata(distribution(name))
    licence = next((lic for pattern, lic in LICENCES.items() if re.search(pattern, metadata)), None)
    assert licences_in_security_md()[name] == licence, metadata


def test_no_locked_package_is_copyleft():
    """The LGPL of psycopg2 is fine: we only import it."""
    licences = {}
    for name in pins_of("requirements.lock"):
        try:
            licences[name] = licence_metadata(distribution(name))
        except PackageNotFoundError:
            continue  # for another platform
    assert len(licences) > 80
    assert {
        name: licence
        for name, licence in licences.items()
        if COPYLEFT.search(licence) and not re.search("Lesser|LGPL", licence)
    } == {}


# ---- use ------------------------------------------------------------------------------------
@cache
def imported_libraries() -> frozenset[str]:
    """The top-level modules that analysis/ and notebooks/ import."""
    texts = [read(file) for file in files_of("analysis", ".py")]
    for file in files_of("notebooks", ".ipynb"):
        cells = json.loads(read(file))["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    imported = [name for text in texts for _, name in imported_names(parsed(text), "x.py")]
    return frozenset(name.partition(".")[0] for name in imported)


@pytest.mark.parametrize("name", DIRECT)
def test_a_direct_dependency_is_used(name):
    if name in RUN_AS_PROGRAMS:
        file, text = RUN_AS_PROGRAMS[name]
        assert text in read(file)
        return
    modules = {
        module
        for module, packages in distributions_of_modules().items()
        if name in {package.lower() for package in packages}
    }
    assert modules & imported_libraries(), f"nothing imports {name}; remove it"


# ---- lists and locks ------------------------------------------------------------------------
@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_has_its_reason(name):
    lines = [line for line in read(name).splitlines() if line and not line.startswith(("#", "-r "))]
    form = re.compile(r"[\w.-]+(\[[\w,]+\])?[<>=!~]+\S+\s+# \S.*")
    assert [line for line in lines if not form.fullmatch(line)] == []


@pytest.mark.parametrize("name", LISTS)
def test_the_lock_holds_every_requirement_with_hashes_and_no_address(name):
    lock = name.replace(".txt", ".lock")
    blocks = re.split(r"\n(?=[\w.-]+==)", read(lock))[1:]
    assert {package.lower() for package in package_names(name)} <= set(pins_of(lock))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|file:", read(lock)) == []


def test_running_and_testing_use_the_same_versions():
    run, test = pins_of("requirements.lock"), pins_of("requirements-test.lock")
    assert {name: pin for name, pin in run.items() if test.get(name) != pin} == {}


def test_the_build_backend_is_locked():
    requirements = tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]
    backend = {re.split(r"[<>=]", requirement)[0] for requirement in requirements}
    assert backend <= set(pins_of("requirements.lock"))


def test_make_alone_lists_every_target_with_a_line():
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", read("Makefile"), flags=re.MULTILINE))
    described = set(re.findall(r"^([a-z-]+):.* ## \S", read("Makefile"), flags=re.MULTILINE))
    assert targets == described >= {"report", "test", "lint", "lab", "bench", "lock", "clean"}


# ---- known vulnerabilities ------------------------------------------------------------------
VULNERABLE = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
SOUND = {"name": "b", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "last"),
    [
        ([VULNERABLE, SOUND], 1, "2 of 2 locked packages checked, 1 known vulnerabilities"),
        ([SOUND], 0, "1 of 1 locked packages checked, 0 known vulnerabilities"),
        ([SKIPPED], 0, "no package was checked"),
        ([], 0, "no package was checked"),
    ],
)
def test_the_audit_report(packages, code, last):
    audit = {"dependencies": packages}
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit_report"],
        input=json.dumps(audit),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, last in done.stdout.splitlines()[-1]) == (code, True)
    assert summarise_audit(audit)[0] == code
