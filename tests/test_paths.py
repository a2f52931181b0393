"""Where outputs lie."""

from pathlib import Path

import pytest

from analysis.paths import OutputPaths

ROOT = Path("/srv/outputs/phase-94")


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        (OutputPaths(ROOT).index, "index.html"),
        (OutputPaths(ROOT).handoff, "handoff.html"),
        (OutputPaths(ROOT).ledger, "ledger.jsonl"),
        (OutputPaths(ROOT).baseline.page, "baseline/report.html"),
        (OutputPaths(ROOT).baseline_counts, "baseline/counts.parquet"),
        (OutputPaths(ROOT).post_counts, "post/counts.parquet"),
        (OutputPaths(ROOT).window("4h").result, "windows/4h/result.json"),
        (OutputPaths(ROOT).window("4h", stage=2).failed, "stage-2/windows/4h/failed.html"),
        (OutputPaths(ROOT).lock("watch"), ".watch.lock"),
    ],
)
def test_every_output_lies_below_the_rollouts_folder(path, relative):
    assert OutputPaths(ROOT).relative(path) == relative


def test_the_page_of_all_rollouts_is_next_to_their_folders():
    assert OutputPaths(ROOT).all_rollouts == Path("/srv/outputs/index.html")


def test_links_lead_back_to_the_rollouts_folder():
    paths = OutputPaths(ROOT)
    assert paths.up_from(paths.baseline.path) == "../"
    assert paths.up_from(paths.window("4h", stage=2).path) == "../../../"


def test_existing_windows_are_found_again_with_their_stage(tmp_path):
    paths = OutputPaths(tmp_path)
    folders = [paths.window("1h"), paths.window("4h"), paths.window("4h", stage=12)]
    for folder in reversed(folders):
        folder.path.mkdir(parents=True)
    assert sorted(paths.existing_windows()) == sorted(folders)
