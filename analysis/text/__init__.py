"""All prose about findings and verdicts; RESULT_WORDS are the sentences that a result carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.text.checks import check_detail, check_name
from analysis.text.controls import SHARED_WORDS, controls_sentence, lack_words
from analysis.text.findings.caveats import caveat_clause
from analysis.text.findings.sentence import finding_sentence
from analysis.text.next_steps import cap_sentence
from analysis.text.verdict import verdict_reason

if TYPE_CHECKING:
    from analysis.results.words import Words


class ResultWords:
    """The protocol `Words` of results.build."""

    reason = staticmethod(verdict_reason)
    finding = staticmethod(finding_sentence)
    caveat = staticmethod(caveat_clause)
    controls = staticmethod(controls_sentence)
    shared = staticmethod(SHARED_WORDS.__getitem__)
    lack = staticmethod(lack_words)
    check_name = staticmethod(check_name)
    check_detail = staticmethod(check_detail)
    prediction = staticmethod(cap_sentence)


RESULT_WORDS: Words = ResultWords()
