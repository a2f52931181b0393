"""Looks at calls that grow from hour to hour, and what each of them read."""

from datetime import UTC, timedelta

import numpy as np

from analysis.config import load_settings
from analysis.counting.baseline import Baselines
from analysis.counting.post import PostArms
from analysis.telemetry.engines import open_engine
from analysis.window import Window
from tests.fixtures.edge_case_calls import DEPLOYED_AT, MESSAGES, typed

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTLE = timedelta(seconds=90)
COUNTING = ("latency_counts", "hourly_counts", "hourly_bins")
MORE = """
[[guardrail]]
name = "cron"
source = "s*"
metric = "cron_over_budget_rate"
claim = "below"
limit = 0.5
[[guardrail]]
name = "recovers"
feature = "draft.verify"
metric = "recovered_rate"
claim = "no_worse"
margin = 0.5
"""


def growing_calls(seed, n=900):
    """Two days before the deploy and five hours after it, so many at the edges of the looks that calls lie on every side of them."""
    rng = np.random.default_rng(seed)
    edges_s = np.concatenate(
        [
            rng.uniform(-172_800, 18_000, n),
            rng.uniform(3_500, 3_800, n // 3),
            rng.uniform(14_300, 14_600, n // 3),
        ]
    )
    exact_s = [3_600, 3_690, 3_689.999, 3_690.001, 14_400, 14_490]
    rows = []
    for number, at_s in enumerate([*edges_s, *exact_s]):
        failed = rng.random() < 0.4
        rows.append(
            {
                "id": f"id-{number}",
                "clientId": f"t{rng.integers(2)}",
                "leadId": rng.choice(["a", "b", None]),
                "source": rng.choice(["s", "s2", None]),
                "featureId": rng.choice(["draft.verify", "g"]),
                "model": f"m{rng.integers(2)}",
                "apiType": "r",
                "outputTokens": None if failed else 5,
                "totalTokens": None if failed else 9,
                "latencyMs": rng.choice(
                    [0, 50, 900, 60_000, 89_999, 90_000, 400_000, 4_000_000, None]
                ),
                "status": "error" if failed else "success",
                "errorMessage": MESSAGES[number % 14] if failed else None,
                "createdAt": DEPLOYED_AT + timedelta(milliseconds=round(at_s * 1000)),
            }
        )
    return typed(rows)


class Watched:
    """A real engine that remembers what it was asked."""

    def __init__(self, engine):
        self._engine, self.asked = engine, []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def fetch(self, statement):
        self.asked.append(statement)
        return self._engine.fetch(statement)

    def read_from(self):
        """query -> the earliest time of writing that it read."""
        return {
            name: min(one.parameters["written_from"] for one in self.asked if one.name == name)
            for name in COUNTING
        }


class Looks:
    """Looks at one source, one after the other; `told` are the lines of progress."""

    def __init__(self, settings):
        self.settings, self.told = settings, []
        self.deployed_at = settings.rollout.deployed_at

    def look(self, window, *, keep=True):
        """The arm, and when the first row that its counting queries read was written."""
        engine = Watched(open_engine(self.settings))
        try:
            baseline = Baselines(self.settings, self.deployed_at).frozen(lambda: engine)
            engine.asked.clear()
            arms = PostArms(self.settings, self.deployed_at, baseline, tell=self.told.append)
            arm = arms.load(engine, self.window(window), keep=keep)
            return arm, set(engine.read_from().values())
        finally:
            engine.close()

    def whole(self, window):
        """The same without what was kept."""
        self.path.unlink(missing_ok=True)
        return self.look(window, keep=False)[0]

    def window(self, hours, start=0):
        return (
            hours
            if isinstance(hours, Window)
            else Window(self.deployed_at + start * HOUR, self.deployed_at + hours * HOUR)
        )

    @property
    def path(self):
        return self.settings.outputs / "post" / "counts.parquet"


def at(hours):
    return {(DEPLOY + hours * HOUR).replace(tzinfo=None)}


def changed(looks, old, new):
    path = looks.settings.folder / "rollout.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Looks(load_settings(path))
