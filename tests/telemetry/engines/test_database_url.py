"""What of a database URL reaches the driver."""

import pytest
from sqlalchemy.engine import make_url

from analysis.errors import WrongUse
from analysis.telemetry.engines.sqlalchemy.database_url import (
    connect_arguments,
    driver_url,
    environment_url,
    routing_options,
    search_path,
    start_up_settings,
)

PRISMA = "schema=app&pgbouncer=true&connection_limit=1&pool_timeout=5&statement_cache_size=0"
LIBPQ = "sslmode=require&application_name=x&connect_timeout=3&target_session_attrs=any"
READ_ONLY = "-c default_transaction_read_only=on"


@pytest.fixture
def read(monkeypatch):
    """A function that reads a URL from the environment variable TEST_URL."""

    def read(text, engine="postgres"):
        monkeypatch.setenv("TEST_URL", text)
        return environment_url("TEST_URL", engine)

    return read


def place(url) -> str:
    """User, password, host, port and database, as the driver gets them."""
    found, more = driver_url(url), connect_arguments(url)
    host, port = more.get("host", found.host), more.get("port", found.port)
    return f"{found.username} {found.password} {host} {port} {found.database}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://u:p@h/d", "u p h None d"),
        ("postgresql://u:p@h:5433/d", "u p h 5433 d"),
        ("POSTGRESQL://u:p@h/d", "u p h None d"),
        ("postgresql+asyncpg://u:p@h/d?ssl=require", "u p h None d"),
        ("postgresql+psycopg://u:p@h/d", "u p h None d"),
        ("postgresql+psycopg2://u:p@h/d", "u p h None d"),
        ("postgres+asyncpg://u:p@h/d", "u p h None d"),
        ("postgis://u:p@h/d", "u p h None d"),
        ("jdbc:postgresql://h:5433/d?user=u&password=p%40x", "u p@x h 5433 d"),
        # sockets
        ("postgresql://u:p@/d?host=/cloudsql/a:b:c", "u p /cloudsql/a:b:c None d"),
        ("postgresql://u:p@localhost/d?host=/cloudsql/a:b:c", "u p /cloudsql/a:b:c None d"),
        ("postgresql://u:p@localhost:5433/d?host=/tmp", "u p /tmp 5433 d"),
        ("postgresql://u:p@%2Fcloudsql%2Fa%3Ab%3Ac/d", "u p /cloudsql/a:b:c None d"),
        ("postgresql://u@/d?host=/cloudsql/a:b:c/.s.PGSQL.5432", "u None /cloudsql/a:b:c 5432 d"),
        ("postgresql:///d?host=/tmp&port=5433", "None None /tmp 5433 d"),
        # hosts
        ("postgresql://u:p@h1:1,h2:2/d?target_session_attrs=any", "u p h1,h2 1,2 d"),
        ("postgresql://u:p@h1,h2:2,[::1]/d", "u p h1,h2,::1 ,2, d"),
        ("postgresql://u:p@/d?host=h1:1&host=h2:2", "u p h1,h2 1,2 d"),
        ("postgresql://u:p@/d?host=h1,h2&port=5433", "u p h1,h2 5433,5433 d"),
        ("postgresql://u:p@[fd00::1]:5433/d", "u p fd00::1 5433 d"),
        # copied along
        ('  "postgresql://u:p@h/d"\n', "u p h None d"),
        ("'postgresql://u:p@h/d'", "u p h None d"),
        ("psql 'postgresql://u:p@h/d'", "u p h None d"),
        ('export DATABASE_URL="postgresql://u:p@h/d"', "u p h None d"),
        # passwords that should be escaped, and such as are
        ("postgresql://u:p@ss@h/d", "u p@ss h None d"),
        ("postgresql://u:p#ss@h/d", "u p#ss h None d"),
        ("postgresql://u:p/ss@h/d", "u p/ss h None d"),
        ("postgresql://u:p?ss@h/d", "u p?ss h None d"),
        ("postgresql://u:p:ss@h/d", "u p:ss h None d"),
        ("postgresql://u:a@b#c/d?e@h:5433/d?schema=x", "u a@b#c/d?e h 5433 d"),
        ("postgresql://u:a@b?c=d@h/d", "u a@b?c=d h None d"),
        ("postgresql://u:100%@h/d", "u 100% h None d"),
        ("postgresql://u:p%40s+s%2F@h/d", "u p@s+s/ h None d"),
        ("postgresql://u:p@h/d?application_name=a@b", "u p h None d"),
        ("postgres://user@server:p@h/d", "user@server p h None d"),
    ],
)
def test_the_place_that_a_url_names(read, text, expected):
    assert place(read(text)) == expected


