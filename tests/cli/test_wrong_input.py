"""Wrong input to `compare`: one line, exit code 2 or 5, one JSON object, nothing half-written."""

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
URL = f"postgresql://u:{PASSWORD}@h/d"
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
PATH = 'path = "calls.csv"'


def guardrail(name: str, where: str) -> str:
    rule = 'metric = "error_rate"\nclaim = "no_worse"\nmargin = 0.5\n'
    return f'[[guardrail]]\nname = "{name}"\n{where}\n{rule}'


@pytest.fixture(autouse=True)
def clock_a_day_after_the_deploy(tmp_path, monkeypatch):
    clock = tmp_path / "clock"
    clock.write_text((DEPLOY + timedelta(days=1)).isoformat(), encoding="utf-8")
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    return clock


@pytest.fixture
def compare(tmp_path, monkeypatch, capsys):
    """Run `rollout compare --json`; returns the exit code, the object and the line on stderr."""
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
        for text in (out, err):
            assert not any(hidden in text for hidden in ("Traceback", PASSWORD, str(folder)))
        assert len(err.splitlines()) <= 1, err
        left = sorted(path.name for path in (folder / "outputs").rglob("*") if path.is_file())
        assert left in ([], ["counts.parquet"])
        return ended.value.code, json.loads(lines[0]), err.strip()

    run.folder = folder
    return run


def calls(**columns) -> pd.DataFrame:
    """A call every five minutes, two days before and four hours after the deploy; 1/3 time out."""
    rows = [
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
            "status": "success" if number % 3 else "error",
            "errorMessage": None if number % 3 else "Request timed out.",
            "createdAt": (DEPLOY + timedelta(minutes=5 * number + 2)).replace(tzinfo=None),
        }
        for number in range(-576, 48)
    ]
    return typed(rows).assign(**columns)


def with_last_rows(count, **columns) -> pd.DataFrame:
    """Calls with other values in the last rows, which are after the deploy."""
    rows = calls()
    head, tail = rows.iloc[:-count], rows.iloc[-count:].assign(**columns)
    return pd.concat([head.astype("object"), tail.astype("object")], ignore_index=True)


def test_good_input_is_judged(compare):
    code, result, err = compare(calls())
    assert (code, result["verdict"], err) == (3, "keep_watching", "")
    assert result["post"]["calls"] == 48


# ---- wrong use: exit 2 -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("", "", r"\[source\].path 'calls.csv' matches no file; run 'rollout demo'"),
        (PATH, 'path = "calls.xlsx"', r"'calls.xlsx' matches no file"),
        (PATH, f'path = "{URL}"', "path"),
        (f'engine = "duckdb"\n{PATH}', f'engine = "postgres"\nurl_env = "{URL}"', "url_env"),
        ("02T23:10:16Z", "02T23:10:16", "line 4: .*deployed_at.* zone"),
        ("2026-02-02T", "2126-02-02T", "deployed_at 2126-02-02T23:10:16Z .*in the future"),
        (
            "days = 2",
            "start = 2026-01-31T00:00:00Z\nend = 2026-02-03T00:00:00Z",
            "after the deploy at 2026-02-02T23:10:16Z; end the baseline at the deploy",
        ),
        ("[[expectation]]", "[[expectations]]", "expectation"),
        ("timeout_rate", "timeout_rat", "timeout_rate"),
    ],
)
def test_a_mistake_in_the_file(compare, old, new, sentence):
    assert old in CONFIG
    code, result, err = compare(config=CONFIG.replace(old, new) if old else CONFIG)
    assert code == 2, err
    assert re.search(sentence, err), err
    assert result["verdict"] is None
    assert not (compare.folder / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "2026-02-03T00:10:16Z", "--to", "2026-02-03T02:10:16"), "02:10:16' .*zone"),
        (
            ("--from", "2026-02-02T20:00:00Z", "--to", "2026-02-03T02:10:16Z"),
            "before the deploy at 2026-02-02T23:10:16Z",
        ),
        (("--from", "2026-02-03T02:00:00Z", "--to", "2026-02-03T01:10:16Z"), "not before --to"),
        (
            ("--from", "2026-02-03T02:00:00Z", "--to", "2030-01-01T00:10:16Z"),
            "--to 2030-01-01T00:10:16Z .*in the future",
        ),
        (("--from", "2026-02-03T02:00:00Z"), "--from and --to go together"),
        (("--window", "2h"), "window '2h' .*1h, 4h"),
        (("--window", "soon"), "'soon'"),
        (("--windo", "1h"), "No such option: --windo"),
        (("--window", URL), "duration .hidden: URL with credentials"),
        (("--from", URL, "--to", "2026-02-03T02:10:16Z"), "hidden"),
        (("--config", URL), "^rollout: .hidden: URL with credentials. does not exist"),
    ],
)
def test_a_mistake_in_the_arguments(compare, arguments, sentence):
    code, result, err = compare(arguments=arguments)
    assert code == 2, err
    assert re.search(sentence, err), err
    assert result["verdict"] is None
    assert not (compare.folder / "outputs").exists()


