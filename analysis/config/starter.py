"""The rollout.toml that `rollout init` writes: for a PostgreSQL of your own, every value explained in a few words."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from analysis.errors import WrongUse
from analysis.files import write_text
from analysis.leaks import find_leak, quote

STARTER = """\
# A rollout: what was deployed, what should get better, what must not get worse.
# Check it with `rollout doctor`, then: baseline, deploy, report --due.

[rollout]
name = "my-rollout"              # folder under outputs/
title = "What was changed"       # heading of the pages
# deployed_at = 2026-01-31T12:00:00Z   # or let `rollout deploy` record it; always with a zone
warm_up = "0m"                   # leave out calls started so soon after the deploy

[source]
engine = "postgres"              # duckdb | postgres | sqlalchemy | spark
url_env = "DATABASE_URL"         # the NAME of the variable that holds the URL, never the URL
table = "AIInteraction"          # one row per call
mapping = "aiinteraction"        # or litellm, langfuse-postgres, or a .toml of yours
timeout = "2m"                   # the longest a query may take
# Files instead of a database:
# engine = "duckdb"
# path = "calls/*.parquet"       # Parquet, CSV or a .duckdb file, relative to this file

[baseline]
days = 7                         # whole days before the deploy; 7 or more are best
exclude = [                      # hours that were not normal
    # {from = 2026-01-28T08:00:00Z, to = 2026-01-28T09:30:00Z, why = "provider incident"},
]

[monitoring]
windows = ["1h", "4h", "24h"]    # planned looks, counted from the deploy
settle = "90s"                   # wait for slow calls to be written
sustained_for = "6h"             # so long must it hold
alpha = 0.05                     # chance of a false alarm over all looks

[controls]
use = "auto"                     # untouched features tell the provider's day from yours

[[expectation]]                  # what must get better; as many as you like
name = "timeouts drop"
feature = "my.feature"           # as in the table; * is a pattern
metric = "timeout_rate"          # error_rate, latency_mean, rmst, time_per_success, ...
claim = "falls"                  # falls | rises | stays_zero | no_worse | below
by = 0.5                         # by half at least

[[guardrail]]                    # what must not get worse
name = "nothing gets slower"
feature = "*"
metric = "slower_than_p95"
claim = "no_worse"
margin = 0.5                     # the slowest calls may grow by half
critical = false                 # true: broken means roll back

[[guardrail]]
name = "errors stay rare"
feature = "*"
metric = "error_rate"
claim = "no_worse"
margin = 0.5

# [[error_class]]                # a class of your own, tried first
# name = "quota"                 # makes the metric quota_rate
# contains = ["quota exceeded"]  # small letters

# [application]                  # for `rollout preflight`
# checkout = "../my-app"

# [[preflight]]
# name = "build"
# run = "npm run build"
# timeout = "10m"

# [[smoke]]                      # for `rollout smoke`
# name = "the application answers"
# kind = "http"                  # http | overlap | completes
# url = "${APP_URL}/api/health"  # ${NAME} comes from the environment
# expect_status = 200

# [[knob]]                       # a step back, offered when the claim fails
# when = "timeouts drop"
# env = "MY_TIMEOUT_MS_CAP"
# from = 45000
# to = 30000
# cap_ms = 30000                 # lets the report predict the effect

# [ledger]
# who = "platform team"          # who ran a command; nothing is guessed
"""


def write_starter(path: Path, *, force: bool = False) -> None:
    """Write the starter file; one that is there is replaced only by force."""
    if path.exists() and not force:
        raise WrongUse(
            f"{quote(path.name)} is there already; give --force to replace it, or --config for another name"
        )
    write_text(path, starter_text(path.resolve().parent.name, os.environ))


def starter_text(folder: str, environment: Mapping[str, str]) -> str:
    """Fill in what need not be asked: the folder's name, and the NAME of a variable that holds a PostgreSQL URL."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder).strip("-._")[:64]
    held = (
        variable
        for variable, value in environment.items()
        if value.startswith(("postgres://", "postgresql"))
    )
    variables = sorted(held, key=lambda variable: (variable != "DATABASE_URL", variable))
    url_env = next(
        (
            variable
            for variable in variables
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", variable)
        ),
        None,
    )
    text = STARTER
    if name and not find_leak(name):
        text = text.replace(_line("name", "my-rollout"), _line("name", name), 1)
    if url_env:
        text = text.replace(_line("url_env", "DATABASE_URL"), _line("url_env", url_env), 1)
    return text


def _line(key: str, value: str) -> str:
    """Write a key as the starter has it, its comment in the same column."""
    return f'{key} = "{value}"'.ljust(32) + " #"
