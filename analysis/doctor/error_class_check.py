"""Which classes the errors of the table have, and by which words those of no known class go.

Only counts, names of classes and signatures leave the database, never a message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from analysis.counting.grid import Grid, read_time
from analysis.doctor.source_check import SourceCheck, passed, warned
from analysis.errors import DataNotTrusted
from analysis.formatting import count, share
from analysis.outcomes import OTHER, outcome_codes
from analysis.telemetry.engines import Engine, open_engine
from analysis.telemetry.vocabulary import signature, vocabulary
from analysis.window import DAY, Window

if TYPE_CHECKING:
    from analysis.config import Settings

INSPECTED = 35 * DAY
"""Rows of this time before the newest one are inspected: the application keeps 30 days."""
MAX_UNKNOWN_SHARE = 0.05
MAX_SIGNATURES = 5


@dataclass(frozen=True)
class ClassCounts:
    """The errors of the inspected time, by class.

    Attributes
    ----------
    errors : name of each class, the user's first, -> its errors; classes without errors too.
    signatures : allowed words -> errors of no known class that contain just these, most first.
    """

    errors: dict[str, int]
    signatures: dict[str, int]

    @property
    def total(self) -> int:
        """All errors."""
        return sum(self.errors.values())

    @property
    def unknown(self) -> int:
        """Errors of no known class."""
        return self.errors[OTHER]


def load_class_counts(engine: Engine, user_classes: tuple[str, ...], last: datetime) -> ClassCounts:
    """Count the errors that were written in 35 days up to `last`, the newest row."""
    window = Window(last - INSPECTED, last + timedelta(milliseconds=1))
    parameters = Grid(last, timedelta(0)).parameters(window)
    counted = engine.fetch(engine.queries.statement("error_classes", parameters))
    by_code = counted.groupby("outcome")["errors"].sum().to_dict()
    codes = outcome_codes(user_classes)
    names = (*user_classes, *(name for name in codes if name not in (*user_classes, "success")))
    errors = {name: int(by_code.get(codes[name], 0)) for name in names}
    if not errors[OTHER]:
        return ClassCounts(errors, {})
    words = engine.fetch(
        engine.queries.statement("signatures", parameters, relations={"vocabulary": vocabulary()})
    )
    found: Counter[str] = Counter()
    for bits, errors_of_words in zip(words["words"], words["errors"], strict=True):
        found[signature(int(bits))] += int(errors_of_words)
    return ClassCounts(errors, dict(found.most_common(MAX_SIGNATURES)))


def check_error_classes(counts: ClassCounts) -> SourceCheck:
    """The share of errors of no known class, with their signatures."""
    name = "error classes"
    if not counts.total:
        return passed(name, "no row is an error")
    if not counts.unknown:
        return passed(name, f"all {count(counts.total)} errors have a known class")
    unknown_share = counts.unknown / counts.total
    found = (
        f"{count(counts.unknown)} of {count(counts.total)} errors ({share(unknown_share)}) have no "
        f"known class, by their words: {_signatures(counts)}"
    )
    if unknown_share <= MAX_UNKNOWN_SHARE:
        return passed(name, found)
    return warned(
        name,
        f"{found}; rates of single classes may be too low: add an [[error_class]] to rollout.toml "
        "and try it with 'rollout doctor --classes'",
    )


def try_classes(settings: Settings) -> ClassCounts:
    """The errors that each class takes, the user's classes before the shipped ones."""
    engine = open_engine(settings)
    try:
        span = engine.fetch(engine.queries.statement("doctor_span", {})).iloc[0]
        last = read_time(span.iloc[1])
        if last is None:
            raise DataNotTrusted("the table is empty; check [source] and the application's logging")
        return load_class_counts(engine, settings.class_names, last)
    finally:
        engine.close()


def class_lines(counts: ClassCounts, user_classes: tuple[str, ...]) -> Iterator[str]:
    """One line a class, the user's first, then the errors that no class takes."""
    for name, errors in counts.errors.items():
        part = errors / counts.total if counts.total else 0.0
        if name == OTHER:
            continue
        note = "  (yours)" if name in user_classes else ""
        if name in user_classes and not errors:
            note = "  (yours: it takes no error; check its words against the signatures below)"
        yield f"{name:20} {count(errors):>9} {share(part):>8}{note}"
    part = counts.unknown / counts.total if counts.total else 0.0
    yield f"{'no known class':20} {count(counts.unknown):>9} {share(part):>8}"
    yield from (f"  {errors:>8}  {words}" for words, errors in counts.signatures.items())


def _signatures(counts: ClassCounts) -> str:
    return ", ".join(f"'{words}' {count(errors)}" for words, errors in counts.signatures.items())