ANY_OF = (
    'any_of = [{metric = "timeout_rate", claim = "falls"}, '
    '{metric = "recovered_rate", claim = "rises"}]'
)


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        (
            CONFIG.replace("draft.verify", "draft.verfy"),
            ("'fewer timeouts'", "feature 'draft.verfy'", "did you mean 'draft.verify'?"),
        ),
        (
            CONFIG + guardrail("jobs", 'source = "jobs/a"'),
            ("'jobs'", "source 'jobs/a'", "did you mean 'job/a'?"),
        ),
        (
            CONFIG.replace('metric = "timeout_rate"\nclaim = "falls"', ANY_OF).replace(
                "draft.verify", "x"
            ),
            ("feature 'x'",),
        ),
    ],
)
def test_a_name_that_the_table_does_not_have(compare, config, shown):
    code, result, err = compare(calls(), config=config)
    assert (code, result["verdict"]) == (2, None)
    assert all(fact in err for fact in shown), err


@pytest.mark.parametrize(
    "where",
    ['feature = "nothing*"', 'feature = "long.gone"'],
    ids=["a pattern may match nothing", "a name of rows before the baseline"],
)
def test_names_without_calls_are_no_mistake(compare, where):
    rows = calls()
    old = {"id": "old", "featureId": "long.gone", "createdAt": pd.Timestamp("2025-12-01")}
    rows = pd.concat([rows, rows.tail(1).assign(**old)])
    code, result, _ = compare(rows, config=CONFIG + guardrail("quiet", where))
    assert code == 3
    assert result["guardrails"][0]["finding"] == "no_data"


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        (lambda: calls().drop(columns="leadId"), "leadId"),
        (lambda: calls().rename(columns={"createdAt": "created_at"}), "createdAt"),
    ],
)
def test_a_missing_column(compare, rows, column):
    code, _, err = compare(rows())
    assert code == 2, err
    assert f"has no column '{column}'" in err


# ---- data that is not trusted: exit 5 --------------------------------------------------------
def moved(days: int) -> pd.DataFrame:
    return calls(createdAt=lambda rows: rows["createdAt"] + pd.Timedelta(days=days))


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (lambda: calls().head(0), ("no call started",)),
        (lambda: calls().tail(48), ("no call started", "2026-01-31 23:10:16")),
        (lambda: calls().head(570), ("no call started", "2026-02-02 23:10:16")),
        (lambda: moved(-100), ("no call started",)),
        (lambda: moved(100), ("no call started",)),
        (lambda: with_last_rows(1, status="half done"), ("1 rows", "status", "success or error")),
        (lambda: with_last_rows(1, status=None), ("1 rows", "status", "success or error")),
        (lambda: with_last_rows(15, latencyMs=None), ("15 missing", "0 negative", "48 rows")),
        (lambda: with_last_rows(15, latencyMs=-1), ("0 missing", "15 negative", "48 rows")),
        (lambda: with_last_rows(20, id="twice"), ("repeat the id of another row",)),
    ],
    ids=[
        "no rows",
        "no baseline",
        "nothing after the deploy",
        "all long before",
        "all long after",
        "another status",
        "no status",
        "missing latencies",
        "negative latencies",
        "repeated ids",
    ],
)
def test_data_without_a_verdict(compare, rows, facts):
    code, result, err = compare(rows())
    assert (code, result["verdict"], err) == (5, "untrusted", "")
    assert all(fact in result["reason"] for fact in facts), result["reason"]
    assert [check["state"] for check in result["checks"]].count("error") >= 1
    assert result["expectations"][0]["name"] == "fewer timeouts"


def test_an_empty_baseline_is_reported_before_not_yet_due(compare, clock_a_day_after_the_deploy):
    five_minutes_after = (DEPLOY + timedelta(minutes=5)).isoformat()
    clock_a_day_after_the_deploy.write_text(five_minutes_after, encoding="utf-8")
    code, result, _ = compare(calls().head(0))
    assert (code, result["verdict"]) == (5, "untrusted")
    code, result, err = compare(calls())
    assert (code, result["verdict"]) == (3, None)
    assert "2026-02-03T03:11:46Z" in err


def test_an_end_that_has_just_passed_is_not_due_before_its_delay(compare):
    arguments = ("--from", "2026-02-03T20:00:00Z", "--to", "2026-02-03T23:10:16Z")
    code, _, err = compare(calls(), arguments=arguments)
    assert code == 3
    assert "2026-02-03T23:11:46Z" in err


@pytest.mark.parametrize("latency", ["fast", "12.5", "1e3", "0x10", "12 ms"])
def test_a_latency_that_is_no_number_is_named_by_its_row(compare, latency):
    rows = calls().astype("object")
    rows.iloc[41, list(rows.columns).index("latencyMs")] = latency
    code, result, err = compare(rows)
    assert (code, result["verdict"]) == (5, "untrusted")
    assert "'calls.csv': latencyMs of row 42" in err


@pytest.mark.parametrize(
    ("value", "words"), [(None, "1 missing and 0 negative"), (-7, "0 missing and 1 negative")]
)
def test_a_few_bad_latencies_are_a_warning(compare, value, words):
    rows = calls()
    rows["latencyMs"] = rows["latencyMs"].where(rows["id"] != "-100", value)
    code, result, _ = compare(rows)
    assert code == 3
    warnings = [check["detail"] for check in result["checks"] if check["state"] == "warning"]
    assert any(words in detail for detail in warnings), warnings


# ---- the real command ------------------------------------------------------------------------
def test_the_command_itself(tmp_path):
    config = tmp_path / "rollout.toml"
    config.write_text(CONFIG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "compare", "--config", str(config), "--json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2
    assert done.stderr.startswith("rollout: [source].path 'calls.csv' matches no file; run ")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clock", "rollout.toml"]
