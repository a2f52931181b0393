"""How tests open a store by a mapping, the window they count there, and what was counted as a dictionary."""

from datetime import datetime, timedelta

from analysis.counting.load import Grid
from analysis.sample.simulate import DEPLOYED_AT
from analysis.window import Window

DAYS = 3
SETTLE = timedelta(minutes=2)
GRID = Grid(DEPLOYED_AT, SETTLE)
WIDE = Window(DEPLOYED_AT - timedelta(days=DAYS), DEPLOYED_AT + timedelta(days=1))


def source_of(mapping: str) -> str:
    return f'engine = "postgres"\nurl_env = "STORE_URL"\nmapping = "{mapping}"'


def naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
