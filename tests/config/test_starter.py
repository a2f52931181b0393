"""The rollout.toml that `rollout init` writes: valid, filled in, and written once."""

from typing import get_args

import pytest

from analysis.config import load_settings
from analysis.config.checked_toml.validation_errors import example_of
from analysis.config.checked_toml.value_types import TomlTable
from analysis.config.settings import Claim, FileContents
from analysis.config.starter import STARTER_FILE, read_starter, starter_text, write_starter
from analysis.errors import WrongUse

COMMENTED_FROM = "# [[accepted]]"


def switched_on() -> str:
    """The starter with every table that is a comment."""
    text = STARTER_FILE.read_text(encoding="utf-8")
    start = text.index(COMMENTED_FROM)
    return text[:start] + "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())


def test_the_starter_is_valid_with_every_commented_table_switched_on(load):
    assert load(STARTER_FILE.read_bytes()).source.url_env == "DATABASE_URL"
    loaded = load(switched_on())
    assert [error_class.name for error_class in loaded.error_classes] == ["tool_loop"]
    assert [smoke.kind for smoke in loaded.smokes] == ["http", "overlap", "completes"]
    assert [knob.title for knob in loaded.knobs[:2]] == ["MY_TIMEOUT_MS_CAP", "MY_TIMEOUT_SHARE"]
    assert loaded.deployment.project_id == "prj_123"


def tables_of(annotation) -> list[type[TomlTable]]:
    """Every table inside an annotation."""
    if annotation is Claim:
        return [Claim]
    if isinstance(annotation, type) and issubclass(annotation, TomlTable):
        fields = annotation.model_fields.values()
        return [annotation, *(table for one in fields for table in tables_of(one.annotation))]
    return [table for argument in get_args(annotation) for table in tables_of(argument)]


@pytest.mark.parametrize("name", list(FileContents.model_fields))
def test_the_starter_has_an_example_of_every_key(name):
    top = FileContents.model_fields[name]
    keys = {
        field.alias or key
        for table in tables_of(top.annotation)
        for key, field in table.model_fields.items()
    }
    without = {
        key for key in keys if example_of(read_starter(), top.alias or name, key) == "another value"
    }
    assert without <= {"exclude"}, "which is written over several lines"


@pytest.mark.parametrize(
    ("table", "key", "example"),
    [
        ("rollout", "deployed_at", "deployed_at = 2026-01-31T12:00:00Z"),
        ("baseline", "to", "to = 2026-01-28T09:30:00Z"),
        ("monitoring", "windows", 'windows = ["1h", "4h", "24h"]'),
        ("knob", "total_ms", "total_ms = 120000"),
        ("knob", "nothing", "another value"),
    ],
)
def test_the_example_of_a_key(table, key, example):
    assert example_of(read_starter(), table, key) == example


def test_the_starter_is_filled_in_and_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("MAIL_DB", "postgresql://anna:geheim@db/app")
    path = tmp_path / "mail app (new)" / "rollout.toml"
    write_starter(path)
    loaded = load_settings(path)
    assert (loaded.rollout.name, loaded.source.url_env) == ("mail-app-new", "MAIL_DB")
    assert "geheim" not in path.read_text()
    with pytest.raises(WrongUse, match=r"'rollout\.toml' exists already; use --force to replace"):
        write_starter(path)
    write_starter(path, force=True)


@pytest.mark.parametrize("folder", ["", "...", "日本", "anna@example.com", "x" * 100, "a\nb"])
def test_the_starter_is_valid_whatever_the_folder_is_called(load, folder):
    text = starter_text(folder, {"PATH": "x", "B C": "postgres://x"})
    assert load(text).source.url_env == "DATABASE_URL"


def test_the_comments_stay_in_their_column():
    lines = starter_text("a-longer-name", {"MAIL_DB": "postgres://x"}).splitlines()
    for key in ("name", "url_env"):
        line = next(line for line in lines if line.startswith(f"{key} ="))
        assert line.index("#") == 33
