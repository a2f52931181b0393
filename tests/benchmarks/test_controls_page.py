"""docs/controls.md: what the benchmark writes into it, and when."""

import pytest

from benchmarks import controls
from benchmarks.controls_parts.cells import STUDIES, Tally, target_cells
from benchmarks.controls_parts.tables import write_rollouts, write_targets


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "controls.md"
    path.write_text("above\n<!-- weekly: begin -->\nyesterday\n<!-- weekly: end -->\nbelow\n")
    return path


def test_a_whole_study_replaces_its_part_of_the_page(page, monkeypatch, capsys):
    monkeypatch.setitem(controls.WHOLE_RUNS, "weekly", 1)
    controls.main(["--studies", "weekly", "--page", str(page)])
    text = page.read_text()
    assert "yesterday" not in text
    assert (text.startswith("above\n"), text.endswith("below\n")) == (True, True)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "±" in line]
    assert len(rows) == len(list(STUDIES["weekly"]()))
    assert all(row in capsys.readouterr().out for row in rows[:1])


def test_a_shorter_one_writes_nothing(page, capsys):
    controls.main(["--studies", "weekly", "--runs", "1", "--page", str(page)])
    assert "yesterday" in page.read_text()
    assert "noise shared .6" in capsys.readouterr().out


def test_a_page_without_a_place_is_told(page):
    with pytest.raises(SystemExit, match="has no place for 'table'"):
        controls.replace_part(page, "table", "text")


def test_the_page_has_a_place_for_every_study():
    text = controls.PAGE.read_text(encoding="utf-8")
    assert [
        name
        for name in controls.WHOLE_RUNS
        if f"<!-- {name}: begin -->" not in text or f"<!-- {name}: end -->" not in text
    ] == []


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--studies", "table,nothing"]])
def test_a_wrong_option_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        controls.main(arguments)
    assert "error" in capsys.readouterr().err


def test_a_target_that_falls_short_is_printed_as_such():
    """By hand: 10 of 100 false alarms where nothing is shared is more than .06; power 60 against 40 is 1.5 times."""

    def tally(plain: int, guarded: int) -> Tally:
        return Tally(
            [number < plain for number in range(100)],
            [number < guarded for number in range(100)],
            [False] * 100,
        )

    said = {
        "nothing shared": tally(5, 10),
        "nothing shared, mean +10 %": tally(40, 39),
        "noise shared .6, mean +10 %": tally(40, 60),
        "provider 25 % slower, noise shared .6": tally(90, 3),
        "provider 25 % slower, nothing else shared": tally(90, 8),
    }
    rows = write_targets({cell: said[cell.name] for cell in target_cells()}).splitlines()[2:]
    assert [row.endswith("| yes |") for row in rows] == [True, False, False, True, True]
    assert "1.50 times" in rows[3]
    assert "0.010 ± 0.010" in rows[4]


def test_verdicts_of_rollouts_are_counted():
    text = write_rollouts(
        [("nothing happens", "auto", {"keep_watching": 49, "improved": 1})], runs=50
    )
    assert "| nothing happens | auto | 49 keep_watching, 1 improved |" in text
