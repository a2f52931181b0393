"""Calls with a secret or a name in every text column, and a rollout.toml that reads all of them."""

from __future__ import annotations

import json

import pandas as pd

from tests.faults.secrets_and_names import Planter
from tests.fixtures.small_rollout import simple_calls

MESSAGES = (
    "Request timed out. {}",
    "Request timed out.\nfor {} of team blue",
    "500 An error occurred while processing your request of {}, request ID req_1",
    "503 upstream connect error or disconnect/reset before headers. "
    "reset reason: connection timeout {}",
    "429 Rate limit reached for {}",
    "400 Unsupported value: {}",
    "Post-process error: failed to parse JSON ({})",
    'Post-process error: hit max_output_tokens (incomplete) meta={{"user":"{}"}}',
    "Connection error. {}",
    "argument loop for {} while the dns waits",
    "{}",
    "deprecated header of {}",
    '<b>{}</b> & "{}" could not be parsed\r\n\t{}',
    "vendor trouble " + "z" * 9_000 + " {}",
)
TENANTS = 6
CONFIG = """
[rollout]
name = "small"
title = "Calls with secrets in them"
deployed_at = 2026-02-02T23:10:16Z
[source]
{source}
[baseline]
days = 4
[monitoring]
windows = ["1h", "4h"]
sustained_for = "3h"
[[error_class]]
name = "vendor"
contains = ["vendor trouble"]
[[expectation]]
name = "alpha times out less"
feature = "alpha"
metric = "timeout_rate"
claim = "falls"
by = 0.5
[[expectation]]
name = "beta fails less or recovers more"
feature = "beta"
any_of = [
    {{metric = "http_5xx_rate", claim = "falls"}},
    {{metric = "recovered_rate", claim = "rises"}},
]
[[guardrail]]
name = "cron ends within budget"
source = "background-job/*"
metric = "cron_over_budget_rate"
claim = "below"
limit = 0.05
[[guardrail]]
name = "vendor stays quiet"
feature = "*"
metric = "vendor_rate"
claim = "no_worse"
margin = 0.5
[[smoke]]
name = "it answers"
kind = "http"
url = "${{APP_URL}}/api/cron"
headers = {{Authorization = "Bearer ${{CRON_SECRET}}"}}
expect_json = {{success = true}}
timeout = "5s"
[[smoke]]
name = "nobody is there"
kind = "http"
url = "http://127.0.0.1:9/nobody"
timeout = "5s"
[[knob]]
when = "alpha times out less"
env = "ALPHA_TIMEOUT_MS_CAP"
from = 20000
to = 10000
cap_ms = 10000
[deployment]
project_id = "prj_x"
api_url = "{api_url}"
[ledger]
who = "on call"
"""


def plant_calls(planter: Planter) -> pd.DataFrame:
    """A few hundred values in all text columns except featureId, source and model."""
    rows = simple_calls()
    tenants = [planter.either() for _ in range(TENANTS)]
    rows["clientId"] = [tenants[number % TENANTS] for number in range(len(rows))]
    rows["source"] = [
        ("background-job/post", "api/hook", None)[number % 3] for number in range(len(rows))
    ]
    for number in range(0, len(rows), 23):
        rows.loc[number, "id"] = f"{planter.either()} {number}"
        rows.loc[number + 1, "leadId"] = planter.either()
        rows.loc[number + 2, "metadata"] = json.dumps(
            {"user": planter.name(), "note": planter.secret()}, ensure_ascii=bool(number % 2)
        )
        rows.loc[number + 3, "promptKey"] = planter.either()
        rows.loc[number + 4, "apiType"] = planter.either()
    fails = rows.index[rows["status"] == "error"]
    for number, at in enumerate(fails):
        if number % 3:
            template = MESSAGES[number % len(MESSAGES)]
            rows.loc[at, "errorMessage"] = template.format(
                *(planter.either() for _ in range(template.count("{}")))
            )
    return rows
