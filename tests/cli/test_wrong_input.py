"""Bad input ends in one clear line and exit code 2 or 5, with stdout one JSON object and nothing half-written beside it."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import analysis.cli
from analysis.clock import CLOCK_VARIABLE
from tests.fixtures.edge_case_calls import typed

DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
PASSWORD = "s3cret-Pass"
CONFIG = """
[rollout]
name = "test"
deployed_at = 2026-02-02T23:10:16Z
[source]
engine = "duckdb"
path = "calls.csv"
[baseline]
days = 2
[monitoring]
windows = ["1h", "4h"]
[[expectation]]
name = "fewer timeouts"
feature = "draft.verify"
metric = "timeout_rate"
claim = "falls"
"""


@pytest.fixture(autouse=True)
def _a_day_after_the_deploy(tmp_path, monkeypatch):
    (tmp_path / "clock").write_text((DEPLOY + timedelta(days=1)).isoformat(), encoding="utf-8")
    monkeypatch.setenv(CLOCK_VARIABLE, str(tmp_path / "clock"))


@pytest.fixture
def compare(tmp_path, monkeypatch, capsys):
    """A function that runs `rollout compare --json` on a CSV and a rollout.toml, and gives exit code, result and the line on stderr."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(rows=None, *, config=CONFIG, arguments=()):
        if rows is not None:
            rows.to_csv(folder / "calls.csv", index=False)
        (folder / "rollout.toml").write_text(config, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["rollout", "compare", "--json", *arguments])
        with pytest.raises(SystemExit) as ended:
            analysis.cli.main()
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert len(lines) == 1, out  # exactly one object, for every exit code
        assert not any(
            "Traceback" in text or PASSWORD in text or str(folder) in text for text in (out, err)
        )
        assert len(err.splitlines()) <= 1, err
        left = sorted(path.name for path in (folder / "outputs").rglob("*") if path.is_file())
        assert left in ([], ["counts.parquet"])
        return ended.value.code, json.loads(lines[0]), err.strip()

    run.folder = folder
    return run


def calls(**columns) -> pd.DataFrame:
    """Two days before the deploy and four hours after it, a call every five minutes, a third of them timeouts."""
    rows = []
    for number in range(-576, 48):
        is_error = number % 3 == 0
        rows.append(
            {
                "id": str(number),
                "clientId": "t",
                "leadId": None,
                "source": "job/a",
                "featureId": "draft.verify",
                "model": "m",
                "outputTokens": None,
                "totalTokens": None,
                "latencyMs": 2000 + number % 50,
                "status": "error" if is_error else "success",
                "errorMessage": "Request timed out." if is_error else None,
                "createdAt": (DEPLOY + timedelta(minutes=5 * number + 2)).replace(tzinfo=None),
            }
        )
    return typed(rows).assign(**columns)


def part(rows, count, **columns) -> pd.DataFrame:
    """The frame with other values in its last rows: the post window's."""
    head, tail = rows.iloc[:-count], rows.iloc[-count:].assign(**columns)
    return pd.concat([head.astype("object"), tail.astype("object")], ignore_index=True)


def test_good_input_is_judged(compare):
    code, result, err = compare(calls())
    assert (code, result["verdict"], err) == (3, "keep_watching", "")
    assert result["post"]["calls"] == 48


