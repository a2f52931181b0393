"""Where every output of a rollout lies, below `outputs/<rollout>/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WINDOWS, STAGE = "windows", "stage-"


@dataclass(frozen=True, order=True)
class ReportFolder:
    """The files of one report, of the baseline or of a window."""

    path: Path

    @property
    def page(self) -> Path:
        """The report to read."""
        return self.path / "report.html"

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.path / "notebook.ipynb"

    @property
    def result(self) -> Path:
        """The result as JSON."""
        return self.path / "result.json"

    @property
    def summary(self) -> Path:
        """The result as Markdown, for a pull request or a job summary."""
        return self.path / "summary.md"

    @property
    def figures(self) -> Path:
        """The folder of the figures, one SVG each."""
        return self.path / "figures"

    @property
    def failed(self) -> Path:
        """The page of a run that failed."""
        return self.path / "failed.html"


@dataclass(frozen=True)
class WindowFolder(ReportFolder):
    """The report of a window, with its label and its stage (1 for the deploy itself)."""

    label: str
    stage: int


@dataclass(frozen=True)
class OutputPaths:
    """All outputs of one rollout; `root` is ``outputs/<rollout>``."""

    root: Path

    @property
    def index(self) -> Path:
        """The page of the rollout."""
        return self.root / "index.html"

    @property
    def all_rollouts(self) -> Path:
        """The page that lists every rollout, next to their folders."""
        return self.root.parent / "index.html"

    @property
    def handoff(self) -> Path:
        """The hand-over page."""
        return self.root / "handoff.html"

    @property
    def ledger(self) -> Path:
        """The record of what was done and seen, one JSON object a line."""
        return self.root / "ledger.jsonl"

    @property
    def explore_notebook(self) -> Path:
        """The analyst's own copy of the notebook of `rollout lab`."""
        return self.root / "explore.ipynb"

    @property
    def baseline(self) -> ReportFolder:
        """The baseline's report."""
        return ReportFolder(self.root / "baseline")

    @property
    def baseline_counts(self) -> Path:
        """The frozen counts of the baseline."""
        return self.baseline.path / "counts.parquet"

    @property
    def baseline_pieces(self) -> Path:
        """The folder of pieces counted by a baseline scan that has not ended."""
        return self.baseline.path / "partial"

    @property
    def post_counts(self) -> Path:
        """The counts of the longest look so far, which a longer look continues."""
        return self.root / "post" / "counts.parquet"

    def lock(self, task: str) -> Path:
        """The lock file of a task."""
        return self.root / f".{task}.lock"

    def window(self, label: str, *, stage: int = 1) -> WindowFolder:
        """The report of a window; a stage after the first has a folder of its own."""
        stage_folder = self.root if stage == 1 else self.root / f"{STAGE}{stage}"
        return WindowFolder(stage_folder / WINDOWS / label, label, stage)

    def existing_windows(self) -> Iterator[WindowFolder]:
        """Every window folder on disk, in every stage, ordered by path."""
        found = [*self.root.glob(f"{WINDOWS}/*/"), *self.root.glob(f"{STAGE}*/{WINDOWS}/*/")]
        for path in sorted(found):
            stage = path.parent.parent.name.removeprefix(STAGE)
            is_first = path.parent.parent == self.root
            yield WindowFolder(path, path.name, 1 if is_first else int(stage))

    def relative(self, path: Path) -> str:
        """A path below the rollout's folder as a relative link."""
        return path.relative_to(self.root).as_posix()

    def up_from(self, folder: Path) -> str:
        """The relative link from a page in `folder` to the rollout's folder: ``../../``."""
        return "../" * len(folder.relative_to(self.root).parts)
