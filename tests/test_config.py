"""rollout.toml: what a whole file means, every mistake with its line and its mend, and that no input does anything else."""

import os
import random
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from analysis.config import Settings, load_settings
from analysis.config.kinds import Table
from analysis.config.lines import KeyLines
from analysis.config.starter import STARTER, starter_text, write_starter
from analysis.errors import WrongUse
from tests.config_mistakes import BASE, KNOB, MISTAKES, SMOKE

ROOT = Path(__file__).parents[1]
SECRETS = ("geheim", "example1234567890", "example0123456789", "anna")


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str | bytes, name: str = "rollout.toml") -> Settings:
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(name)

    return write_and_load


# ---- a whole file ----------------------------------------------------------------------------------------------------
def test_the_smallest_file_has_the_defaults(load, tmp_path):
    loaded = load(
        '[rollout]\nname = "r"\n[source]\nengine = "duckdb"\npath = "c.csv"\n'
        + BASE[BASE.index("[[guard") :]
    )
    assert loaded.folder == tmp_path.resolve()
    assert loaded.outputs == tmp_path.resolve() / "outputs" / "r"
    assert loaded.rollout.model_dump() == {
        "name": "r",
        "title": "r",
        "deployed_at": None,
        "warm_up": timedelta(0),
    }
    assert loaded.source.timeout == timedelta(minutes=2)
    assert loaded.baseline.model_dump() == {"days": 7, "start": None, "end": None, "exclude": ()}
    assert loaded.monitoring.model_dump() == {
        "windows": ("1h", "4h", "24h"),
        "ingestion_delay": timedelta(seconds=90),
        "sustained_for": timedelta(hours=6),
        "alpha": 0.05,
        "smallest_useful": 0.1,
    }
    assert (loaded.controls.use, loaded.controls.never, loaded.ledger.who) == ("auto", (), None)
    assert loaded.deployment.api_url == "https://api.vercel.com"


def test_the_example_says_what_the_design_says():
    example = load_settings(ROOT / "rollout.toml")
    assert example.rollout.deployed_at == datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
    assert [
        (claim.feature, claim.metric, claim.claim, claim.by) for claim in example.expectations
    ] == [
        ("draft.verify.email.step3", "timeout_rate", "falls", 0.5),
        ("signature.context", "timeout_rate", "falls", 0.5),
        ("followup.parse_proposed_times", "max_output_tokens_rate", "stays_zero", None),
        ("lead_scoring.score", None, None, None),
    ]
    assert [
        (part.name, part.feature, part.metric, part.claim)
        for part in example.expectations[3].any_of
    ] == [
        (
            "lead scoring fails less or recovers more",
            "lead_scoring.score",
            "http_5xx_rate",
            "falls",
        ),
        (
            "lead scoring fails less or recovers more",
            "lead_scoring.score",
            "recovered_rate",
            "rises",
        ),
    ]
    assert [
        (claim.source, claim.metric, claim.limit, claim.margin, claim.budget_ms)
        for claim in example.guardrails
    ] == [
        ("background-job/*", "latency_mean", 30000, None, None),
        (None, "slower_than_p95", None, 0.5, None),
        ("background-job/*", "cron_over_budget_rate", 0.05, None, 240000),
    ]
    assert [claim.critical for claim in example.guardrails] == [False, False, True]
    assert example.baseline.exclude[0].start == datetime(2026, 1, 30, 8, tzinfo=UTC)
    assert [(smoke.kind, smoke.expect_status) for smoke in example.smokes] == [
        ("http", (200, 202)),
        ("http", (401,)),
        ("overlap", ()),
        ("completes", ()),
    ]
    assert example.smokes[0].headers == {"Authorization": "Bearer ${CRON_SECRET}"}


