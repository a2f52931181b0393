"""benchmarks/controls.py: which studies it writes into docs/controls.md, targets, verdicts."""

import pytest

from benchmarks import controls
from benchmarks.controls_parts.cells import Tally
from benchmarks.controls_parts.studies import STUDIES, target_cells
from benchmarks.controls_parts.tables import write_rollouts, write_targets
from benchmarks.output.markdown import replace_part


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "controls.md"
    path.write_text("above\n<!-- weekly: begin -->\nold\n<!-- weekly: end -->\nbelow\n")
    return path


def test_a_complete_study_replaces_its_part_of_the_page(page, monkeypatch, capsys):
    monkeypatch.setitem(controls.ALL_RUNS, "weekly", 1)
    controls.main(["--studies", "weekly", "--page", str(page)])
    text = page.read_text()
    assert "\nold\n" not in text
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "±" in line]
    assert len(rows) == len(list(STUDIES["weekly"]()))
    assert rows[0] in capsys.readouterr().out


def test_a_study_with_fewer_runs_is_only_printed(page, capsys):
    controls.main(["--studies", "weekly", "--runs", "1", "--page", str(page)])
    assert "\nold\n" in page.read_text()
    assert "noise shared .6" in capsys.readouterr().out


def test_a_page_without_the_marks_is_an_error(page):
    with pytest.raises(SystemExit, match="has no part 'table'"):
        replace_part(page, "table", "text")


@pytest.mark.parametrize("name", controls.ALL_RUNS)
def test_the_page_has_the_marks_of_every_study(name):
    text = controls.PAGE.read_text(encoding="utf-8")
    assert f"<!-- {name}: begin -->" in text
    assert f"<!-- {name}: end -->" in text


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--studies", "table,nothing"]])
def test_a_wrong_option_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        controls.main(arguments)
    assert "error" in capsys.readouterr().err


def test_targets_by_hand():
    """10 % false alarms without sharing is more than .06; power .60 over .40 is 1.5 times."""

    def tally(plain: int, with_controls: int) -> Tally:
        runs = range(100)
        return Tally(
            [run < plain for run in runs], [run < with_controls for run in runs], [False] * 100
        )

    positives = {
        "nothing shared": tally(5, 10),
        "nothing shared, mean +10 %": tally(40, 39),
        "noise shared .6, mean +10 %": tally(40, 60),
        "provider 25 % slower, noise shared .6": tally(90, 3),
        "provider 25 % slower, nothing else shared": tally(90, 8),
    }
    table = write_targets({cell: positives[cell.name] for cell in target_cells()})
    rows = table.splitlines()[2:]
    assert [row.endswith("| yes |") for row in rows] == [True, False, False, True, True]
    assert "1.50 times" in rows[3]
    assert "0.010 ± 0.010" in rows[4]


def test_verdicts_of_rollouts_are_counted():
    verdicts = [("nothing happens", "auto", {"keep_watching": 49, "improved": 1})]
    text = write_rollouts(verdicts, runs=50)
    assert "| nothing happens | auto | 49 keep_watching, 1 improved |" in text
