"""The rules of the house: floors, rooms, names, queries, notebooks. Each is a function from a text to its list of faults."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from tests.fixtures.sql_rules import shared_sql_faults

ROOT = Path(__file__).parents[1]
REQUIRED_FOLDERS = {"analysis", "benchmarks", "notebooks", "outputs", "sql", "tests"}
ALLOWED_FOLDERS = REQUIRED_FOLDERS | {".ci", ".github", "docs"}

# From the ground up. A module imports from lower floors and from its own room, and nothing else of ours.
FLOORS = [
    {"errors", "leaks"},
    {"clock"},
    {"files"},
    {"metrics", "window"},
    {"counts"},
    {"statistics", "telemetry", "config"},
    {"history"},
    {"decision"},
    {"judge"},
    {"deployment", "report"},
    {"looks"},
    {"demo", "terminal"},
    {"cli", "__main__", "__init__"},
]
STATISTICS_KNOWS = {"statistics", "counts", "errors", "leaks", "clock", "files"}
# One library, one room: the paths under analysis/ that may import it.
ROOMS = {
    "sqlalchemy": "telemetry/",
    "duckdb": "telemetry/",
    "pyspark": "telemetry/",
    "psycopg2": "telemetry/",
    "papermill": "report/",
    "nbconvert": "report/",
    "nbclient": "report/",
    "matplotlib": "report/figures",
    "httpx": "deployment/",
}
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "core",
    "base",
    "manager",
    "misc",
}
PYTHON_LINES, CELL_LINES = 300, 12

HEADER = ("What", "Grain", "Parameters", "Returns", "Excludes", "Engines")
KEYWORDS = re.compile(
    r"\b(select|from|where|group|order|by|having|with|as|and|or|not|null|is|in|case|when|then|else|end|inner|left|right|full|cross"
    r"|join|on|union|all|distinct|cast|count|sum|min|max|avg|coalesce|nullif|filter|like|between|exists|interval|over|partition"
    r"|date_trunc|least|greatest|md5|lower|split_part|bigint|asc|desc|limit)\b"
)
NOT_SHARED = {  # what PostgreSQL, DuckDB and Spark do not agree on
    r"::": "'::', write CAST",
    r"(?i)\b(percentile\w*|quantile\w*|median|approx_\w+)\s*\(": "a percentile function, count instead",
    r"!?~\*": "'~*', lower both sides",
    r"(?i)\bSIMILAR\s+TO\b": "SIMILAR TO",
    r"(?i)\bILIKE\b": "ILIKE",
    r"(?i)\bEXTRACT\s*\(\s*EPOCH\b": "EXTRACT(EPOCH",
    r"(?i)\bdate_bin\b": "date_bin",
}
KEY_LIKE = re.compile(
    r"\bsk-(?=[\w-]*[0-9])[\w-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}|\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"
)
MADE_UP = re.compile(r"(?i)example|fake|dummy|placeholder|secret|test|0123|1234|abcd|(.)\1{5}")
MACHINE_PATH = re.compile(
    r"(?<![\w.~$}-])/(?:work|root|home|Users|opt/pypi|opt/wheels)/[\w.-]+|[A-Z]:\\\\?Users\\"
)


# ---- what there is ---------------------------------------------------------------------------------------------------
@cache
def house_files() -> tuple[str, ...]:
    """Every file of the project, tracked or about to be; without git, every file that .gitignore would not leave out."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = set(listed.stdout.splitlines())
    else:
        left_out = {
            ".venv",
            "__pycache__",
            ".pytest_cache",
            ".ruff_cache",
            ".hypothesis",
            ".ipynb_checkpoints",
        }
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = {
            path.as_posix()
            for path in paths
            if not left_out & set(path.parts) and path.parts[0] != "outputs"
        }
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def files_of(folder: str, ending: str) -> list[str]:
    return [
        name for name in house_files() if name.startswith(f"{folder}/") and name.endswith(ending)
    ]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---- rules of Python -------------------------------------------------------------------------------------------------
def room_of(name: str) -> str:
    return Path(name).relative_to("analysis").parts[0].removesuffix(".py")


