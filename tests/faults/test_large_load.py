"""Many windows, rollouts, features, sources and tenants: time and memory, with generous limits."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analysis.clock import iso
from tests.faults.workspace import temporary_workspace
from tests.fixtures.small_rollout import CONFIG, DEPLOYED_AT, DUCKDB

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
DEPLOY = datetime.fromisoformat(DEPLOYED_AT)
INDEX = """
import resource, sys, time
from analysis.config import load_settings
from analysis.report.index import write_index
settings = load_settings("rollout.toml")
write_index(settings)  # imports and templates, once
began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(3):
    write_index(settings)
seconds = (time.process_time() - began) / 3
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
COMPARE = """
import resource, sys
from analysis.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
"""


@pytest.fixture
def write_result(workspace):
    """A function that writes a result of `workspace` as that of another window or rollout."""
    done = workspace.run("compare", "--json", "--window", "4h")
    assert done.code in (0, 1, 3, 4), done.err
    result = json.loads(done.out)

    def write(outputs: Path, hours: int, planned: int) -> None:
        folder = outputs / "windows" / f"{hours}h"
        folder.mkdir(parents=True)
        look = {
            "window": f"{hours}h",
            "start": DEPLOYED_AT,
            "end": iso(DEPLOY + timedelta(hours=hours)),
            "bound": 3.0,
            "number": hours,
            "planned": planned,
        }
        (folder / "result.json").write_text(
            json.dumps(result | {"look": look, "rollout": outputs.name})
        )
        (folder / "report.html").write_text("<html></html>")

    return write


def run_measured(workspace, program, *arguments):
    done = workspace.run(*arguments, program=("-c", program), longest_s=500)
    assert "Traceback" not in done.err, done.err
    return done


def test_200_windows_of_one_rollout(workspace, write_result, tally):
    """The index takes less than 2 s, and writing it again takes no more memory."""
    for hours in range(1, 201):
        write_result(workspace.outputs, hours, 200)
    windows = ", ".join(f'"{hours}h"' for hours in range(1, 201))
    workspace.config.write_text(
        workspace.config.read_text().replace('windows = ["1h", "4h"]', f"windows = [{windows}]")
    )
    seconds, grown = map(float, run_measured(workspace, INDEX).out.split())
    assert (workspace.outputs / "index.html").read_text().count('data-label="state"') == 200
    tally(
        inputs=200,
        measured=f"index of 200 windows: {seconds:.2f} s of CPU, {grown:.0f} MB more after three",
    )
    assert seconds < 2
    assert grown < 50


def test_50_rollouts_in_one_folder(workspace, write_result, tally):
    for number in range(49):
        for hours in (1, 4, 24):
            write_result(workspace.outputs.parent / f"phase-{number}", hours, 3)
        (workspace.outputs.parent / f"phase-{number}" / "index.html").write_text("<html></html>")
    seconds, grown = map(float, run_measured(workspace, INDEX).out.split())
    page = (workspace.outputs.parent / "index.html").read_text()
    assert sum(f'href="phase-{number}/index.html"' in page for number in range(49)) == 49
    tally(
        inputs=50,
        measured=f"index of 50 rollouts: {seconds:.2f} s of CPU, {grown:.0f} MB more after three",
    )
    assert seconds < 2
    assert grown < 50


MANY = """
COPY (
    SELECT CAST(n AS VARCHAR) AS id,
        'tenant-' || (h // 7) % 300 AS "clientId",
        NULL::VARCHAR AS "leadId",
        'background-job/source-' || (h // 3) % 30 AS source,
        CASE WHEN h % 40 = 0 THEN 'alpha' WHEN h % 40 = 1 THEN 'beta'
             ELSE 'feature-' || h % 40 END AS "featureId",
        'gpt-5-mini' AS model,
        CAST(800 + h % 9000 AS INTEGER) AS "latencyMs",
        CASE WHEN h % 97 < 5 THEN 'error' ELSE 'success' END AS status,
        CASE WHEN h % 97 < 5 THEN 'Request timed out.' END AS "errorMessage",
        CAST(NULL AS INTEGER) AS "outputTokens",
        CAST(NULL AS INTEGER) AS "totalTokens",
        TIMESTAMP '2026-01-29 23:10:16'
            + to_milliseconds(CAST(n AS DOUBLE) * {step}) AS "createdAt"
    FROM (SELECT range AS n, hash(range) % 1000000007 AS h FROM range({rows}))
) TO '{path}' (FORMAT PARQUET)
"""


@pytest.mark.whole_only
def test_40_features_30_sources_300_tenants(home, tally):
    """Every combination. Four times the calls need little more memory, because counts are kept."""
    peaks, seconds = [], []
    for rows in (400_000, 1_600_000):
        with temporary_workspace(home, config=CONFIG.format(source=DUCKDB)) as workspace:
            path = workspace.folder / "calls.parquet"
            duckdb.execute(MANY.format(rows=rows, step=102 * 3_600_000 / rows, path=path))
            counts = duckdb.execute(
                f"""SELECT count(DISTINCT "featureId"), count(DISTINCT source),
                count(DISTINCT "clientId") FROM '{path}'"""
            ).fetchone()
            assert counts == (40, 30, 300)
            began = time.monotonic()
            done = run_measured(workspace, COMPARE, "compare", "--window", "4h", "--json")
            assert done.code in (0, 1, 3, 4), done.err
            assert json.loads(done.out)["post"]["calls"] > rows / 40
            seconds.append(time.monotonic() - began)
            peaks.append(float(done.err.split()[-1]))
    mb, s = (" and ".join(f"{value:,.0f}" for value in values) for values in (peaks, seconds))
    tally(
        inputs=2,
        measured="compare, 40 features x 30 sources x 300 tenants, "
        f"400,000 and 1,600,000 calls: peak {mb} MB, {s} s",
    )
    assert peaks[1] < 2.5 * peaks[0]
    assert peaks[1] < 3_000
