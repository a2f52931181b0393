"""Whole rollouts through the command line: each story is drawn often, and its verdicts counted.

    python benchmarks/stories.py                    # every story, 20 seeds each
    python benchmarks/stories.py harm_in_another_feature --seeds 5

Every line says how many verdicts were as the story asks. Nothing here gates a build.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.sample.series import simulate_series

ROOT = Path(__file__).resolve().parents[1]
WEDNESDAY = datetime(2026, 2, 11, 7, tzinfo=UTC)
SATURDAY = datetime(2026, 2, 14, 0, tzinfo=UTC)
GREEN = ("improved", "sustained", "no_regression")
SERVER_ERROR = "500 An error occurred while processing your request."
USUAL_5XX = 0.004
TOML = """
[rollout]
name = "story"
deployed_at = {deployed_at:%Y-%m-%dT%H:%M:%SZ}
[source]
engine = "duckdb"
path = "calls.parquet"
[monitoring]
windows = ["1h", "4h", "24h"]
sustained_for = "6h"
{claims}"""
FIX = """
[[expectation]]
name = "timeouts drop"
feature = "draft.verify"
metric = "timeout_rate"
claim = "falls"
by = 0.5
"""
FASTER = """
[[expectation]]
name = "answers come sooner"
feature = "draft.verify"
metric = "latency_mean"
claim = "falls"
"""
GUARDRAILS = """
[[guardrail]]
name = "nothing gets slower"
feature = "*"
metric = "slower_than_p95"
claim = "no_worse"
margin = 0.5

[[guardrail]]
name = "errors stay rare"
feature = "*"
metric = "error_rate"
claim = "no_worse"
margin = 0.5
"""
Result = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One kind of rollout.

    Attributes
    ----------
    draw : seed -> the rows of the telemetry table.
    claims : the expectations and guardrails of rollout.toml.
    window : the look that is made.
    is_right : whether a result is what the story asks for.
    wanted : in how many of twenty it must be so.
    """

    name: str
    draw: Callable[[int], pd.DataFrame]
    claims: str
    window: str
    is_right: Callable[[Result], bool]
    wanted: int
    deployed_at: datetime = WEDNESDAY


def draw_features(
    seed: int,
    *,
    fix: bool = False,
    errors_after: float | None = None,
    slowdown: float = 1.0,
    others: int = 5,
    days_before: float = 7,
) -> pd.DataFrame:
    """One feature that is fixed or not, one that is harmed or not, quiet ones of the same model."""
    series = partial(
        simulate_series,
        deployed_at=WEDNESDAY,
        days_before=days_before,
        hours_after=25,
        shared_noise_seed=seed,
        noise="mild",
    )
    parts = [
        series(
            calls_per_hour=40,
            seed=1000 * seed,
            feature_id="draft.verify",
            timeout_rate_before=0.5,
            timeout_rate_after=0.1 if fix else None,
        ),
        series(
            calls_per_hour=30,
            seed=1000 * seed + 1,
            feature_id="lead_scoring.score",
            http_5xx_rate=USUAL_5XX,
            latency_factor_after=slowdown,
        ),
        *(
            series(
                calls_per_hour=30,
                seed=1000 * seed + 2 + number,
                feature_id=f"quiet.{number:02d}",
                http_5xx_rate=USUAL_5XX,
            )
            for number in range(others)
        ),
    ]
    if errors_after is not None:
        parts[1] = fail_after_deploy(parts[1], errors_after, seed)
    texts = dict.fromkeys(("featureId", "source", "status", "errorMessage"), "object")
    rows = pd.concat([part.astype(texts) for part in parts], ignore_index=True)
    return with_ids(rows)