def test_every_claim_of_the_example_and_the_cron_have_a_knob():
    example = load_settings(ROOT / "rollout.toml")
    offered = {knob.when.name for knob in example.knobs} | {
        knob.when.feature for knob in example.knobs
    }
    assert {claim.name for claim in example.expectations} <= offered
    assert "cron ends within budget" in offered
    turns = {(knob.env, knob.old, knob.new, knob.new_cap_ms) for knob in example.knobs}
    assert ("OPENAI_EMAIL_VERIFIER_TIMEOUT_SHARE", 0.35, 0.25, 30000) in turns
    assert ("OPENAI_EMAIL_VERIFIER_TIMEOUT_MS_CAP", 45000, 30000, 30000) in turns
    assert ("OPENAI_LEAD_SCORING_MAX_RETRIES", 2, 3, None) in turns


def test_the_starter_loads_with_every_commented_table_switched_on(load):
    assert load(STARTER).source.url_env == "DATABASE_URL"
    tables = STARTER[STARTER.index("# [[error_class]]") :]
    switched_on = "\n".join(line.removeprefix("# ") for line in tables.splitlines())
    loaded = load(STARTER[: STARTER.index("# [[error_class]]")] + switched_on)
    assert [
        entry.name for entry in (*loaded.error_classes, *loaded.preflights, *loaded.smokes)
    ] == [
        "quota",
        "build",
        "the application answers",
    ]
    assert loaded.knobs[0].when.name == "timeouts drop"


