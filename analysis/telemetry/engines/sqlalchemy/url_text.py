"""The text of a PostgreSQL URL, as tools and people write it, read into its parts.

SQLAlchemy's own reader refuses several hosts, and takes a `/` or `#` in a password for the end
of the host. No function here puts any part of the text into an error.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from sqlalchemy.engine import URL

_SCHEME = re.compile(
    r"(?:jdbc:)?(?:postgres|postgresql|postgis)(?:\+(?:psycopg2?|psycopg2cffi|psycopg_async"
    r"|asyncpg|pg8000))?://(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.%-]+)(?::\d*)?"
_PLACE = re.compile(
    rf"(?P<hosts>(?:{_HOST}(?:,{_HOST})*|:\d+)?)"
    r"(?:/(?P<database>[^@/?#]*))?(?:\?(?P<query>[^#]*))?(?:#[^@]*)?"
)
_PAIRS = re.compile(r"(?:[\w.-]+=[^&]*)?(?:&(?:[\w.-]+=[^&]*)?)*")
_PLACEHOLDER = re.compile(
    r"\[(?:your|my|the|db|database|project|password|pass|user|host|region|ref)\b[^\]@/]*\]"
    r"|(?<=[:/@.])<[a-z][\w -]*>(?=[:/@.?]|$)"
    r"|\$\{\w+\}|\{\{[^}]*\}\}|(?<=[:/])\$[A-Z_]+(?=[:@/])"
    r"|(?<=:)\*{3,}(?=@)|(?<=:)your[-_]?(?:db[-_]?)?password(?=@)",
    re.IGNORECASE,
)
_SOCKET_FILE = re.compile(r"/\.s\.PGSQL\.(\d+)$")
KEYS_WITH_FREE_TEXT = frozenset(
    """application_name fallback_application_name user password options host passfile sslcert
    sslkey sslrootcert sslcrl sslcrldir sslidentity sslpassword""".split()  # noqa: SIM905
)
"""Keys of a URL whose value may hold an @."""


class Host(NamedTuple):
    """One server: a name, an address or the folder of a socket, and its port where given."""

    name: str
    port: str


def without_wrapping(text: str) -> str:
    """The text without what is copied along: whitespace, quotes, a name and =, psql."""
    text = text.strip().removesuffix(";").strip()
    text = re.sub(r"^(?:export\s+)?[A-Za-z_]\w*\s*=\s*(?=[\"'`a-z])", "", text)
    text = re.sub(r"^psql\s+", "", text)
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1].strip()
    return text


def has_placeholder(text: str) -> bool:
    """Whether a part still is a template's, such as [YOUR-PASSWORD] or <user>."""
    return _PLACEHOLDER.search(text) is not None


def read_postgres_url(text: str) -> URL | None:
    """The parts of a PostgreSQL URL; None when the text is none.

    One host with a port is in `host` and `port`. Several hosts, or a socket, are in the keys
    host and port of the query, as libpq takes them.
    """
    scheme = _SCHEME.fullmatch(text)
    if scheme is None:
        return None
    user_part, place = _split_user(scheme["rest"])
    if place is None:
        return None
    user, _, password = user_part.partition(":")
    query = dict(parse_qsl((place["query"] or "").replace("+", "%2B"), keep_blank_values=True))
    hosts = _hosts(place)
    query.pop("host", None), query.pop("port", None)
    is_plain = len(hosts) == 1 and not hosts[0].name.startswith("/")
    if hosts and not is_plain:
        query["host"] = ",".join(host.name for host in hosts)
        if any(host.port for host in hosts):
            query["port"] = ",".join(host.port for host in hosts)
    return URL.create(
        "postgresql+psycopg2",
        username=unquote(user) or query.pop("user", None),
        password=unquote(password) or query.pop("password", None),
        host=hosts[0].name if is_plain else None,
        port=int(hosts[0].port) if is_plain and hosts[0].port else None,
        database=unquote(place["database"] or "") or query.pop("dbname", None),
        query=query,
    )


def _split_user(rest: str) -> tuple[str, re.Match[str] | None]:
    """The part before the @ that ends the password, and the place after it.

    It is the first @ after which hosts, a database and keys follow, and nothing else: a password
    may hold @ / ? and # although it should have them escaped.
    """
    ends = [match.start() for match in re.finditer("@", rest)]
    for end in ends:
        place = _PLACE.fullmatch(rest[end + 1 :])
        if place and _has_plain_keys(place["query"] or ""):
            return rest[:end], place
    return "", None if ends else _PLACE.fullmatch(rest)


def _has_plain_keys(query: str) -> bool:
    """Whether it is key=value pairs, an @ only where a value may hold one."""
    if not _PAIRS.fullmatch(query):
        return False
    pairs = (pair.partition("=") for pair in query.split("&"))
    return all("@" not in value or key in KEYS_WITH_FREE_TEXT for key, _, value in pairs)


def _hosts(place: re.Match[str]) -> list[Host]:
    """The hosts of the key `host`, which comes first, or those before the database."""
    pairs = parse_qsl(place["query"] or "")
    ports = ",".join(value for key, value in pairs if key == "port").split(",")
    given = [part for key, value in pairs if key == "host" for part in value.split(",")]
    hosts = [_host(part) for part in given or (place["hosts"] or "").split(",") if part]
    if given:
        ports = ports if any(ports) else [_host(place["hosts"] or "").port]
    ports = ports * len(hosts) if len(ports) == 1 else [*ports, *[""] * len(hosts)]
    return [Host(host.name, host.port or port) for host, port in zip(hosts, ports, strict=False)]


def _host(text: str) -> Host:
    name = unquote(text)
    if name.startswith("/"):
        found = _SOCKET_FILE.search(name)
        return Host(_SOCKET_FILE.sub("", name), found[1] if found else "")
    if name.startswith("["):
        address, _, port = name[1:].partition("]")
        return Host(address, port.removeprefix(":"))
    before, _, port = text.partition(":")
    return Host(unquote(before), port) if port.isdecimal() or not port else Host(name, "")
