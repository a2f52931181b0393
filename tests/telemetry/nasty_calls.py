"""A small table with everything that goes wrong in real ones; and a larger one that the simulator never draws."""

from datetime import datetime, timedelta

import pandas as pd

DEPLOYED_AT = datetime(2026, 2, 2, 23, 10, 16, 789_000)  # an odd second, with milliseconds
LEADS = ("lead-a", "lead-b", None)
TENANTS = ("tenant-north", "Ténant 'two'", 'tenant "three"; --')
SOURCES = (
    "background-job/email",
    "/api/webhooks/email?x=%20:id",
    None,
    "action:message.regenerate_draft",
)
FEATURES = ("draft.verify", "odd [feature] * 100% :name", "Ünïcode.фича")
META = ' meta={"severity":"warning","attempts":2,"max_output_tokens":1200}'
MESSAGES = (
    "Request timed out.",
    "REQUEST TIMED OUT",
    "Post-process error: hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)",
    "Post-process error: hit max_output_tokens (incomplete=max_output_tokens output_types=reasoning)"
    + META,
    "Response incomplete: max_output_tokens",
    "500 An error occurred while processing your request. Please include the request ID req_00ff.",
    "503 upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
    "429 Rate limit reached for gpt-5-mini: 100% of 500 :rpm",
    "400 Unsupported value: 'none' is not supported with the \"x\" model, see a, b",
    "400 content_filter: the response was filtered",
    'Post-process error: failed to parse JSON (Unexpected token, said "Request timed out.")' + META,
    "Post-process error: schema violation (missing 'intent')",
    "Post-process error: empty output_text" + META,
    "Connection error.",
    "first line\nsecond line, with \"quotes\" and 'others'\r\nthird; 500 not a status",
    "連線逾時 – Запрос не выполнен 🙂",
    "5000 is no status",
    "50 neither",
    "503",
    "Error: 503 behind a word",
    "something else" + META,
    "quota %(x)s ::text :bind \\: ? $1 -- comment /* and */",
    None,
)
LATENCIES = (
    0,
    1,
    99,
    100,
    101,
    4_502,
    19_999,
    20_128,
    99_999,
    100_000,
    1_234_567,
    61_000,
    None,
    -1,
    -86_400_000,
)


def nasty_calls() -> pd.DataFrame:
    """Every message, latency, source, lead and tenant against each other, around the deploy and around full hours of its grid."""
    rows = []
    for number in range(690):
        message = MESSAGES[number % len(MESSAGES)]
        is_error = number % 3 != 0
        latency = LATENCIES[(number * 7 + number // 13) % len(LATENCIES)]
        hours = (-26, -25, -3, -2, -1, 0, 1, 2, 24, 25)[(number // 3) % 10]
        near = timedelta(
            milliseconds=(0, -1, 1, 89_999, 90_000, 90_001, -20_000, 1_800_000, 599_999, 3_599_999)[
                (number * 3 + number // 30) % 10
            ]
        )
        rows.append(
            {
                "id": f"row-{number:04d}",
                "clientId": TENANTS[number % 7 % 3],
                "leadId": LEADS[number % 11 % 3],
                "source": SOURCES[number % 5 % 4],
                "featureId": FEATURES[number % 4 % 3],
                "model": "gpt-5-mini",
                "apiType": "responses",
                "outputTokens": None if is_error else number % 900,
                "totalTokens": None if is_error or number % 6 == 0 else number % 900 + 1000,
                "latencyMs": latency,
                "status": "error" if is_error else "success",
                "errorMessage": message if is_error else None,
                "createdAt": DEPLOYED_AT + timedelta(hours=hours) + near,
            }
        )
    return typed(rows)


def typed(rows: list[dict]) -> pd.DataFrame:
    """Rows as a frame with the table's types."""
    frame = pd.DataFrame(rows).astype(
        dict.fromkeys(("outputTokens", "totalTokens", "latencyMs"), "Int64")
    )
    frame["createdAt"] = pd.to_datetime(frame["createdAt"]).astype("datetime64[ms]")
    texts = ("id", "clientId", "leadId", "source", "featureId", "status", "errorMessage")
    return frame.astype(dict.fromkeys(texts, "str"))
