"""A rollout.toml, written and loaded in a folder of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.config import Settings, load_settings


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], Settings]:
    """Write a text as rollout.toml into the working folder and load it."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str | bytes) -> Settings:
        path = Path("rollout.toml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(path)

    return write_and_load
