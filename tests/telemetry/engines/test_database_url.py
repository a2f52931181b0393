"""What of a database URL reaches the driver."""

import pytest
from sqlalchemy.engine import make_url

from analysis.telemetry.engines.sqlalchemy.database_url import connect_arguments, driver_url

PRISMA = "schema=app&pgbouncer=true&connection_limit=1&pool_timeout=5&statement_cache_size=0"
LIBPQ = "sslmode=require&application_name=x&connect_timeout=3&target_session_attrs=any"


@pytest.mark.parametrize(
    ("url", "driver", "query"),
    [
        ("postgres://u@h/d", "postgresql+psycopg2", ""),
        (f"postgresql://u@h/d?{PRISMA}&sslaccept=strict", "postgresql+psycopg2", ""),
        (f"postgresql://u@h/d?{LIBPQ}", "postgresql+psycopg2", LIBPQ),
        ("postgresql+psycopg2://u@h/d?options=-c%20x%3D1", "postgresql+psycopg2", ""),
        ("mysql+pymysql://u@h/d?charset=utf8", "mysql+pymysql", "charset=utf8"),
    ],
)
def test_the_url_of_the_driver(url, driver, query):
    found = driver_url(make_url(url))
    expected = dict(part.split("=") for part in query.split("&")) if query else {}
    assert (found.drivername, dict(found.query)) == (driver, expected)


READ_ONLY = "-c default_transaction_read_only=on"


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("postgres://u@h/d", {"connect_timeout": 10, "options": READ_ONLY}),
        ("postgres://u@h:6543/d", {"connect_timeout": 10}),
        ("postgres://u@h:6543/d?connect_timeout=0", {"connect_timeout": 10}),  # 0: no limit
        ("postgres://u@h:7000/d?pgbouncer=true", {"connect_timeout": 10}),
        (
            "postgres://u@h/d?connect_timeout=3&options=-c%20work_mem%3D64MB",
            {"options": f"-c work_mem=64MB {READ_ONLY}"},
        ),
    ],
)
def test_arguments_in_addition_to_the_url(url, arguments):
    assert connect_arguments(make_url(url)) == {"application_name": "rollout"} | arguments


def test_other_drivers_get_no_arguments():
    assert connect_arguments(make_url("mysql://u@h/d")) == {}
