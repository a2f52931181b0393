"""Error messages become classes in SQL: the shapes of FACTS section 2 one by one, the user's classes, and who comes first."""

from datetime import UTC, timedelta

import pytest

from analysis.counting.grid import Grid
from analysis.outcomes import OUTCOME_CODES, outcome_codes
from analysis.telemetry.engines import open_engine
from analysis.telemetry.vocabulary import signature, vocabulary
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, META, typed
from tests.fixtures.plain_counts import outcome_of
from tests.fixtures.stores import store

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
DAY = Window(DEPLOY, DEPLOY + timedelta(days=1))
# FACTS section 2, "Error messages seen in production", in its order; the suffix is the one it shows.
PUBLISHED = [
    ("Request timed out.", "timeout"),
    (
        "Post-process error: hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)",
        "max_output_tokens",
    ),
    (
        "Post-process error: hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)"
        + META,
        "max_output_tokens",
    ),
    ("Response incomplete: max_output_tokens", "max_output_tokens"),
    (
        "500 An error occurred while processing your request. Please include the request ID req_0a1b.",
        "http_5xx",
    ),
    (
        "503 upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
        "http_5xx",
    ),
    ("429 Rate limit reached for gpt-5-mini on tokens per min", "rate_limit"),
    ("400 Unsupported value: 'none' is not supported with the 'gpt-5-mini' model.", "http_4xx"),
    ("400 content_filter: the response was filtered", "http_4xx"),
    ("Post-process error: failed to parse JSON (Unexpected end of JSON input)", "invalid_output"),
    (
        "Post-process error: failed to parse JSON (Unexpected end of JSON input)" + META,
        "invalid_output",
    ),
    ("Post-process error: schema violation (missing required property)", "invalid_output"),
    ("Post-process error: schema violation (missing required property)" + META, "invalid_output"),
    ("Post-process error: empty output_text", "invalid_output"),
    ("Post-process error: empty output_text" + META, "invalid_output"),
    ("Connection error.", "connection"),
    ("Draft refused: signature is ambiguous", "other"),
    ("Draft refused: signature is ambiguous" + META, "other"),
]
BY_RULE = [
    ("REQUEST TIMED OUT.", "timeout"),
    ("Error: Request timed out.\n  at fetch", "timeout"),
    (
        'Post-process error: failed to parse JSON (Unexpected token: "Request timed out.")',
        "invalid_output",
    ),
    ("Post-process error: 503 Service Unavailable", "http_5xx"),
    ("Post-process error: 429 Too Many Requests", "rate_limit"),
    ("502", "http_5xx"),
    ("5000 tokens are too many", "other"),
    ("404 max_output_tokens", "http_4xx"),
    ("500\nRequest timed out.", "http_5xx"),
    ("max_output_tokens", "other"),
    (' meta={"max_output_tokens":1}', "other"),
    ("", "other"),
    (None, "other"),
]
CLASSES = """
[[error_class]]
name = "quota"
contains = ["insufficient_quota", "billing: 100%_hard 'limit'"]
[[error_class]]
name = "handshake"
pattern = "^tls [0-9]+(:|$)"
[[error_class]]
name = "any_quota"
contains = ["quota"]
"""
OWN = [
    ("429 You exceeded insufficient_quota", "quota"),  # the user's come before the shipped ones
    ("BILLING: 100%_hard 'LIMIT' reached", "quota"),
    ("billing: 100 hard limit", "other"),  # % and _ mean themselves
    ("TLS 13: handshake failure", "handshake"),
    ("TLS 13", "handshake"),
    ("TLS 13\nhandshake failure, read the notes", "other"),
    ("behind TLS 13:", "other"),
    ("quota and insufficient_quota", "quota"),  # the first of the user's that fits
    ("a soft quota", "any_quota"),
    ("Request timed out." + META.replace("warning", "quota"), "timeout"),  # the suffix is not read
    ("Request timed out.", "timeout"),
]


@pytest.fixture(params=["parquet", "csv", "postgres"])
def outcomes(request, tmp_path, monkeypatch):
    """A function from messages to the class that SQL gives each of them."""

    def ask(messages, *, more="", statuses=None):
        rows = [
            _call(number, message, status)
            for number, (message, status) in enumerate(
                zip(messages, statuses or ["error"] * len(messages), strict=True)
            )
        ]
        database = request.getfixturevalue("database") if request.param == "postgres" else None
        settings = store(
            request.param,
            typed(rows),
            tmp_path,
            database=database,
            monkeypatch=monkeypatch,
            more=more,
        )
        engine = open_engine(settings)
        found = engine.fetch(engine.queries.statement("error_classes", GRID.parameters(DAY)))
        engine.close()
        names = {
            code: name
            for name, code in outcome_codes(
                tuple(item.name for item in settings.error_classes)
            ).items()
        }
        return {int(row.feature): names[int(row.outcome)] for row in found.itertuples()}

    return ask


def _call(number, message, status="error"):
    return {
        "id": f"id-{number}",
        "clientId": "t",
        "leadId": None,
        "source": None,
        "featureId": str(number),
        "model": "m",
        "apiType": "r",
        "outputTokens": None,
        "totalTokens": None,
        "latencyMs": 5,
        "status": status,
        "errorMessage": message,
        "createdAt": DEPLOYED_AT + timedelta(minutes=number + 1),
    }


def _in_order(pairs):
    return {number: name for number, (_, name) in enumerate(pairs)}


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_classes_by_rule(outcomes):
    assert outcomes([message for message, _ in BY_RULE]) == _in_order(BY_RULE)


def test_classes_of_the_user_come_first_and_the_first_that_fits_wins(outcomes):
    assert outcomes([message for message, _ in OWN], more=CLASSES) == _in_order(OWN)


# ---- published -------------------------------------------------------------------------------------------------------
def test_the_messages_seen_in_production(outcomes):
    assert outcomes([message for message, _ in PUBLISHED]) == _in_order(PUBLISHED)


# ---- laws ------------------------------------------------------------------------------------------------------------
def test_a_success_has_no_class_whatever_its_message(outcomes):
    assert outcomes(
        ["Request timed out.", "Request timed out."], statuses=["success", "error"]
    ) == {1: "timeout"}


def test_the_plain_double_of_the_other_tests_agrees():
    names = {code: name for name, code in OUTCOME_CODES.items()}
    for message, name in PUBLISHED + BY_RULE:
        assert (
            message,
            names[outcome_of({"status": "error", "errorMessage": message or None})],
        ) == (message, name)


# ---- unknown messages leave as signatures ----------------------------------------------------------------------------
def test_signatures_hold_allowed_words_only(tmp_path, database, monkeypatch):
    messages = [
        "Socket closed for jane.exemplar@example.com",
        "socket: CLOSED (again)",
        "closedown websocket",
        "Jane Exemplar +49 30 5550199",
    ]
    expected = [("closed … socket", 2), ("(no known word)", 2)]
    rows = typed(
        [_call(number, message) | {"featureId": "f"} for number, message in enumerate(messages)]
    )
    for kind in ("parquet", "postgres"):
        engine = open_engine(
            store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch)
        )
        found = engine.fetch(
            engine.queries.statement(
                "signatures", GRID.parameters(DAY), relations={"vocabulary": vocabulary()}
            )
        )
        assert [(signature(int(row.words)), int(row.errors)) for row in found.itertuples()][
            ::-1
        ] == expected
        engine.close()
