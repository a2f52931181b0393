"""The line of a key, in every way that TOML writes it."""

import tomllib

from analysis.config.checked_toml.key_lines import KeyLines

TEXT = '''# a comment with [brackets] and "quotes"
a = """x
[not.a.table]
b = 1"""
'quoted key'.inner = { one = 1, two = [ 1, # [
    2, "]" ] }

[table . "with \\"quotes\\""]
c = 1
[[list]]
d = 'x # y'
[list.inner]
e = 2026-01-01 10:00:00Z
[[list.deep]]
[[list.deep]]
f = [
  {g = 1},
  {g = 2},
]
[[list]]
d = {}
'''


def test_the_line_of_a_key_is_found_in_every_way_of_writing_it():
    tomllib.loads(TEXT)
    lines = KeyLines(TEXT)
    expected = {
        ("a",): 2,
        ("b",): 1,
        ("quoted key", "inner", "one"): 5,
        ("quoted key", "inner", "two", 1): 6,
        ("table", 'with "quotes"', "c"): 9,
        ("list", 0, "d"): 11,
        ("list", 0, "inner", "e"): 13,
        ("list", 0, "deep", 1, "f", 1, "g"): 18,
        ("list", 1, "d"): 21,
        ("list", 1, "missing"): 20,
        ("list", 2): 10,
        (): 1,
    }
    assert {place: lines.line_of(place) for place in expected} == expected
