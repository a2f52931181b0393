"""No file holds a key, or a path of one machine."""

import re

KEY = re.compile(
    r"\bsk-(?=[\w-]*[0-9])[\w-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
    r"|\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"
)
MADE_UP_KEY = re.compile(r"(?i)example|fake|dummy|placeholder|secret|test|0123|1234|abcd|(.)\1{5}")
MACHINE_PATH = re.compile(
    r"(?<![\w.~$}-])/(?:work|root|home|Users|opt/pypi|opt/wheels)/[\w.-]+|[A-Z]:\\\\?Users\\"
)


def secret_faults(text: str) -> list[str]:
    """What looks like a real key, by its first characters, and paths of one machine."""
    keys = [match[0] for match in KEY.finditer(text) if not MADE_UP_KEY.search(match[0])]
    faults = [f"holds what looks like a key: {key[:6]}..." for key in keys]
    return faults + [
        f"holds a path of one machine: {match[0]}" for match in MACHINE_PATH.finditer(text)
    ]
