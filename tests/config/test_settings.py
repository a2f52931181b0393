"""What a valid rollout.toml means: defaults, the example, and the ways to write values."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.config import load_settings
from analysis.config.starter import STARTER_FILE
from analysis.errors import WrongUse
from tests.config.mistakes import BASE

ROOT = Path(__file__).parents[2]
DEPLOYED_AT = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)


# ---- defaults and the example ----------------------------------------------------------------
def test_the_smallest_file_has_the_defaults(load, tmp_path):
    smallest = '[rollout]\nname = "r"\n[source]\nengine = "duckdb"\npath = "c.csv"\n'
    loaded = load(smallest + BASE[BASE.index("[[guard") :])
    assert loaded.folder == tmp_path.resolve()
    assert loaded.outputs == tmp_path.resolve() / "outputs" / "r"
    assert loaded.rollout.model_dump() == {
        "name": "r",
        "title": "r",
        "deployed_at": None,
        "warm_up": timedelta(0),
    }
    assert loaded.source.timeout == timedelta(minutes=2)
    assert loaded.baseline.model_dump() == {
        "days": 7,
        "start": None,
        "end": None,
        "exclude": (),
        "day_to_day": 0.1,
    }
    assert loaded.monitoring.model_dump() == {
        "windows": ("1h", "4h", "24h"),
        "ingestion_delay": timedelta(seconds=90),
        "sustained_for": timedelta(hours=6),
        "alpha": 0.05,
        "smallest_useful": 0.1,
    }
    assert (loaded.controls.use, loaded.controls.never, loaded.ledger.who) == ("auto", (), None)
    assert loaded.deployment.api_url == "https://api.vercel.com"


@pytest.fixture(scope="module")
def example():
    return load_settings(ROOT / "rollout.toml")


def test_the_expectations_of_the_example(example):
    assert example.rollout.deployed_at == DEPLOYED_AT
    claims = [(one.feature, one.metric, one.claim, one.by) for one in example.expectations]
    assert claims == [
        ("draft.verify.email.step3", "timeout_rate", "falls", 0.5),
        ("signature.context", "timeout_rate", "falls", 0.5),
        ("followup.parse_proposed_times", "max_output_tokens_rate", "stays_zero", None),
        ("lead_scoring.score", None, None, None),
    ]
    name, feature = "lead scoring fails less or recovers more", "lead_scoring.score"
    parts = example.expectations[3].any_of
    assert [(part.name, part.feature, part.metric, part.claim) for part in parts] == [
        (name, feature, "http_5xx_rate", "falls"),
        (name, feature, "recovered_rate", "rises"),
    ]


def test_the_guardrails_of_the_example(example):
    claims = [
        (one.source, one.metric, one.limit, one.margin, one.critical) for one in example.guardrails
    ]
    assert claims == [
        ("background-job/*", "latency_mean", 30000, None, False),
        (None, "slower_than_p95", None, 0.5, False),
        ("background-job/*", "cron_over_budget_rate", 0.05, None, True),
    ]
    assert example.guardrails[2].budget_ms == 240_000
    assert example.baseline.exclude[0].start == datetime(2026, 1, 30, 8, tzinfo=UTC)


def test_the_smoke_checks_of_the_example(example):
    kinds = [smoke.kind for smoke in example.smokes]
    assert kinds == ["http", "http", "overlap", "completes"]
    assert [smoke.expect_status for smoke in example.smokes[:2]] == [(200, 202), (401,)]
    assert example.smokes[0].headers == {"Authorization": "Bearer ${CRON_SECRET}"}


def test_every_expectation_of_the_example_and_the_cron_have_a_knob(example):
    whens = [knob.when for knob in example.knobs]
    offered = {when.name for when in whens} | {when.feature for when in whens}
    assert {claim.name for claim in example.expectations} <= offered
    assert "cron ends within budget" in offered
    turns = {(knob.env, knob.old, knob.new, knob.new_cap_ms) for knob in example.knobs}
    assert ("OPENAI_EMAIL_VERIFIER_TIMEOUT_SHARE", 0.35, 0.25, 30000) in turns
    assert ("OPENAI_EMAIL_VERIFIER_TIMEOUT_MS_CAP", 45000, 30000, 30000) in turns
    assert ("OPENAI_LEAD_SCORING_MAX_RETRIES", 2, 3, None) in turns


@pytest.mark.parametrize("path", [ROOT / "rollout.toml", STARTER_FILE], ids=lambda path: path.name)
def test_the_files_that_users_read_have_short_lines(path):
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 100


# ---- ways to write values --------------------------------------------------------------------
def test_settings_are_frozen(load):
    loaded = load(BASE)
    with pytest.raises(ValueError, match="frozen"):
        loaded.rollout.name = "x"
    with pytest.raises(ValueError, match="frozen"):
        loaded.path = Path("x")


def test_times_and_durations_are_read_in_every_form(load):
    text = BASE.replace("2026-02-02T23:10:16Z", "2026-02-03T00:10:16+01:00")
    loaded = load(text.replace('"4h"', '"1d"'))
    assert loaded.rollout.deployed_at == DEPLOYED_AT
    assert loaded.monitoring.lengths == (timedelta(hours=1), timedelta(days=1))
    assert loaded.window_length("24h") == timedelta(days=1)


def test_a_window_that_is_not_planned_is_refused(load):
    sentence = r"'5h' is not among \[monitoring\].windows; use one of 1h, 4h, or a start and an end"
    with pytest.raises(WrongUse, match=sentence):
        load(BASE).window_length("5h")


def test_a_file_of_windows_with_a_byte_order_mark_is_read(load):
    assert load(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode()).rollout.name == "r"


def test_tables_and_dotted_keys_mean_the_same(load):
    dotted = (
        'rollout.name = "r"\nrollout.deployed_at = 2026-02-02T23:10:16Z\n'
        'monitoring = {windows = ["1h", "4h"]}\n'
    )
    source = BASE[BASE.index("[source]") : BASE.index("[monitoring]")]
    assert load(dotted + source + BASE[BASE.index("[[exp") :]) == load(BASE)


def test_an_error_class_of_the_user_makes_a_metric(load):
    error_class = '[[error_class]]\nname = "quota_gone"\ncontains = "quota exceeded"\n'
    loaded = load(BASE.replace("timeout_rate", "quota_gone_rate") + error_class)
    assert loaded.error_classes[0].contains == ("quota exceeded",)
    assert loaded.class_names == ("quota_gone",)


@pytest.mark.parametrize(
    "pattern", ["^quota [0-9]+", "(soft|hard) limit", "a[.]b", "a\\\\.b", "[^,]{2,5}$"]
)
def test_patterns_that_every_engine_reads_alike_are_valid(load, pattern):
    loaded = load(BASE + f'[[error_class]]\nname = "quota_gone"\npattern = "{pattern}"\n')
    assert loaded.error_classes[0].pattern


@pytest.mark.parametrize(
    ("cap_ms", "min_ms", "share", "total_ms", "timeout_ms"),
    [
        (45000, 8000, 0.35, 120000, 42000),
        (45000, 8000, 0.35, 30000, 10500),
        (30000, 8000, 0.35, 120000, 30000),
        (45000, 8000, 0.25, 120000, 30000),
        (45000, 8000, 0.25, 30000, 8000),
        (10000, 3000, 0.2, 120000, 10000),
        (10000, 3000, 0.2, 30000, 6000),
        (999999, 1, 0.99, 100000, 80000),
        (999999, 1, 0.01, 100000, 5000),
        (5000, 5000, 0.5, 1000, 5000),
        (999999, 1, 0.333333, 10000, 3333),
    ],
)
def test_the_timeout_of_a_slice(load, cap_ms, min_ms, share, total_ms, timeout_ms):
    values = f"cap_ms = {cap_ms}, min_ms = {min_ms}, share = {share}, total_ms = {total_ms}"
    knob = f'[[knob]]\nwhen = "timeouts drop"\nenv = "A"\nto = 1\nslice = {{{values}}}\n'
    assert load(BASE + knob).knobs[0].new_cap_ms == timeout_ms


# ---- light -----------------------------------------------------------------------------------
def test_loading_opens_no_database_and_imports_no_engine():
    heavy = "{'duckdb', 'sqlalchemy', 'matplotlib', 'scipy', 'papermill', 'httpx', 'sqlglot'}"
    code = (
        "import sys; from analysis.config import load_settings; load_settings('rollout.toml');"
        f"print(sorted(sys.modules.keys() & {heavy}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