def test_the_starter_is_written_once_and_filled_in_with_what_can_be_found_out(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("MAIL_DB", "postgresql://anna:geheim@db/app")
    path = tmp_path / "mail app (new)" / "rollout.toml"
    write_starter(path)
    loaded = load_settings(path)
    assert (loaded.rollout.name, loaded.source.url_env) == ("mail-app-new", "MAIL_DB")
    assert "geheim" not in path.read_text()
    with pytest.raises(
        WrongUse, match=r"'rollout\.toml' is there already; give --force to replace it, or --config"
    ):
        write_starter(path)
    write_starter(path, force=True)


@pytest.mark.parametrize("folder", ["", "...", "日本", "anna@example.com", "x" * 100, "a\nb"])
def test_the_starter_loads_whatever_the_folder_is_called(load, folder):
    assert (
        load(starter_text(folder, {"PATH": "x", "B C": "postgres://x"})).source.url_env
        == "DATABASE_URL"
    )


def test_the_files_of_the_project_have_short_lines():
    assert (
        max(map(len, [*(ROOT / "rollout.toml").read_text().splitlines(), *STARTER.splitlines()]))
        <= 100
    )


def test_settings_are_frozen(load):
    loaded = load(BASE)
    with pytest.raises(ValueError, match="frozen"):
        loaded.rollout.name = "x"
    with pytest.raises(ValueError, match="frozen"):
        loaded.path = Path("x")


def test_times_and_lengths_are_read_in_every_form(load):
    loaded = load(
        BASE.replace("2026-02-02T23:10:16Z", "2026-02-03T00:10:16+01:00").replace('"4h"', '"1d"')
    )
    assert loaded.rollout.deployed_at == datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
    assert loaded.monitoring.lengths == (timedelta(hours=1), timedelta(days=1))
    assert loaded.window_length("24h") == timedelta(days=1)
    with pytest.raises(
        WrongUse,
        match=r"'5h' is not among \[monitoring\].windows; take one of 1h, 1d, or a stretch of time \(--from and --to; start and end",
    ):
        loaded.window_length("5h")


def test_a_windows_file_with_a_mark_at_its_beginning_loads(load):
    assert load(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode()).rollout.name == "r"


def test_what_is_written_in_another_order_means_the_same(load):
    dotted = 'rollout.name = "r"\nrollout.deployed_at = 2026-02-02T23:10:16Z\nmonitoring = {windows = ["1h", "4h"]}\n'
    assert load(
        dotted
        + BASE[BASE.index("[source]") : BASE.index("[monitoring]")]
        + BASE[BASE.index("[[exp") :]
    ) == load(BASE)


def test_a_class_of_the_user_makes_a_metric(load):
    loaded = load(
        BASE.replace("timeout_rate", "quota_rate")
        + '[[error_class]]\nname = "quota"\ncontains = "quota exceeded"\n'
    )
    assert loaded.error_classes[0].contains == ("quota exceeded",)


@pytest.mark.parametrize(
    "pattern", ["^quota [0-9]+", "(soft|hard) limit", "a[.]b", "a\\\\.b", "[^,]{2,5}$"]
)
def test_patterns_that_every_engine_reads_alike_are_taken(load, pattern):
    assert (
        load(BASE + f'[[error_class]]\nname = "quota"\npattern = "{pattern}"\n')
        .error_classes[0]
        .pattern
    )


@pytest.mark.parametrize(
    "header", ["Accept = 'text/html'", "X-Trace = 'smoke'", "Cookie = 'session=${SESSION}'"]
)
def test_headers_without_a_secret_are_taken(load, header):
    name = header.split(" ")[0]
    if name == "Cookie":  # a cookie's name is no secret, but what stands beside a variable may be
        with pytest.raises(WrongUse, match=r"headers\.Cookie holds a header's secret in clear"):
            load(BASE + SMOKE + f"headers = {{{header}}}\n")
    else:
        assert name in load(BASE + SMOKE + f"headers = {{{header}}}\n").smokes[0].headers


# ---- mistakes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_its_line_and_its_mend(load, text, expected):
    with pytest.raises(WrongUse) as refused:
        load(text)
    assert str(refused.value) == f"rollout.toml, line {expected}"
    assert refused.value.exit_code == 2
    assert not any(secret in str(refused.value) for secret in SECRETS if f'"{secret}"' not in text)
    assert refused.value.__cause__ is None


def test_every_planted_secret_was_in_the_file():
    texts = "".join(text for _, text, _ in MISTAKES)
    assert [secret for secret in SECRETS if secret not in texts] == []


def test_a_missing_file_and_what_is_no_file(load, tmp_path):
    for name, sentence in (
        (
            "no.toml",
            "no.toml does not exist; write one with 'rollout init', or name yours with --config (config in a notebook)",
        ),
        (".", ". cannot be read (Is a directory); name a rollout.toml with --config"),
        ("a\0b", "a\\x00b cannot be read (not a path); name a rollout.toml with --config"),
    ):
        with pytest.raises(WrongUse) as refused:
            load_settings(name)
        assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"# \n# \xff\n", "rollout.toml, line 2: is not UTF-8 text; save the file as UTF-8"),
        (
            b"a" * 1_000_001,
            "rollout.toml is larger than 1,000,000 bytes, which no rollout.toml is; name yours with --config",
        ),
        (b"a = " + b"[" * 5000, "rollout.toml is nested too deeply; write it as the example does"),
        (
            b"a = " + b"9" * 5000,
            "rollout.toml, line 1: is not valid TOML (a value that cannot be read); mend that line",
        ),
        (b"", "rollout.toml, line 1: rollout is missing; add the table [rollout] (and 1 more)"),
    ],
    ids=["not text", "too large", "too deep", "too long a number", "empty"],
)
def test_bytes_that_are_no_toml(load, raw, sentence):
    with pytest.raises(WrongUse) as refused:
        load(raw)
    assert str(refused.value) == sentence


