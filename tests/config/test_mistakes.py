"""Every mistake in rollout.toml is one sentence with its line and its fix; nothing else happens."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.config import Settings, load_settings
from analysis.errors import WrongUse
from tests.config.mistakes import BASE, KNOB, MISTAKES, SMOKE

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "rollout.toml").read_text(encoding="utf-8")
SECRETS = ("geheim", "example1234567890", "example0123456789", "anna")
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.sampled_from(
    """
    1 | -1 | 0.5 | nan | true | "x" | "" | "4h" | [] | {} | [[1]] | {a = 1} | {a.b = []} | "${X"
    2026-01-01 | 07:32:00 | 2026-01-01T00:00:00 | 2026-01-01T00:00:00Z | "\\u0000" | \'\'\'x\'\'\'
    1e400 | 0x1F | ["a", 1] | 999999999999999999999999999999
    """.replace("\n", "|").split("|")
)


# ---- whole sentences -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_its_line_and_its_fix(load, text, expected):
    with pytest.raises(WrongUse) as refused:
        load(text)
    assert str(refused.value) == f"rollout.toml, line {expected}"
    assert refused.value.exit_code == 2
    assert not any(secret in str(refused.value) for secret in SECRETS if f'"{secret}"' not in text)
    assert refused.value.__cause__ is None


def test_every_planted_secret_is_in_a_file():
    texts = "".join(text for _, text, _ in MISTAKES)
    assert [secret for secret in SECRETS if secret not in texts] == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "no.toml",
            "no.toml does not exist; write one with 'rollout init', "
            "or name yours with --config (config in a notebook)",
        ),
        (".", ". cannot be read (Is a directory); name a rollout.toml with --config"),
        ("a\0b", "a\\x00b cannot be read (not a path); name a rollout.toml with --config"),
    ],
    ids=["missing", "folder", "not a path"],
)
def test_a_path_that_is_no_file(name, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUse) as refused:
        load_settings(name)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"# \n# \xff\n", "rollout.toml, line 2: is not UTF-8 text; save the file as UTF-8"),
        (
            b"a" * 1_000_001,
            "rollout.toml is larger than 1,000,000 bytes; name a rollout.toml with --config",
        ),
        (b"a = " + b"[" * 5000, "rollout.toml is nested too deeply; write it as the example does"),
        (
            b"a = " + b"9" * 5000,
            "rollout.toml, line 1: is not valid TOML (a value that cannot be read); fix that line",
        ),
        (b"", "rollout.toml, line 1: rollout is missing; add the table [rollout] (and 1 more)"),
    ],
    ids=["not text", "too large", "too deep", "too long a number", "empty"],
)
def test_bytes_that_are_not_toml(load, raw, sentence):
    with pytest.raises(WrongUse) as refused:
        load(raw)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "header", ["Accept = 'text/html'", "X-Trace = 'smoke'", "Authorization = 'Bearer ${TOKEN}'"]
)
def test_headers_without_a_secret_are_valid(load, header):
    loaded = load(BASE + SMOKE + f"headers = {{{header}}}\n")
    assert header.split(" ")[0] in loaded.smokes[0].headers


def test_a_cookie_may_hold_a_secret_and_a_variable(load):
    with pytest.raises(WrongUse, match=r"headers\.Cookie contains a secret in plain text"):
        load(BASE + SMOKE + "headers = {Cookie = 'session=${SESSION}'}\n")


# ---- random files ----------------------------------------------------------------------------
def assert_settings_or_sentence(load, text):
    try:
        sentence = "rollout.toml" if isinstance(load(text), Settings) else ""
    except WrongUse as refused:
        sentence = str(refused)
    assert sentence.startswith("rollout.toml")
    assert "\n" not in sentence


@QUICK
@given(st.binary(max_size=400))
def test_bytes_give_settings_or_a_sentence(load, raw):
    assert_settings_or_sentence(load, raw)


@QUICK
@given(st.lists(st.tuples(st.integers(0, EXAMPLE.count("\n")), VALUES), min_size=1, max_size=4))
def test_other_values_give_settings_or_a_sentence(load, changes):
    lines = EXAMPLE.splitlines()
    for number, value in changes:
        head, equals, _ = lines[number % len(lines)].partition(" = ")
        lines[number % len(lines)] = f"{head} = {value}" if equals else value
    assert_settings_or_sentence(load, "\n".join(lines))


@QUICK
@given(st.integers(0, 2**32))
def test_lines_removed_swapped_and_doubled_give_settings_or_a_sentence(load, seed):
    draw = random.Random(seed)
    lines = (BASE + SMOKE + KNOB).splitlines()
    for _ in range(draw.randint(1, 3)):
        a, b = draw.randrange(len(lines)), draw.randrange(len(lines))
        lines[a], lines[b] = lines[b], draw.choice([lines[a], lines[b], ""])
    assert_settings_or_sentence(load, "\n".join(lines))
