"""Each error has the exit code of the commands, and is one line."""

import pytest

from analysis.errors import DataNotTrusted, NotYetDue, RolloutError, StepFailed, WrongUse


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [(RolloutError, 70), (WrongUse, 2), (NotYetDue, 3), (DataNotTrusted, 5), (StepFailed, 6)],
)
def test_exit_codes_are_those_of_the_design(error, exit_code):
    assert error("x").exit_code == exit_code
    assert issubclass(error, RolloutError)


def test_a_sentence_is_one_line_whatever_it_was_made_of():
    assert str(WrongUse("first\n  second\r\n\tthird ")) == "first second third"
