"""The rollout.toml that `rollout init` writes: valid, filled in, and written once."""

import pytest

from analysis.config import load_settings
from analysis.config.starter import STARTER_FILE, starter_text, write_starter
from analysis.errors import WrongUse

COMMENTED_FROM = "# [[error_class]]"


def test_the_starter_is_valid_with_every_commented_table_switched_on(load):
    text = STARTER_FILE.read_text(encoding="utf-8")
    assert load(text).source.url_env == "DATABASE_URL"
    start = text.index(COMMENTED_FROM)
    switched_on = "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())
    loaded = load(text[:start] + switched_on)
    entries = (*loaded.error_classes, *loaded.preflights, *loaded.smokes)
    assert [entry.name for entry in entries] == ["quota", "build", "the application answers"]
    assert loaded.knobs[0].when.name == "timeouts drop"


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