def fail_after_deploy(rows: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The rows with so many server errors after the deploy."""
    rows = rows.astype({"status": "object", "errorMessage": "object"})
    is_success = (rows["status"] == "success") & (started(rows) >= naive(WEDNESDAY))
    drawn = np.random.default_rng(seed).random(len(rows)) < share - USUAL_5XX
    rows.loc[is_success & drawn, ["status", "errorMessage"]] = "error", SERVER_ERROR
    return rows


def draw_weekend(seed: int) -> pd.DataFrame:
    """Nothing changed; on weekends a third of the traffic, and calls that are 20 % faster."""
    rows = simulate_series(
        calls_per_hour=100,
        seed=seed,
        deployed_at=SATURDAY,
        hours_after=25,
        feature_id="draft.verify",
        noise="mild",
    )
    is_weekend = (started(rows).dt.day_of_week >= 5).to_numpy()
    kept = ~is_weekend | (np.random.default_rng(seed).random(len(rows)) < 1 / 3)
    return with_ids(with_latency_factor(rows, np.where(is_weekend, 0.8, 1.0))[kept])


def draw_short_baseline(seed: int) -> pd.DataFrame:
    """Nothing changed: 6 h of baseline, and nights that are slower than afternoons."""
    rows = draw_features(seed, days_before=0.25)
    start = started(rows)
    hour = (start.dt.hour + start.dt.minute / 60).to_numpy()
    return with_latency_factor(rows, 1 + 0.5 * np.cos((hour - 4) / 24 * 2 * np.pi))


def draw_stopped(seed: int) -> pd.DataFrame:
    """All traffic stops two hours after the deploy."""
    rows = draw_features(seed)
    return rows[rows["createdAt"] < naive(WEDNESDAY) + pd.Timedelta(hours=2)]


def draw_renamed(seed: int) -> pd.DataFrame:
    """A quiet feature is called by another name since the deploy."""
    rows = draw_features(seed)
    is_renamed = (rows["featureId"] == "quiet.00") & (started(rows) >= naive(WEDNESDAY))
    return rows.assign(featureId=rows["featureId"].mask(is_renamed, "quiet.zero"))


def started(rows: pd.DataFrame) -> pd.Series:
    """When each call started."""
    return rows["createdAt"] - pd.to_timedelta(rows["latencyMs"], unit="ms")


def naive(instant: datetime) -> pd.Timestamp:
    """An instant as the rows have it: UTC without a zone."""
    return pd.Timestamp(instant).tz_localize(None)


def with_ids(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with ids of their own."""
    return rows.assign(id=[f"id-{number}" for number in range(len(rows))])


def with_latency_factor(rows: pd.DataFrame, factor: np.ndarray) -> pd.DataFrame:
    """The same calls, started at the same time, that take longer or shorter."""
    latency_ms = (rows["latencyMs"] * factor).astype("int64")
    written = started(rows) + pd.to_timedelta(latency_ms, unit="ms")
    return rows.assign(latencyMs=latency_ms, createdAt=written.astype(rows["createdAt"].dtype))


def is_harm_named(result: Result) -> bool:
    """Whether the verdict is one of harm and its reason names the harmed feature."""
    named = "lead_scoring.score" in result["reason"]
    return result["verdict"] in ("investigate", "roll_back") and named


def is_stop_dated(result: Result) -> bool:
    """Whether the first sentence says since when there are no calls."""
    first = result["reason"].split(". ")[0]
    return result["verdict"] == "untrusted" and ("since 08:5" in first or "since 09:0" in first)


def is_rename_shown(result: Result) -> bool:
    """Whether the renamed feature is reported as renamed."""
    return "quiet.zero" in json.dumps(result.get("features", {}).get("renamed", []))


def has_verdict(*names: str) -> Callable[[Result], bool]:
    """Whether the verdict is one of these."""
    return lambda result: result["verdict"] in names


def has_other_verdict(*names: str) -> Callable[[Result], bool]:
    """Whether the verdict is none of these, and there is one."""
    return lambda result: result["verdict"] not in names and "look" in result


BOTH = FIX + GUARDRAILS
HARM: dict[str, Any] = {"fix": True, "errors_after": 0.05, "slowdown": 1.3}
GROSS_HARM: dict[str, Any] = {"fix": True, "errors_after": 0.30, "slowdown": 1.3}
STORIES = (
    Story(
        "harm_in_another_feature", partial(draw_features, **HARM), BOTH, "24h", is_harm_named, 19
    ),
    Story(
        "harm_among_40_features",
        partial(draw_features, **HARM, others=38),
        BOTH,
        "24h",
        is_harm_named,
        18,
    ),
    Story("gross_harm_at_4h", partial(draw_features, **GROSS_HARM), BOTH, "4h", is_harm_named, 19),
    Story(
        "fix_works",
        partial(draw_features, fix=True),
        BOTH,
        "24h",
        has_verdict("improved", "sustained"),
        17,
    ),
    Story(
        "nothing_changed",
        draw_features,
        BOTH,
        "24h",
        has_other_verdict("improved", "sustained", "roll_back"),
        19,
    ),
    Story(
        "nothing_changed_not_investigated",
        draw_features,
        BOTH,
        "24h",
        has_other_verdict("investigate"),
        18,
    ),
    Story(
        "saturday",
        draw_weekend,
        FASTER,
        "24h",
        has_other_verdict("improved", "sustained"),
        19,
        SATURDAY,
    ),
    Story(
        "six_hours_of_baseline",
        draw_short_baseline,
        FASTER + GUARDRAILS,
        "24h",
        has_other_verdict(*GREEN),
        20,
    ),
    Story("only_guardrails", draw_features, GUARDRAILS, "24h", has_verdict("no_regression"), 17),
    Story(
        "only_guardrails_never_improved",
        draw_features,
        GUARDRAILS,
        "24h",
        has_other_verdict("improved", "sustained"),
        20,
    ),
    Story("traffic_stopped", draw_stopped, BOTH, "24h", is_stop_dated, 20),
    Story("renamed", draw_renamed, BOTH, "24h", is_rename_shown, 20),
)


def judge_story(story: Story, seed: int) -> Result:
    """The object of `rollout compare --json` on rows drawn with this seed."""
    with tempfile.TemporaryDirectory() as folder:
        story.draw(seed).to_parquet(Path(folder) / "calls.parquet", index=False)
        config = Path(folder) / "rollout.toml"
        config.write_text(TOML.format(deployed_at=story.deployed_at, claims=story.claims))
        command = [sys.executable, "-m", "analysis", "compare", "--json", "--config", str(config)]
        answer = subprocess.run(
            [*command, "--window", story.window],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    try:
        result: Result = json.loads(answer.stdout)
    except ValueError:
        return {"verdict": f"exit {answer.returncode}", "reason": answer.stderr.strip()[-200:]}
    return result if result.get("verdict") else {"verdict": "error", "reason": answer.stdout[:200]}


def count_verdicts(stories: tuple[Story, ...], seeds: int, workers: int) -> Iterator[str]:
    """A line for each story: how many were right, every verdict, and the reason of a wrong one."""
    with ThreadPoolExecutor(workers) as pool:
        for story in stories:
            results = list(pool.map(partial(judge_story, story), range(seeds)))
            right = sum(map(story.is_right, results))
            verdicts = dict(Counter(result["verdict"] for result in results))
            wrong = next((one["reason"] for one in results if not story.is_right(one)), "")
            mark = "ok" if right * 20 >= story.wanted * seeds else "SHORT"
            asked = f"{right} of {seeds} (asked: {story.wanted} of 20)"
            yield f"{mark:5} {story.name}: {asked} {verdicts} {wrong[:300]}"


def main() -> None:
    """Run the stories named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    chosen = tuple(story for story in STORIES if not asked.names or story.name in asked.names)
    for line in count_verdicts(chosen, asked.seeds, asked.workers):
        print(line, flush=True)


if __name__ == "__main__":
    main()
