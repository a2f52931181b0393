"""How tests open a store by a mapping, the window they count there, and what was counted as a dictionary."""

from datetime import datetime, timedelta

from analysis.telemetry.load import Grid
from analysis.telemetry.simulate import DEPLOYED_AT
from analysis.window import Window

DAYS = 3
SETTLE = timedelta(minutes=2)
GRID = Grid(DEPLOYED_AT, SETTLE)
WIDE = Window(DEPLOYED_AT - timedelta(days=DAYS), DEPLOYED_AT + timedelta(days=1))


def source_of(mapping: str) -> str:
    return f'engine = "postgres"\nurl_env = "STORE_URL"\nmapping = "{mapping}"'


def counted(table) -> dict:
    rows = table.rows.astype(object).where(table.rows.notna(), None)
    split = len(table.KEYS)
    found = {tuple(row[:split]): tuple(row[split:]) for row in rows.itertuples(index=False)}
    return {key: sums[0] if len(sums) == 1 else sums for key, sums in found.items()}


def naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