# ---- wrong use: exit 2 -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "arguments", "sentence"),
    [
        (
            {},
            (),
            r"\[source\].path 'calls.csv' matches no file; run 'rollout demo' for sample data, or name your own export",
        ),
        ({'path = "calls.csv"': 'path = "calls.xlsx"'}, (), r"'calls.xlsx' matches no file"),
        ({"2026-02-02T23:10:16Z": "2026-02-02T23:10:16"}, (), "line 4: .*deployed_at.* zone"),
        (
            {"2026-02-02T23:10:16Z": "2126-02-02T23:10:16Z"},
            (),
            "deployed_at 2126-02-02T23:10:16Z lies in the future",
        ),
        (
            {"days = 2": "start = 2026-01-31T00:00:00Z\nend = 2026-02-03T00:00:00Z"},
            (),
            "is after the deploy at 2026-02-02T23:10:16Z; end the baseline at the deploy",
        ),
        (
            {},
            ("--from", "2026-02-03T00:10:16Z", "--to", "2026-02-03T02:10:16"),
            "2026-02-03T02:10:16' .*zone",
        ),
        (
            {},
            ("--from", "2026-02-02T20:00:00Z", "--to", "2026-02-03T02:10:16Z"),
            "lies before the deploy at 2026-02-02T23:10:16Z, in the baseline",
        ),
        (
            {},
            ("--from", "2026-02-03T02:00:00Z", "--to", "2026-02-03T01:10:16Z"),
            "is not before --to",
        ),
        (
            {},
            ("--from", "2026-02-03T02:00:00Z", "--to", "2030-01-01T00:10:16Z"),
            "--to 2030-01-01T00:10:16Z lies in the future",
        ),
        ({}, ("--from", "2026-02-03T02:00:00Z"), "--from and --to go together"),
        ({}, ("--window", "2h"), "window '2h' .*1h, 4h"),
        ({}, ("--window", "soon"), "'soon'"),
        ({}, ("--windo", "1h"), "No such option: --windo"),
        (
            {},
            ("--window", f"postgresql://u:{PASSWORD}@h/d"),
            "duration .hidden: URL with credentials",
        ),
        (
            {},
            ("--from", f"postgresql://u:{PASSWORD}@h/d", "--to", "2026-02-03T02:10:16Z"),
            "hidden",
        ),
        (
            {},
            ("--config", f"postgresql://u:{PASSWORD}@h/d"),
            "^rollout: .hidden: URL with credentials. does not exist",
        ),
        (
            {
                'engine = "duckdb"\npath = "calls.csv"': f'engine = "postgres"\nurl_env = "postgresql://u:{PASSWORD}@h/d"'
            },
            (),
            "url_env",
        ),
        ({'path = "calls.csv"': f'path = "postgresql://u:{PASSWORD}@h/d"'}, (), "path"),
        ({"[[expectation]]": "[[expectations]]"}, (), "expectation"),
        ({'metric = "timeout_rate"': 'metric = "timeout_rat"'}, (), "timeout_rate"),
    ],
)
def test_a_mistake_in_the_file_or_the_arguments(compare, changes, arguments, sentence):
    config = CONFIG
    for old, new in changes.items():
        assert old in config
        config = config.replace(old, new)
    code, result, err = compare(config=config, arguments=arguments)
    assert code == 2, err
    assert re.search(sentence, err), err
    assert result["verdict"] is None
    assert not (compare.folder / "outputs").exists()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            CONFIG.replace("draft.verify", "draft.verfy"),
            "fewer timeouts': feature 'draft.verfy' is found nowhere in the table; did you mean 'draft.verify'?",
        ),
        (
            CONFIG
            + '[[guardrail]]\nname = "jobs"\nsource = "jobs/a"\nmetric = "error_rate"\nclaim = "no_worse"\nmargin = 0.5\n',
            "'jobs': source 'jobs/a' is found nowhere in the table; did you mean 'job/a'?",
        ),
        (
            CONFIG.replace(
                'metric = "timeout_rate"\nclaim = "falls"',
                'any_of = [{metric = "timeout_rate", claim = "falls"}, {metric = "recovered_rate", claim = "rises"}]',
            ).replace("draft.verify", "x"),
            "feature 'x' is found nowhere",
        ),
    ],
)
def test_a_name_that_the_table_does_not_have(compare, config, sentence):
    code, result, err = compare(calls(), config=config)
    assert (code, result["verdict"]) == (2, None)
    assert sentence in err


@pytest.mark.parametrize(
    "config",
    [
        CONFIG
        + '[[guardrail]]\nname = "none"\nfeature = "nothing*"\nmetric = "error_rate"\nclaim = "no_worse"\nmargin = 0.5\n',  # a pattern may find nothing
        CONFIG
        + '[[guardrail]]\nname = "old"\nfeature = "long.gone"\nmetric = "error_rate"\nclaim = "no_worse"\nmargin = 0.5\n',
    ],
)
def test_a_name_of_other_rows_and_a_pattern_without_calls_are_no_mistake(compare, config):
    rows = calls()
    rows = pd.concat(
        [
            rows,
            rows.tail(1).assign(
                id="old", featureId="long.gone", createdAt=pd.Timestamp("2025-12-01")
            ),
        ]
    )
    code, result, _ = compare(rows, config=config)
    assert code == 3
    assert result["guardrails"][0]["finding"] == "no_data"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda rows: rows.drop(columns="leadId"),
            "has no column 'leadId'; the table needs id, clientId",
        ),
        (
            lambda rows: rows.rename(columns={"createdAt": "created_at"}),
            "has no column 'createdAt'",
        ),
    ],
)
def test_a_missing_column(compare, change, sentence):
    code, _, err = compare(change(calls()))
    assert (code, sentence in err) == (2, True), err