def imports(tree: ast.Module, name: str) -> list[tuple[str, bool]]:
    """Every module that a file imports, dotted in full, and whether only the type checker does."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = (
                ".".join(Path(name).parts[: len(Path(name).parts) - node.level])
                if node.level
                else ""
            )
            module = ".".join(filter(None, [package, node.module]))
            modules = (
                [f"{module}.{alias.name}" for alias in node.names]
                if module == "analysis"
                else [module]
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            modules = [
                str(first.value) for first in node.args[:1] if isinstance(first, ast.Constant)
            ]
        else:
            continue
        found += [(module, id(node) in for_types) for module in modules]
    return found


def import_faults(name: str, text: str) -> list[str]:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    here = room_of(name)
    if here not in floor:
        return [
            f"analysis/{here} stands on no floor; give it one in FLOORS (tests/test_house.py) and in the design"
        ]
    faults = []
    for module, for_types in imports(ast.parse(text), name):
        library, _, rest = module.partition(".")
        if library in ROOMS and not Path(name).relative_to("analysis").as_posix().startswith(
            ROOMS[library]
        ):
            faults.append(f"imports {library}, which lives in analysis/{ROOMS[library]} only")
        there = rest.split(".")[0]
        if (
            library != "analysis"
            or there in {here, "__version__"}
            or (here == "__init__" and not there)
        ):
            continue
        if floor.get(there, len(FLOORS)) - for_types >= floor[here] and here != "__main__":
            faults.append(f"imports {module}, which does not lie on a lower floor")
        elif here == "statistics" and there not in STATISTICS_KNOWS:
            faults.append(f"imports {module}; statistics knows counts and nothing else of ours")
    return faults


def clock_faults(name: str, text: str) -> list[str]:
    """Time comes from analysis/clock.py, so that a test can set it; durations may come from `time.monotonic`."""
    if name == "analysis/clock.py":
        return []
    pattern = re.compile(r"(datetime|date|Timestamp)\.(now|utcnow|today)$|(^|\.)time\.time(_ns)?$")
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [
        f"line {call.lineno} reads the real clock; use analysis.clock"
        for call in calls
        if pattern.search(ast.unparse(call.func))
    ]


def write_faults(name: str, text: str) -> list[str]:
    """Every file is written by the gate in analysis/files.py, or under the temporary name that its `atomic_write` gives."""
    if name == "analysis/files.py":
        return []
    writers = {
        "write_text",
        "write_bytes",
        "to_parquet",
        "to_csv",
        "to_excel",
        "to_pickle",
        "write_table",
    }
    faults, tree = [], ast.parse(text)
    scratch = {
        id(item.context_expr)
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if item.optional_vars and ast.unparse(item.optional_vars).startswith("temporary")
    }
    for call in (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in scratch
    ):
        function = ast.unparse(call.func)
        words = [
            ast.unparse(argument)
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        ]
        opens = re.search(r"(^|\.)open$", function) and any(
            re.fullmatch(r"'[rbt]*[wax+][rbt+]*'", word) for word in words
        )
        last = function.rpartition(".")[2]
        if (
            opens or (last in writers and "." in function and (words or last.startswith("write")))
        ) and not (
            function.startswith(("files.", "temporary"))
            or any(word.startswith("temporary") for word in words)
        ):
            faults.append(
                f"line {call.lineno} writes by {last}(); use analysis.files, or `with atomic_write(path) as temporary`"
            )
    return faults


# ---- rules of SQL ----------------------------------------------------------------------------------------------------
def header_of(text: str) -> dict[str, str]:
    """Read `-- Name: words`; a line without a name continues the one above."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if named := re.match(r"-- ([A-Z]\w+):\s*(.*)", line):
            fields[named[1]] = named[2].strip()
        elif fields:
            fields[list(fields)[-1]] += " " + line.removeprefix("--").strip()
    return fields


