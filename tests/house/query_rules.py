"""Queries: a header that says what they are, and one SELECT that every engine understands."""

import re

import sqlglot
from sqlglot import exp

from tests.fixtures.sql_rules import shared_sql_faults

HEADER = ("What", "Grain", "Parameters", "Returns", "Excludes", "Engines")
KEYWORDS = re.compile(
    r"\b(select|from|where|group|order|by|having|with|as|and|or|not|null|is|in|case|when|then"
    r"|else|end|inner|left|right|full|cross|join|on|union|all|distinct|cast|count|sum|min|max|avg"
    r"|coalesce|nullif|filter|like|between|exists|interval|over|partition|date_trunc|least"
    r"|greatest|md5|lower|split_part|bigint|asc|desc|limit)\b"
)
NOT_SHARED = {  # what PostgreSQL, DuckDB and Spark do not agree on
    r"::": "'::', write CAST",
    r"(?i)\b(percentile\w*|quantile\w*|median|approx_\w+)\s*\(": "a percentile function, count",
    r"!?~\*": "'~*', lower both sides",
    r"(?i)\bSIMILAR\s+TO\b": "SIMILAR TO",
    r"(?i)\bILIKE\b": "ILIKE",
    r"(?i)\bEXTRACT\s*\(\s*EPOCH\b": "EXTRACT(EPOCH",
    r"(?i)\bdate_bin\b": "date_bin",
}
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


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
    """Faults of one query. `calls_header`: the Parameters of sql/calls.sql, for who reads it."""
    header, code = header_of(text), QUOTED.sub(" _ ", text)
    faults = _header_faults(header)
    faults += [f"'{word}' is not upper case" for word in sorted(set(KEYWORDS.findall(code)))]
    faults += [f"holds {what}" for pattern, what in NOT_SHARED.items() if re.search(pattern, code)]
    try:
        statements = [statement for statement in sqlglot.parse(text, read="postgres") if statement]
    except sqlglot.errors.SqlglotError as error:
        return [*faults, f"sqlglot cannot read it: {str(error).splitlines()[0]}"]
    is_one = len(statements) == 1 and isinstance(statements[0], exp.Query)
    if not is_one or re.search(r";\s*\S", code):
        return [*faults, "is not exactly one SELECT"]
    query = statements[0]
    return [
        *faults,
        *_query_faults(query, for_spark="Spark" in header.get("Engines", "")),
        *_parameter_faults(code, header.get("Parameters", ""), calls_header),
        *_column_faults(query, header.get("Returns", "")),
    ]


def _header_faults(header: dict[str, str]) -> list[str]:
    if missing := [field for field in HEADER if not header.get(field)]:
        return [f"the header has no '{field}'" for field in missing]
    if [field for field in header if field in HEADER] != list(HEADER):
        return [f"the header's fields are not in the order {', '.join(HEADER)}"]
    return []


def _query_faults(query: exp.Query, *, for_spark: bool) -> list[str]:
    faults = list(shared_sql_faults(query)) if for_spark else []
    if not query.args.get("order") or query.args.get("limit") or query.args.get("offset"):
        faults.append("does not end with ORDER BY")
    if any(select.is_star for select in query.find_all(exp.Select)):
        faults.append("selects *; name the columns")
    return faults


def _parameter_faults(code: str, documented: str, calls_header: str) -> list[str]:
    if "calls.sql" in documented:
        documented += calls_header
    used = sorted(set(re.findall(r"(?<![:\w]):([a-z]\w*)", code)))
    return [
        f"':{name}' is not in the header's Parameters"
        for name in used
        if f":{name}" not in documented
    ]


def _column_faults(query: exp.Query, returns: str) -> list[str]:
    """The columns named in Returns, in order; 'and ...' stands for further ones."""
    listed, has_more = re.subn(r",?\s+and\b.*", "", re.sub(r"\([^)]*\)", "", returns))
    returned, columns = [name.strip() for name in listed.split(",")], query.named_selects
    compared = columns[: len(returned)] if has_more else columns
    if returns and compared == returned:
        return []
    return [f"the header's Returns are not the columns: {', '.join(columns)}"]
