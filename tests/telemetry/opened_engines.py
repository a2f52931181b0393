"""Engines opened by a URL, what is asked of them, and statements that never saw the parser's lock."""

from datetime import UTC, timedelta

from analysis.counting.load import Grid
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.telemetry.nasty_calls import DEPLOYED_AT
from tests.telemetry.stores import settings_of

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
GRID = Grid(DEPLOY, timedelta(seconds=90))
WIDE = Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26))


class Raw:
    """A statement that never saw the parser's lock."""

    name, parameters = "raw", {}

    def __init__(self, text):
        self.text = text

    def sql(self, dialect, *, placeholder=None):
        return self.text


def with_url(monkeypatch, tmp_path, url, *, more="", engine="postgres"):
    monkeypatch.setenv("TEST_URL", url)
    return open_engine(settings_of(tmp_path, f'engine = "{engine}"\nurl_env = "TEST_URL"\n{more}'))


def one(engine, text):
    return engine.fetch(Raw(text)).iloc[0, 0]
