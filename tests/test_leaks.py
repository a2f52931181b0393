"""The rules for secrets: what each finds, in any script and any escape, and what none finds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.leaks import find_leak, quote
from tests.fixtures.planted_secrets import CASES, IBANS, page


# ---- what is found -----------------------------------------------------------------------------
@pytest.mark.parametrize(("rule", "planted"), CASES)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "error: {}, try again",
        "<td>{}</td>",
        '{{"feature": "{}"}}',
        "line\\n{}\\n",
        "名前は{}です",
        "“{}”",
        "({})",
        "value={}&x",
    ],
)
def test_a_planted_secret_is_found_wherever_it_stands(rule, planted, around):
    text = around.format(planted)
    assert planted in text
    assert find_leak(text) == rule


@pytest.mark.parametrize(
    ("rule", "escaped"),
    [
        (
            "e-mail address",
            '{"x": "\\u043f\\u043e\\u0447\\u0442\\u0430@\\u043f\\u0440.\\u0440\\u0444"}',
        ),
        ("e-mail address", "anna\\u0040example.com"),
        ("e-mail address", "mailto:anna%40example.com"),
        ("e-mail address", "&lt;anna&#64;example.com&gt;"),
        ("e-mail address", "anna&commat;example.com"),
        ("e-mail address", "anna\u200b@\u2060example.com"),
        ("phone number", "+49&nbsp;151&nbsp;12345678"),
        ("phone number", "\u202a+49 151 12345678\u202c"),
        ("key", "sk-proj-ex\u00adample1234567890abcd"),
        ("IBAN", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"),
    ],
)
def test_a_secret_is_found_behind_escapes(rule, escaped):
    assert find_leak(escaped) == rule


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_with_a_wrong_check_digit_is_not_found(iban):
    assert find_leak(iban[:3] + str((int(iban[3]) + 1) % 10) + iban[4:]) is None


def test_a_value_that_is_a_secret_is_not_quoted():
    assert quote("4 hours") == "'4 hours'"
    assert quote(7) == "7"
    assert quote("x" * 70) == "'" + "x" * 60 + "...'"
    for rule, planted in CASES:
        assert quote("x " * 40 + planted) == f"(hidden: {rule})"


# ---- what is not a secret ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "2026-02-02T23:10:16+01:00 2026-02-02 23:10:16.123+00",
        "Mon Feb 2 23:10:16 2026 +1000 2026-02-02",
        "23:10 +1000 2026",
        "+12,345 ms, +12345678 ms, +12 345 678 tokens, +1.234567891, -0.75",
        "1e+0512345678, +0.00000001",
        "d='M 12.5+13.25 14.123456 L+1234.5 12 34 56 78 90 12' fill='#0072B2' stroke='#b34700'",
        "3f2a9c0e8b7d4e5f9a1b2c3d4e5f6a7b8c9d0e1f 550e8400-e29b-41d4-a716-446655440000",
        "SHA256:Zm9vYmFyZm9vYmFy",
        "@media print{a{b:c}}@font-face{src:url(x@2x.png)}@import'a.css';",
        "npm install next@14.2.3-canary.abc lodash@4.17.21 @scope/name@latest d3@7.min.js",
        "html-manager@1.0.2/dist/embed-amd.js",
        '"\\n@app.route(1)\\n@pytest.fixture.x"',
        "Bearer ${CRON_SECRET}, Bearer authentication, bearer token, the bearer of this",
        "https://${USER}:${PASSWORD}@db/app http://localhost:3000/x@y.z",
        "https://example.com/a?b=c@d",
        "postgresql://host/name sc://localhost:15002 http://127.0.0.1:8080/metrics",
        "task-list-item-1234567890123456 disk-usage-0123456789abcdef",
        ".sk-toggleable__label-arrow:before #sk-container-id-1",
        "draft.verify.email.step3 background-job/email-inbound-post-process",
        "action:message.regenerate_draft",
        "OPENAI_EMAIL_VERIFIER_TIMEOUT_MS_CAP=45000 p < 0.001, 95 % interval (+0.12, +0.345)",
        "GB20 calls DE12 3704 0044 0532 0130 00 AB12 CD34 EF56",
        "request ID req_0123456789abcdef0123456789abcdef model gpt-5-mini@2026-01-01",
        "x = a @ b.T; y = A@B",
        "function(e,t){return e+1e3*t+0x7fffffff}e=t+1234567890",
    ],
)
def test_ordinary_page_content_is_not_a_secret(text):
    assert find_leak(text) is None


# ---- time -------------------------------------------------------------------------------------
def seconds_to_scan(text):
    started = time.process_time()
    find_leak(text)
    return time.process_time() - started


def test_a_large_page_is_clean_and_scanned_in_linear_time():
    """Four times the text takes about four times as long, not sixteen."""
    text = page(1.5)
    assert 1_300_000 < len(text) < 1_700_000
    assert find_leak(text) is None
    quarter = text[: len(text) // 4]
    assert min(map(seconds_to_scan, [text] * 5)) < 8 * min(map(seconds_to_scan, [quarter] * 5))
    for rule, planted in CASES:
        assert find_leak(text[:5000] + f"<p>{planted}</p>") == rule


@pytest.mark.parametrize(
    "piece",
    [
        "a@",
        "@a.a.a.a.a.a.a.1",
        "eyJ",
        " eyJaaaaaaaa.",
        "sk-",
        " sk-a",
        "://a:b",
        "://a",
        "+1",
        "+1 2 3 4 5 6 7 8 9 x",
        "Bearer ",
        "bearer" + " " * 300,
        "DE89 ",
        "&#64",
        "\\u0040",
        "AKIA",
        "xox",
        "%40",
        "b",
        "@",
        "1",
        "\\n",
        "\u200b",
        "。",
        "@a.min.js",
    ],
)
def test_repeated_text_is_scanned_in_linear_time(piece):
    short, long = (piece * (length // len(piece)) for length in (50_000, 400_000))
    assert seconds_to_scan(long) < 16 * max(seconds_to_scan(short), 0.01)


@given(st.text())
def test_any_text_can_be_scanned_and_quoted(text):
    assert find_leak(text) is None or isinstance(find_leak(text), str)
    assert "\n" not in quote(text)
