"""The rules of queries find what they forbid, and nothing else."""

import pytest

from tests.house.query_rules import sql_faults

GOOD_QUERY = """\
-- What:       calls per feature
-- Grain:      feature
-- Parameters: :start_at (UTC)
-- Returns:    feature, calls (whole number)
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT feature, COUNT(*) AS calls
FROM calls
WHERE started_at >= :start_at
GROUP BY feature
ORDER BY feature
"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("-- Grain:      feature\n", "", "no 'Grain'"),
        (
            "-- What:       calls per feature\n-- Grain:      feature\n",
            "-- Grain:      feature\n-- What:       x\n",
            "order",
        ),
        ("ORDER BY feature", "", "does not end with ORDER BY"),
        ("ORDER BY feature", "ORDER BY feature LIMIT 5", "does not end with ORDER BY"),
        ("ORDER BY feature", "ORDER BY feature; SELECT 1", "exactly one SELECT"),
        ("SELECT feature, COUNT(*) AS calls\nFROM calls", "DELETE\nFROM calls", "cannot read it"),
        ("WHERE", "where", "'where' is not upper case"),
        ("COUNT(*)", "count(*)", "'count' is not upper case"),
        ("COUNT(*)", "COUNT(*)::int", "'::'"),
        ("COUNT(*)", "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY ms)", "percentile"),
        (":start_at\nGROUP", ":start_at AND message ~* 'x'\nGROUP", "'~*'"),
        (":start_at\nGROUP", ":start_at AND message SIMILAR TO 'x'\nGROUP", "SIMILAR TO"),
        (":start_at\nGROUP", ":start_at AND EXTRACT(EPOCH FROM t) > 1\nGROUP", "EXTRACT(EPOCH"),
        ("COUNT(*)", "date_bin('1 hour', started_at, t)", "date_bin"),
        ("feature, COUNT(*) AS calls", "*", "name the columns"),
        (":start_at\nGROUP", ":end_at\nGROUP", "':end_at' is not in the header"),
        ("AS calls", "AS n", "Returns are not the columns: feature, n"),
    ],
)
def test_a_query_that_breaks_a_rule_is_found(old, new, fault):
    assert sql_faults(GOOD_QUERY) == []
    assert fault in " ".join(sql_faults(GOOD_QUERY.replace(old, new)))


def test_words_in_text_names_and_comments_are_no_keywords():
    quoted = """"order" <> 'select ::y; :z' AND -- and so on, ::
        started_at >= :start_at"""
    assert sql_faults(GOOD_QUERY.replace("started_at >= :start_at", quoted)) == []