# ---- data that cannot be trusted: exit 5 -----------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (lambda: calls().head(0), "no call started in"),
        (
            lambda: calls().tail(48),
            "no call started in 2026-01-31T23:10:16Z",
        ),  # a deploy without baseline rows
        (
            lambda: calls().head(570),
            "no call started in 2026-02-02T23:10:16Z",
        ),  # and one without rows after it
        (
            lambda: calls(createdAt=lambda rows: rows["createdAt"] - pd.Timedelta("100D")),
            "no call started in",
        ),  # the deploy outside the data
        (
            lambda: calls(createdAt=lambda rows: rows["createdAt"] + pd.Timedelta("100D")),
            "no call started in",
        ),
        (
            lambda: part(calls(), 1, status="Success"),
            "1 rows have a status that is neither success nor error",
        ),
        (
            lambda: part(calls(), 1, status=None),
            "1 rows have a status that is neither success nor error",
        ),
        (lambda: part(calls(), 15, latencyMs=None), "null and 0 negative latencies"),
        (
            lambda: part(calls(), 15, latencyMs=-1),
            "0 null and 15 negative latencies in 48 post rows",
        ),
        (lambda: part(calls(), 20, id="twice"), "rows repeat the id of another row"),
    ],
)
def test_data_without_a_verdict(compare, rows, sentence):
    code, result, err = compare(rows())
    assert (code, result["verdict"], err) == (5, "untrusted", "")
    assert sentence in result["reason"], result["reason"]
    assert [check["state"] for check in result["checks"]].count("error") >= 1
    assert result["expectations"][0]["name"] == "fewer timeouts"


def test_a_deploy_without_baseline_rows_is_said_before_not_yet_due(compare, monkeypatch, tmp_path):
    (tmp_path / "clock").write_text((DEPLOY + timedelta(minutes=5)).isoformat(), encoding="utf-8")
    code, result, _ = compare(calls().head(0))
    assert (code, result["verdict"]) == (5, "untrusted")
    code, result, err = compare(calls())
    assert (code, result["verdict"]) == (3, None)
    assert "window 4h is due at 2026-02-03T03:11:46Z" in err


def test_a_to_that_has_just_passed_is_not_due_before_its_hour_has(compare):
    code, _, err = compare(
        calls(), arguments=("--from", "2026-02-03T20:00:00Z", "--to", "2026-02-03T23:10:16Z")
    )
    assert (code, "is due at 2026-02-03T23:11:46Z" in err) == (3, True), err


@pytest.mark.parametrize("latency", ["fast", "12.5", "1e3", "0x10", "12 ms"])
def test_a_latency_that_is_no_number_is_named_by_its_row(compare, latency):
    rows = calls().astype("object")
    rows.iloc[41, list(rows.columns).index("latencyMs")] = latency
    code, result, err = compare(rows)
    assert (code, result["verdict"]) == (5, "untrusted")
    assert (
        "'calls.csv': latencyMs of row 42 (the header not counted) is not a whole number of milliseconds"
        in err
    )


@pytest.mark.parametrize(
    ("value", "words"), [(None, "1 null and 0 negative"), (-7, "0 null and 1 negative")]
)
def test_a_few_bad_latencies_are_a_warning(compare, value, words):
    code, result, _ = compare(
        calls().assign(latencyMs=lambda rows: rows["latencyMs"].where(rows["id"] != "-100", value))
    )
    assert code == 3
    check = next(check for check in result["checks"] if check["name"] == "latencies are valid")
    assert (check["state"], words in check["detail"]) == ("warning", True), check


# ---- the real command ------------------------------------------------------------------------
def test_the_command_itself(tmp_path):
    (tmp_path / "rollout.toml").write_text(CONFIG, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "analysis",
        "compare",
        "--config",
        str(tmp_path / "rollout.toml"),
        "--json",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2
    assert (
        done.stderr
        == "rollout: [source].path 'calls.csv' matches no file; run 'rollout demo' for sample data, or name your own export\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clock", "rollout.toml"]