NO_URL = "holds no database URL; its form is postgresql://user@host/database"
PLACEHOLDER = (
    "still holds a placeholder such as [YOUR-PASSWORD]; put the real value in its place, "
    "without brackets"
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "prisma://accelerate.prisma-data.net/?api_key=s3cret",
            "holds a URL of Prisma Accelerate, which only Prisma's client opens; use the direct "
            "URL of the database, which Prisma has as directUrl",
        ),
        (
            "prisma+postgres://localhost:51213/?api_key=s3cret",
            "holds a URL of Prisma Postgres, which only Prisma's client opens; use the direct "
            "URL of the database, which begins with postgres://",
        ),
        ("postgresql://postgres:[YOUR-PASSWORD]@db.s3cret.supabase.co/postgres", PLACEHOLDER),
        ("postgresql://postgres.[YOUR-PROJECT-REF]:s3cret@h/d", PLACEHOLDER),
        ("postgresql://<user>:s3cret@h/d", PLACEHOLDER),
        ("postgresql://u:${PASSWORD}@s3cret/d", PLACEHOLDER),
        ("postgresql://u:*****@s3cret/d", PLACEHOLDER),
        ("postgresql://u:s3cret@h:port/d", NO_URL),
        ("postgresql://u:s3cret@[::1/d", NO_URL),
        ("s3cret", NO_URL),
    ],
)
@pytest.mark.parametrize("engine", ["postgres", "sqlalchemy"])
def test_a_text_that_is_refused(read, text, sentence, engine):
    with pytest.raises(WrongUse) as raised:
        read(text, engine)
    assert str(raised.value) == f"the environment variable TEST_URL {sentence}"
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "driver", "query"),
    [
        ("postgres://u@h/d", "postgresql+psycopg2", ""),
        (f"postgresql://u@h/d?{PRISMA}&sslaccept=accept_invalid_certs", "postgresql+psycopg2", ""),
        (f"postgresql://u@h/d?{LIBPQ}", "postgresql+psycopg2", LIBPQ),
        ("postgresql+psycopg2://u@h/d?options=-c%20x%3D1", "postgresql+psycopg2", ""),
        ("mysql+pymysql://u@h/d?charset=utf8", "mysql+pymysql", "charset=utf8"),
        ("postgresql://u@h/d?sslmode=no-verify", "postgresql+psycopg2", "sslmode=require"),
        ("postgresql://u@h/d?ssl=true", "postgresql+psycopg2", "sslmode=require"),
        ("postgresql://u@h/d?ssl=false", "postgresql+psycopg2", "sslmode=disable"),
        # Prisma's sslcert is the authority's certificate, and not checked unless it is strict.
        (
            "postgresql://u@h/d?sslmode=require&sslcert=ca.pem",
            "postgresql+psycopg2",
            "sslmode=require",
        ),
        (
            *("postgresql://u@h/d?sslcert=ca.pem&sslaccept=strict", "postgresql+psycopg2"),
            "sslmode=verify-full&sslrootcert=ca.pem",
        ),
        (
            *("postgresql://u@h/d?sslcert=c.pem&sslkey=k.pem", "postgresql+psycopg2"),
            "sslcert=c.pem&sslkey=k.pem",
        ),
    ],
)
def test_the_keys_of_the_driver(read, url, driver, query):
    found = driver_url(read(url, "sqlalchemy"))
    expected = dict(part.split("=") for part in query.split("&")) if query else {}
    assert (found.drivername, dict(found.query)) == (driver, expected)


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("postgres://u@h/d", {"connect_timeout": 10, "options": READ_ONLY}),
        ("postgres://u@h:6543/d", {"connect_timeout": 10}),
        ("postgres://u@h:6543/d?connect_timeout=0", {"connect_timeout": 10}),  # 0: no limit
        ("postgres://u@h:7000/d?pgbouncer=true", {"connect_timeout": 10}),
        ("postgres://u@ep-x-1-pooler.eu-2.aws.neon.tech/d", {"connect_timeout": 10}),
        (
            "postgres://u@ep-x-1-pooler.eu-2.aws.neon.tech/d?options=endpoint%3Dep-x-1",
            {"connect_timeout": 10, "options": "endpoint=ep-x-1"},
        ),
        (
            "postgres://u@h/d?connect_timeout=3&options=-c%20work_mem%3D64MB",
            {"options": f"-c work_mem=64MB {READ_ONLY}"},
        ),
    ],
)
def test_arguments_in_addition_to_the_url(read, url, arguments):
    assert connect_arguments(read(url)) == {"application_name": "rollout"} | arguments


def test_other_drivers_get_no_arguments():
    assert connect_arguments(make_url("mysql://u@h/d")) == {}


@pytest.mark.parametrize(
    ("keys", "settings", "routing"),
    [
        ("options=endpoint%3Dep-x", {}, "endpoint=ep-x"),
        ("options=-c%20search_path%3Dapp", {"search_path": "app"}, ""),
        (
            "options=--search_path%3Dapp%20-cwork_mem%3D1MB",
            {"search_path": "app", "work_mem": "1MB"},
            "",
        ),
        ("options=-c%20search_path%3Da,\\ b%20project%3Dx", {"search_path": "a, b"}, "project=x"),
        ("search_path=app", {"search_path": "app"}, ""),
        ("currentSchema=app,public", {"search_path": "app,public"}, ""),
    ],
)
def test_settings_of_a_url_are_made_in_each_transaction(read, keys, settings, routing):
    url = read(f"postgresql://u@h/d?{keys}")
    assert start_up_settings(url) == settings
    assert routing_options(str(url.query.get("options", ""))) == routing


def test_prisma_s_schema(read):
    assert search_path(read(f"postgresql://u@h/d?{PRISMA}")) == "app"
