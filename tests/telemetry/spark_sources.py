"""What Spark is given to read: a rollout.toml for it, and a few calls as a Parquet file with columns of any type."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.counting.load import Grid
from analysis.window import Window
from tests.telemetry.nasty_calls import DEPLOYED_AT
from tests.telemetry.stores import settings_of

DEPLOY = DEPLOYED_AT.replace(tzinfo=UTC)
NASTY = (
    Grid(DEPLOY, timedelta(seconds=90), timedelta(minutes=5)),
    Window(DEPLOY - timedelta(hours=26), DEPLOY + timedelta(hours=26)),
)
LATE = datetime(2026, 2, 3, 0, 10, 16)
UTC_TIMES = pa.timestamp("us", tz="UTC")


def spark_settings(folder, source, remote="", *, more=""):
    return settings_of(
        folder,
        f'engine = "spark"\n{source}\n' + (f'remote = "{remote}"' if remote else ""),
        more=more,
    )


def write_calls(
    folder: Path,
    *,
    created=(LATE,),
    created_type=UTC_TIMES,
    latency=(20_128,),
    latency_type=None,
    leave_out=(),
) -> str:
    """A few calls as a Parquet file, with columns of any type; the line for [source]."""
    n = max(len(created), len(latency))
    columns = {
        "id": [f"call {at}" for at in range(n)],
        "clientId": ["t"] * n,
        "leadId": ["lead"] * n,
        "source": ["s"] * n,
        "featureId": ["draft.verify"] * n,
        "model": ["gpt-5-mini"] * n,
        "status": ["success"] * n,
        "outputTokens": [1] * n,
        "totalTokens": [2] * n,
    }
    columns["errorMessage"] = pa.nulls(n, pa.string())
    columns["createdAt"] = pa.array(created * (n // len(created)), created_type)
    columns["latencyMs"] = pa.array(latency * (n // len(latency)), latency_type)
    pq.write_table(
        pa.table({name: values for name, values in columns.items() if name not in leave_out}),
        folder / "calls.parquet",
    )
    return f'path = "{folder}/calls.parquet"'


def plain_rows(frame: pd.DataFrame) -> list[tuple]:
    """Rows as tuples of plain values, in the order that they came."""
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in frame.astype(object).itertuples(index=False)
    ]
