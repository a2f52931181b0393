"""The smoke checks of the example's application as rollout.toml has them, and how tests run them."""

import pytest

from analysis.deployment import smoke
from analysis.deployment.completed import count_completed
from analysis.errors import StepFailed

CRON = """
[[smoke]]
name = "cron runs with its secret"
kind = "http"
url = "${APP_URL}/api/cron/background-jobs"
headers = {Authorization = "Bearer ${CRON_SECRET}"}
expect_status = [200, 202]
expect_json = {success = true}
timeout = "5s"
"""
REFUSES = """
[[smoke]]
name = "cron refuses a call without secret"
kind = "http"
url = "${APP_URL}/api/cron/background-jobs?trace=${TRACE}"
expect_status = 401
timeout = "5s"
"""
OVERLAP = """
[[smoke]]
name = "two close calls, one is locked out"
kind = "overlap"
url = "${APP_URL}/api/cron/background-jobs"
headers = {Authorization = "Bearer ${CRON_SECRET}"}
calls = 2
matches = 1
match_json = {skipped = true, reason = "locked"}
timeout = "5s"
"""
COMPLETES = """
[[smoke]]
name = "a regenerated draft completes"
kind = "completes"
feature = "draft.verify.email.step3"
trigger = {method = "POST", url = "${APP_URL}/api/drafts/regenerate", headers = {Authorization = "Bearer ${CRON_SECRET}"}, body = {draft = "latest"}}
timeout = "4s"
"""


def run(settings, **arguments):
    arguments.setdefault(
        "count_completed", lambda feature, since: count_completed(settings, feature, since)
    )
    return smoke.run_smokes(settings, **arguments)


def the_failure(report) -> str:
    with pytest.raises(StepFailed) as caught:
        report.check()
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)
    return str(caught.value)
