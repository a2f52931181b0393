"""Plain English: the phrases that STYLE replaces, and quaint words, in everything that is read.

Read are documents, templates, notebooks, rollout.toml, comments of SQL and Python, docstrings and
strings. The names of Python count too.
"""

import io
import json
import re
import tokenize
from collections.abc import Iterator

PLAIN = {  # what is found -> what to write
    r"(?<!recom)(?<!com)\bmend(s|ed|ing)?\b": "fix",
    r"\b(told|tell|tells|telling)\b": "report, log, show, say",
    r"\breckon\w*": "compute, estimate",
    r"\bwork(s|ed) out\b": "compute",
    r"\b(held|holds?|holding) against\b": "compare with",
    r"\bcr(y|ies|ied|ying) wolf\b|\bwol(f|ves)\b": "raise a false alarm",
    r"\bcertainty\b": "confidence",
    r"\bnobody asked\b|\bunasked\b": "although no rule covers it",
    r"\bturning points?\b|\bchange our mind\b": "decision thresholds",
    r"\btoo few to say\b": "not enough data",
    r"\bthat chance brings\b|\bchance brings it\b": "chance of a false alarm",
    r"\bminutes? of the dead\b|\bno like in\b": "no matching baseline hour",
    r"\bcannot carry\b": "too poor for",
    r"\buntouched\b": "control features",
    r"\bpretend(?!ed_deploys\b)\w*": "placebo",  # pretended_deploys is a key of result.json
    r"\blasting\b": "sustained",
    r"\bguarded\b": "compared with controls",
    r"\bwhatsoever\b": "at all",
    r"\b(hence|thence|whence|thereby|therein|thereof|thereupon|whereby|wherein|whereupon)\b": "so",
    r"\b(henceforth|forthwith|heretofore|hitherto|nought|naught|afresh|anew)\b": "again, so far",
    r"\b(amid|amidst|amongst|whilst|lest|albeit|upon|unto|beforehand|seldom)\b": "among, while, on",
    r"\b(is|are|was|were|be|been|being) said\b|\bsaid so\b": "shown, named",
    r"\bdist(rust)(s|ed|ful)?\b": "doubt",
    r"\b(let|lets) go of\b|\bgive[ns]? back\b": "release, return",
    r"\bmade up of\b|\bmade good\b": "of, recovered",
    r"\b(its|the|their) like\b": "the same",
    r"\bfor good\b": "finally",
    r"\bbeside\b": "next to, with",
    r"\bso many (hours|times|calls|minutes)\b": "that many",
    r"\bthrown out\b": "dropped",
    r"\bshall\b": "should",
    r"\bas they lie\b|\blay\b|\blain\b": "is",
    r"\bstands? in (the|what|for)\b|\bstands? (beside|beneath|above|under|there)\b": "is",
    r"\bbe it\b|\bas it were\b|\bso to speak\b": "drop it",
    r"\baffairs?\b|\bdesks?\b|\bshel(f|ves)\b|\btrails?\b": "the plain noun",
}
_PATTERN = re.compile("|".join(f"(?P<p{i}>{p})" for i, p in enumerate(PLAIN)), re.IGNORECASE)
_ADVICE = list(PLAIN.values())
_TEXT_TOKENS = {
    tokenize.STRING,
    tokenize.COMMENT,
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),  # Python 3.12 and newer
}


def word_faults(text: str) -> list[str]:
    """The quaint phrases of a text, each with its line and what to write."""
    faults = []
    for match in _PATTERN.finditer(text):
        advice = _ADVICE[int(match.lastgroup[1:])] if match.lastgroup else ""
        line = text.count("\n", 0, match.start()) + 1
        faults.append(f"line {line}: '{match[0]}' -> {advice}")
    return faults


def words_read(name: str, text: str) -> str:
    """The part of a file that people read, line for line where the format has lines."""
    if name.endswith(".py"):
        return "\n".join(_python_words(text))
    if name.endswith(".ipynb"):
        return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    if name.endswith(".sql"):
        return "\n".join(line.partition("--")[2] for line in text.splitlines())
    return text


def _python_words(text: str) -> Iterator[str]:
    """Each line of a Python file without operators and numbers; names are cut into their words."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row = token.start[0] - 1
        if token.type == tokenize.NAME:
            words = re.sub(r"(?<!pretended)_+|(?<=[a-z])(?=[A-Z])", " ", token.string)
            lines[row] += f" ; {words}"
        elif token.type in _TEXT_TOKENS:
            for offset, line in enumerate(token.string.splitlines()):
                lines[row + offset] += f" {line}"
    return iter(lines)