# ---- lines -----------------------------------------------------------------------------------------------------------
def test_the_line_of_a_key_is_found_in_every_way_of_writing_it():
    text = '''# a comment with [brackets] and "quotes"
a = """x
[not.a.table]
b = 1"""
'quoted key'.inner = { one = 1, two = [ 1, # [
    2, "]" ] }

[table . "with \\"quotes\\""]
c = 1
[[list]]
d = 'x # y'
[list.inner]
e = 2026-01-01 10:00:00Z
[[list.deep]]
[[list.deep]]
f = [
  {g = 1},
  {g = 2},
]
[[list]]
d = {}
'''
    tomllib.loads(text)
    lines = KeyLines(text)
    assert {
        place: lines.line_of(place)
        for place in (
            ("a",),
            ("b",),
            ("quoted key", "inner", "one"),
            ("quoted key", "inner", "two", 1),
            ("table", 'with "quotes"', "c"),
            ("list", 0, "d"),
            ("list", 0, "inner", "e"),
            ("list", 0, "deep", 1, "f", 1, "g"),
            ("list", 1, "d"),
            ("list", 1, "missing"),
            ("list", 2),
            (),
        )
    } == {
        ("a",): 2,
        ("b",): 1,
        ("quoted key", "inner", "one"): 5,
        ("quoted key", "inner", "two", 1): 6,
        ("table", 'with "quotes"', "c"): 9,
        ("list", 0, "d"): 11,
        ("list", 0, "inner", "e"): 13,
        ("list", 0, "deep", 1, "f", 1, "g"): 18,
        ("list", 1, "d"): 21,
        ("list", 1, "missing"): 20,
        ("list", 2): 10,
        (): 1,
    }


# ---- nothing else ever happens ---------------------------------------------------------------------------------------
WHOLE = (ROOT / "rollout.toml").read_text(encoding="utf-8")
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.sampled_from(
    """
    1 | -1 | 0.5 | nan | true | "x" | "" | "4h" | [] | {} | [[1]] | {a = 1} | 2026-01-01 | 07:32:00 | 2026-01-01T00:00:00
    2026-01-01T00:00:00Z | "\\u0000" | \'\'\'x\'\'\' | "${X" | 1e400 | 0x1F | ["a", 1] | 999999999999999999999999999999 | {a.b = []}
    """.replace("\n", "|").split("|")
)


def only_settings_or_wrong_use(load, text):
    try:
        sentence = "rollout.toml" if isinstance(load(text), Settings) else ""
    except WrongUse as refused:
        sentence = str(refused)
    assert sentence.startswith("rollout.toml")
    assert "\n" not in sentence


@QUICK
@given(st.binary(max_size=400))
def test_bytes_give_settings_or_a_sentence(load, raw):
    only_settings_or_wrong_use(load, raw)


@QUICK
@given(st.lists(st.tuples(st.integers(0, WHOLE.count("\n")), VALUES), min_size=1, max_size=4))
def test_other_values_give_settings_or_a_sentence(load, changes):
    lines = WHOLE.splitlines()
    for number, value in changes:
        head, equals, _ = lines[number % len(lines)].partition(" = ")
        lines[number % len(lines)] = f"{head} = {value}" if equals else value
    only_settings_or_wrong_use(load, "\n".join(lines))


@QUICK
@given(st.integers(0, 2**32))
def test_lines_taken_out_swapped_and_doubled_give_settings_or_a_sentence(load, seed):
    draw = random.Random(seed)
    lines = (BASE + SMOKE + KNOB).splitlines()
    for _ in range(draw.randint(1, 3)):
        a, b = draw.randrange(len(lines)), draw.randrange(len(lines))
        lines[a], lines[b] = lines[b], draw.choice([lines[a], lines[b], ""])
    only_settings_or_wrong_use(load, "\n".join(lines))


# ---- light and quiet -------------------------------------------------------------------------------------------------
def test_loading_opens_no_database_and_imports_no_engine():
    code = (
        "import sys; from analysis.config import load_settings; load_settings('rollout.toml');"
        "print(sorted(sys.modules.keys() & {'duckdb', 'sqlalchemy', 'matplotlib', 'scipy', 'papermill', 'httpx', 'sqlglot'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("table", Table.__subclasses__(), ids=lambda table: table.__name__)
def test_every_example_that_a_sentence_may_offer_is_right(table):
    for field in table.model_fields.values():
        for example in field.examples or ():
            TypeAdapter(
                Annotated[(field.annotation, "as written", *field.metadata)]
            ).validate_python(example)
