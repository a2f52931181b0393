"""Error messages become classes in SQL: shipped rules, the user's classes, and their order."""

import pytest

from analysis.config.settings import ErrorClass
from analysis.outcomes import OUTCOME_CODES, outcome_codes
from analysis.telemetry.engines import open_engine
from analysis.telemetry.error_classes import SHIPPED_RULES, class_branches
from analysis.telemetry.vocabulary import signature, vocabulary
from analysis.window import DAY, Window
from tests.fixtures.classified_texts import classified_texts
from tests.fixtures.edge_case_calls import META, POST, TRUNCATED, typed
from tests.fixtures.opened_engines import DEPLOY, GRID
from tests.fixtures.plain_counts import outcome_of
from tests.fixtures.single_calls import call
from tests.fixtures.sql_rules import shared_sql_faults
from tests.fixtures.stores import store

DAY_AFTER = Window(DEPLOY, DEPLOY + DAY)
PUBLISHED = [  # FACTS section 2, in its order
    ("Request timed out.", "timeout"),
    (POST + TRUNCATED, "max_output_tokens"),
    (POST + TRUNCATED + META, "max_output_tokens"),
    ("Response incomplete: max_output_tokens", "max_output_tokens"),
    ("500 An error occurred while processing your request, request ID req_0a1b.", "http_5xx"),
    ("503 upstream connect error. reset reason: connection timeout", "http_5xx"),
    ("429 Rate limit reached for gpt-5-mini on tokens per min", "rate_limit"),
    ("400 Unsupported value: 'none' is not supported with the 'x' model.", "http_4xx"),
    ("400 content_filter: the response was filtered", "content_filter"),
    (POST + "failed to parse JSON (Unexpected end of JSON input)", "invalid_output"),
    (POST + "failed to parse JSON (Unexpected end of JSON input)" + META, "invalid_output"),
    (POST + "schema violation (missing required property)", "invalid_output"),
    (POST + "schema violation (missing required property)" + META, "invalid_output"),
    (POST + "empty output_text", "invalid_output"),
    (POST + "empty output_text" + META, "invalid_output"),
    ("Connection error.", "connection"),
    ("Draft refused: signature is ambiguous", "other"),
    ("Draft refused: signature is ambiguous" + META, "other"),
]
VARIANTS = [
    ("REQUEST TIMED OUT.", "timeout"),
    ("Error: Request timed out.\n  at fetch", "timeout"),
    (POST + 'failed to parse JSON (Unexpected token: "Request timed out.")', "invalid_output"),
    (POST + "503 Service Unavailable", "http_5xx"),
    (POST + "429 Too Many Requests", "rate_limit"),
    ("502", "http_5xx"),
    ("5000 tokens are too many", "other"),
    ("404 max_output_tokens", "http_4xx"),
    ("500\nRequest timed out.", "timeout"),
    ("max_output_tokens", "other"),
    (' meta={"max_output_tokens":1}', "other"),
    ("", "other"),
    (None, "other"),
]
CLASSES = """
[[error_class]]
name = "quota_gone"
contains = ["insufficient_quota", "billing: 100%_hard 'limit'"]
[[error_class]]
name = "handshake"
pattern = "^tls [0-9]+(:|$)"
[[error_class]]
name = "any_quota"
contains = ["quota"]
"""
OWN = [
    ("429 You exceeded insufficient_quota", "quota_gone"),  # before the shipped classes
    ("BILLING: 100%_hard 'LIMIT' reached", "quota_gone"),
    ("billing: 100 hard limit", "other"),  # % and _ are no wildcards
    ("TLS 13: handshake failure", "handshake"),
    ("TLS 13", "handshake"),
    ("TLS 13\nhandshake failure, read the notes", "connection"),
    ("behind TLS 13:", "other"),
    ("quota and insufficient_quota", "quota_gone"),  # the first that matches
    ("a soft quota", "any_quota"),
    ("Request timed out." + META.replace("warning", "quota"), "timeout"),  # not in the suffix
    ("Request timed out.", "timeout"),
]


@pytest.fixture(params=["parquet", "csv", "postgres"])
def outcomes(request, tmp_path, monkeypatch):
    """A function from messages to the classes that SQL gives them, None for a success."""

    def classify(messages, *, more="", status="error"):
        rows = [
            call(60 * (number + 1), featureId=str(number), status=status, errorMessage=message)
            for number, message in enumerate(messages)
        ]
        database = request.getfixturevalue("database") if request.param == "postgres" else None
        place = {"database": database, "monkeypatch": monkeypatch}
        settings = store(request.param, typed(rows), tmp_path, more=more, **place)
        engine = open_engine(settings)
        statement = engine.queries.statement("error_classes", GRID.parameters(DAY_AFTER))
        found = {int(row.feature): row.outcome for row in engine.fetch(statement).itertuples()}
        engine.close()
        own = tuple(item.name for item in settings.error_classes)
        names = {code: name for name, code in outcome_codes(own).items()}
        return [names[found[number]] if number in found else None for number in range(len(rows))]

    return classify


@pytest.mark.parametrize(
    ("cases", "classes"),
    [(PUBLISHED, ""), (VARIANTS, ""), (OWN, CLASSES)],
    ids=["published", "variants", "own"],
)
def test_the_first_class_that_matches_wins(outcomes, cases, classes):
    found = outcomes([message for message, _ in cases], more=classes)
    assert list(zip([message for message, _ in cases], found, strict=True)) == cases


@pytest.mark.parametrize("name", ["published_errors", "sdk_errors"])
def test_texts_of_sdks_and_proxies_get_the_class_an_expert_gives(outcomes, name):
    texts = classified_texts(name)
    found = outcomes([text for text, _ in texts])
    wrong = [
        (text, classes, outcome)
        for (text, classes), outcome in zip(texts, found, strict=True)
        if outcome not in classes
    ]
    assert len(texts) >= 31
    assert wrong == []


def test_a_success_has_no_class_whatever_its_message(outcomes):
    assert outcomes(["Request timed out."], status="success") == [None]


def test_the_oracle_of_the_counts_agrees():
    for message, name in PUBLISHED + VARIANTS:
        row = {"status": "error", "errorMessage": message or None}
        assert outcome_of(row) == OUTCOME_CODES[name], message


def test_every_shipped_class_has_a_rule_that_all_engines_understand():
    branches, _ = class_branches([ErrorClass(name="own", contains=["a"], pattern="^b")])
    assert [fault for branch in branches for fault in shared_sql_faults(branch)] == []
    assert len(SHIPPED_RULES) <= 26  # PostgreSQL keeps 32 compiled expressions
    assert {rule.outcome for rule in SHIPPED_RULES} == OUTCOME_CODES.keys() - {"success"}


@pytest.mark.parametrize("kind", ["parquet", "postgres"])
def test_unknown_messages_leave_as_allowed_words_only(tmp_path, database, monkeypatch, kind):
    messages = [
        "Header missing for jane.exemplar@example.com",
        "header: MISSING (again)",
        "missingness of headers",
        "Jane Exemplar +49 30 5550199",
    ]
    rows = typed([call(60, ok=False, errorMessage=message) for message in messages])
    engine = open_engine(store(kind, rows, tmp_path, database=database, monkeypatch=monkeypatch))
    statement = engine.queries.statement(
        "signatures", GRID.parameters(DAY_AFTER), relations={"vocabulary": vocabulary()}
    )
    found = {signature(row.words): row.errors for row in engine.fetch(statement).itertuples()}
    engine.close()
    assert found == {"header … missing": 2, "(no known word)": 2}