def sql_faults(text: str, *, calls_header: str = "") -> list[str]:
    header = header_of(text)
    faults = [f"the header has no '{field}'" for field in HEADER if not header.get(field)]
    if not faults and [field for field in header if field in HEADER] != list(HEADER):
        faults.append(f"the header's fields stand in this order: {', '.join(HEADER)}")
    blanked = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", " _ ", text, flags=re.DOTALL)
    faults += [f"'{word}' is not upper case" for word in sorted(set(KEYWORDS.findall(blanked)))]
    faults += [
        f"holds {what}" for pattern, what in NOT_SHARED.items() if re.search(pattern, blanked)
    ]
    try:
        statements = [statement for statement in sqlglot.parse(text, read="postgres") if statement]
    except sqlglot.errors.SqlglotError as error:
        return [*faults, f"sqlglot cannot read it: {str(error).splitlines()[0]}"]
    if (
        len(statements) != 1
        or not isinstance(statements[0], exp.Query)
        or re.search(r";\s*\S", blanked)
    ):
        return [*faults, "is not exactly one SELECT"]
    query = statements[0]
    if not query.args.get("order") or query.args.get("limit") or query.args.get("offset"):
        faults.append("does not end with ORDER BY")
    if any(select.is_star for select in query.find_all(exp.Select)):
        faults.append("selects *; name the columns")
    if "Spark" in header.get("Engines", ""):
        faults += shared_sql_faults(query)
    documented = header.get("Parameters", "") + (
        calls_header if "calls.sql" in header.get("Parameters", "") else ""
    )
    used = set(re.findall(r"(?<![:\w]):([a-z]\w*)", blanked))
    faults += [
        f"':{name}' is not in the header's Parameters"
        for name in sorted(used)
        if f":{name}" not in documented
    ]
    listed, more = re.subn(r",?\s+and\b.*", "", re.sub(r"\([^)]*\)", "", header.get("Returns", "")))
    returned, columns = [name.strip() for name in listed.split(",")], query.named_selects
    if not header.get("Returns") or (columns[: len(returned)] if more else columns) != returned:
        faults.append(f"the header's Returns are not the columns: {', '.join(columns)}")
    return faults


# ---- rules of notebooks ----------------------------------------------------------------------------------------------
def notebook_faults(notebook: dict) -> list[str]:
    cells = notebook["cells"]
    faults = (
        []
        if "".join(cells[0]["source"]).startswith("# ")
        else ["does not begin with a heading that asks its question"]
    )
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        faults.append(f"has {len(tagged)} cells tagged 'parameters' instead of one")
    for number, cell in enumerate(cells, 1):
        source = "".join(cell["source"])
        found = ["is longer than 12 lines"] if len(source.splitlines()) > CELL_LINES else []
        if cell["cell_type"] == "code":
            if cell.get("outputs") or cell.get("execution_count"):
                found.append("holds saved output")
            found += code_faults(source, parameters=cell in tagged)
        faults += [f"cell {number} {fault}" for fault in found]
    return faults


def code_faults(source: str, *, parameters: bool = False) -> list[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ["is not plain Python"]
    faults = []
    if parameters:
        lines = [
            line
            for line in source.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
        if not all(isinstance(node, ast.AnnAssign) for node in tree.body) or not all(
            "  # " in line for line in lines
        ):
            faults.append("has a parameter that is not written as `name: type = value  # help`")
    forbidden = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.For,
        ast.AsyncFor,
        ast.While,
    )
    writers = r"(^|\.)(open|savefig|write\w*|to_(csv|parquet|excel|json|pickle|sql|feather|latex|markdown)|mkdir|unlink|rename)$"
    for node in ast.walk(tree):
        if isinstance(node, forbidden):
            faults.append(f"holds a {type(node).__name__}; logic lives in analysis/")
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"(?is)\bselect\b.+\bfrom\b", node.value)
        ):
            faults.append("holds SQL; queries live in sql/")
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) != "analysis.open"
            and re.search(writers, ast.unparse(node.func))
        ):
            faults.append(f"writes or opens a file by {ast.unparse(node.func)}()")
        if isinstance(node, ast.Compare) and any(
            isinstance(side, ast.Constant)
            and isinstance(side.value, int | float)
            and not isinstance(side.value, bool)
            for side in [node.left, *node.comparators]
        ):
            faults.append("compares with a number; thresholds live in rollout.toml")
        if isinstance(node, ast.Attribute) and node.attr in {"rcParams", "style"}:
            faults.append("styles; that is the figures' affair")
    found = [module.partition(".")[0] for module, _ in imports(tree, "notebooks/x.py")]
    return faults + [
        f"imports {library}, which lives in analysis/{ROOMS[library]}"
        for library in found
        if library in ROOMS
    ]


# ---- rules of every text ---------------------------------------------------------------------------------------------
def text_faults(text: str) -> list[str]:
    keys = [match[0] for match in KEY_LIKE.finditer(text) if not MADE_UP.search(match[0])]
    faults = [f"holds what looks like a key: {key[:6]}..." for key in keys]
    return faults + [
        f"holds a path of one machine: {match[0]}" for match in MACHINE_PATH.finditer(text)
    ]
