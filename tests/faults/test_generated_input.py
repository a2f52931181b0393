"""Bad input from hypothesis gives one sentence: no traceback, no hang, no memory leak."""

import json
import os
import random
import resource
import time
import tomllib
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analysis.cli.app import instant
from analysis.clock import CLOCK_VARIABLE, iso, parse_instant
from analysis.config import load_settings
from analysis.counting.grid import Grid
from analysis.counting.scans.count_tables import load_latency_counts
from analysis.counting.scans.scan import Scan
from analysis.counting.scans.written_rows import load_row_quality, load_written_rows
from analysis.deployment.builds.vercel_api import find_newest
from analysis.deployment.builds.vercel_list import read_vercel_list
from analysis.deployment.handoff import find_handoff
from analysis.errors import RolloutError
from analysis.history.knobs import with_history
from analysis.leaks import find_leak
from analysis.report.handoff import write_handoff
from analysis.report.index import write_index
from analysis.telemetry.engines import open_engine
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.telemetry.mapping_file import SHIPPED, load_mapping
from analysis.telemetry.queries import Queries
from analysis.window import Window, format_duration, parse_duration
from tests.faults.workspace import ROOT
from tests.fixtures.http_server import Reply, run_server
from tests.fixtures.small_rollout import CONFIG, DUCKDB, simple_calls

pytestmark = pytest.mark.faults
FEW = 60  # the same inputs each time; a larger number draws new ones
INPUTS = int(os.environ.get("FAULTS_INPUTS", FEW))
LONGEST_S = 20.0  # of processor time, for one input
MOST_BYTES = 300_000_000  # that the process may grow by over all inputs of a test
DEPLOY = datetime(2026, 2, 2, 23, 10, 16, tzinfo=UTC)
NASTY = (
    "",
    " ",
    "\0",
    "\n",
    "'",
    '"',
    "\\",
    "[",
    "]",
    "{",
    "}",
    "#",
    "=",
    ",",
    ";",
    "--",
    "$$",
    "%",
    "{}",
    "\ufeff",
    "\u2028",
    "\u202e",
    "🙂",
    "é",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "0x10",
    "9" * 50,
    "9" * 5_000,
    "1_000",
    "true",
    "null",
    "2026-02-30T25:61:61Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-02T23:10:16",
    "4h",
    "0s",
    "-4h",
    "1h1h1h1h1h1h1h",
    "9" * 9 + "w",
    "*",
    "[*]",
    "a.b.c",
    "../../etc/passwd",
    "/dev/zero",
    "${HOME}",
    "http://",
    "[" * 300,
    "(" * 300,
    "[" * 100_000,
    "a" * 20_000,
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "<script>",
    "&#64;",
)
NASTY_TOML = (
    '""',
    "''",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "9" * 30,
    "true",
    "[]",
    "{}",
    "[[]]",
    "2026-02-02",
    "23:10:16",
    "2026-02-02T23:10:16",
    '"*"',
    '"\\u0000"',
    '"' + "x" * 3000 + '"',
    "{a = {b = {}}}",
    '["", 1]',
)


@pytest.fixture
def try_all(tally, monkeypatch, tmp_path):
    """Run a check on inputs: try_all(strategy, check, share=0.2). Memory must stay flat."""
    clock = tmp_path / "clock"
    clock.write_text("2026-02-03T10:00:00Z")
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))

    def run(strategy, check, *, share=1.0):
        tried = 0
        most = max(5, int(INPUTS * share))

        @settings(
            max_examples=most,
            derandomize=INPUTS == FEW,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def each(value):
            nonlocal tried
            tried += 1
            began = time.process_time()
            check(value)
            assert time.process_time() - began < LONGEST_S

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        each()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert grown < MOST_BYTES, f"{grown / 1e6:.0f} MB more after {tried} inputs"
        tally(inputs=tried)

    return run


def value_or_refusal(work):
    """The value of `work`, or None when it refuses its input in one sentence without secrets."""
    try:
        return work()
    except RolloutError as error:
        refused = error
    sentence = str(refused)
    assert refused.exit_code in (2, 3, 5, 6, 70)
    assert 10 < len(sentence) < 4_000, sentence[:300]
    assert "\n" not in sentence
    assert find_leak(sentence) is None
    return None


@st.composite
def changed_text(draw, texts, *, nasty=NASTY):
    """A valid text with a few parts replaced, removed, doubled or shuffled."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        at = draw(st.integers(0, len(lines) - 1))
        position = draw(st.integers(0, len(text)))
        match draw(
            st.sampled_from(
                ("cut", "insert", "replace", "line out", "line twice", "line elsewhere", "shuffle")
            )
        ):
            case "cut":
                text = text[:position]
            case "insert":
                text = (
                    text[:position]
                    + draw(st.sampled_from(nasty) | st.text(max_size=20))
                    + text[position:]
                )
            case "replace":
                text = (
                    text[:position]
                    + draw(st.sampled_from(nasty) | st.text(max_size=20))
                    + text[position + draw(st.integers(1, 30)) :]
                )
            case "line out":
                text = "\n".join(lines[:at] + lines[at + 1 :])
            case "line twice":
                text = "\n".join(lines[: at + 1] + lines[at:])
            case "line elsewhere":
                text = "\n".join([*lines[:at], *lines[at + 1 :], lines[at]])
            case _:
                random.Random(position).shuffle(lines)
                text = "\n".join(lines)
    return text


@st.composite
def changed_values(draw, text, values=NASTY_TOML):
    """A valid TOML file with other values for some keys."""
    lines = text.split("\n")
    settable = [
        number
        for number, line in enumerate(lines)
        if " = " in line and not line.lstrip().startswith("#")
    ]
    for number in draw(st.lists(st.sampled_from(settable), min_size=1, max_size=3)):
        key = lines[number].partition(" = ")[0]
        lines[number] = f"{key} = {draw(st.sampled_from(values))}"
    return "\n".join(lines)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(NASTY),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5)
    ),
    max_leaves=12,
)


def as_bytes(content):
    """Bytes as they are; text as UTF-8, lone surrogates included."""
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


# ---- rollout.toml ---------------------------------------------------------------------------
EXAMPLE = (ROOT / "rollout.toml").read_text(encoding="utf-8")


def test_rollout_toml(tmp_path, try_all):
    path = tmp_path / "rollout.toml"

    def check(content):
        path.write_bytes(as_bytes(content))
        value_or_refusal(lambda: load_settings(path))

    try_all(
        changed_text([EXAMPLE])
        | changed_values(EXAMPLE)
        | st.text(max_size=300)
        | st.binary(max_size=300),
        check,
    )


def test_rollout_toml_in_a_command(workspace, rollout, try_all):
    """The command ends with an exit code and one JSON object."""
    text = workspace.config.read_text()

    def check(content):
        workspace.config.write_text(content, encoding="utf-8", errors="surrogatepass")
        done = rollout(workspace, "compare", "--json")
        assert done.code in (0, 1, 2, 3, 4, 5, 70)
        assert "Traceback" not in done.err
        assert "internal error" not in done.err, done.err
        assert len(done.out.splitlines()) == 1
        json.loads(done.out)

    try_all(changed_values(text) | changed_text([text]), check, share=0.3)


# ---- mapping files --------------------------------------------------------------------------
MAPPINGS = [path.read_text(encoding="utf-8") for path in SHIPPED.glob("*.toml")]
TOKENS = (
    '"latencyMs"',
    "a",
    "1",
    "'x'",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[1]",
    "::int",
    "CASE WHEN",
    "THEN",
    "END",
    "LOWER(",
    "CAST(",
    "AS",
    "NULL",
    "AND",
    "NOT",
    "->>",
    "#>>",
    "AT TIME ZONE",
    "INTERVAL '1 day'",
    "IS",
    ",",
    ".",
    ":x",
    "?",
    "$1",
    "{",
    "}",
    "--",
    "/*",
    "\\",
    "||",
    "IN",
    "BETWEEN",
    "LIKE",
    "~",
    "EXTRACT(",
    "FROM",
    "@",
)
GRID = Grid(DEPLOY, timedelta(seconds=90))
HOURS = GRID.parameters(Window(DEPLOY, DEPLOY + timedelta(hours=1)))


@st.composite
def mapping_with_an_expression(draw):
    sql = (
        " ".join(draw(st.lists(st.sampled_from(TOKENS), max_size=40)))
        if draw(st.booleans())
        else draw(st.sampled_from(NASTY))
    )
    sql = sql * draw(st.sampled_from((1, 1, 1, 30, 400)))
    key = draw(st.sampled_from((*CANONICAL_COLUMNS, "where", "indexed", "table", "dialect")))
    lines = [f"{name} = {json.dumps(sql if name == key else name)}" for name in CANONICAL_COLUMNS]
    head = "" if key in CANONICAL_COLUMNS else f"{key} = {json.dumps(sql)}\n"
    return head + "[columns]\n" + "\n".join(lines)


def test_a_mapping(tmp_path, try_all):
    """A mapping is refused when it is read, or every query can be built from it."""

    def check(content):
        (tmp_path / "mine.toml").write_bytes(content.encode("utf-8", "surrogatepass"))
        mapping = value_or_refusal(lambda: load_mapping("mine.toml", folder=tmp_path, table=None))
        if mapping is not None:
            statement = Queries(mapping).statement("latency_counts", HOURS)
            for dialect in ("postgres", "duckdb"):
                value_or_refusal(partial(statement.sql, dialect))

    try_all(
        changed_text(MAPPINGS) | mapping_with_an_expression() | changed_values(MAPPINGS[0]), check
    )


# ---- CSV ------------------------------------------------------------------------------------
def test_csv(workspace, try_all):
    file = workspace.folder / "calls.csv"
    workspace.config.write_text(CONFIG.format(source=DUCKDB.replace("parquet", "csv")))
    rows = simple_calls().tail(40)
    good = [
        rows.to_csv(index=False),
        rows.to_csv(index=False, sep=";"),
        rows.head(0).to_csv(index=False),
    ]
    window = Window(DEPLOY, DEPLOY + timedelta(hours=4))

    def count():
        engine = open_engine(load_settings(workspace.config))
        try:
            load_row_quality(Scan(engine, GRID), window)
            return load_latency_counts(Scan(engine, GRID), [window]), load_written_rows(
                Scan(engine, GRID), window
            ).names
        finally:
            engine.close()

    def check(content):
        file.write_bytes(as_bytes(content))
        value_or_refusal(count)

    try_all(changed_text(good) | st.text(max_size=200) | st.binary(max_size=200), check, share=0.5)


# ---- the ledger, earlier results ------------------------------------------------------------
@pytest.fixture(scope="module")
def written(home):
    """A rollout with a ledger and one result."""
    from tests.faults.workspace import temporary_workspace

    with temporary_workspace(
        home, config=CONFIG.format(source=DUCKDB) + KNOB, rows=simple_calls()
    ) as workspace:
        done = workspace.run("compare", "--json", "--window", "1h")
        assert done.code in (0, 1, 3, 4), done.err
        result = json.loads(done.out)
        look = {
            "window": "1h",
            "stage": 1,
            "start": result["look"]["start"],
            "end": result["look"]["end"],
            "verdict": result["verdict"],
            "reason": "x",
        }
        facts = [
            {
                "event": "deploy",
                "environment": "production",
                "role": "first",
                "stage": False,
                "effective_at": iso(DEPLOY),
                "origin": "--at",
            },
            {"event": "look", **look},
            {
                "event": "smoke",
                "name": "it answers",
                "state": "passed",
                "environment": "production",
                "reason": None,
            },
            {
                "event": "preflight",
                "name": "lint",
                "state": "passed",
                "seconds": 1.5,
                "warnings": 0,
                "commit": "abc1234",
            },
            {
                "event": "knob",
                "name": "CAP",
                "from": 20000,
                "to": 10000,
                "effective_at": "2026-02-03T02:00:00Z",
                "stage": True,
            },
            {"event": "look_failed", "window": "4h", "stage": 1, "reason": "x", "exit_code": 70},
        ]
        events = [
            {"schema": 1, "at": "2026-02-03T09:00:00Z", "who": "on call", **fact} for fact in facts
        ]
        yield workspace, events, result


KNOB = '[[knob]]\nwhen = "alpha times out less"\nenv = "CAP"\nfrom = 20000\nto = 10000\n'


@st.composite
def changed_objects(draw, objects):
    """Objects with other values for some keys, or without them."""
    found = json.loads(json.dumps(objects))
    for _ in range(draw(st.integers(1, 4))):
        container = draw(st.sampled_from(found)) if isinstance(found, list) else found
        while draw(st.booleans()):
            inside = [
                value
                for value in (container.values() if isinstance(container, dict) else container)
                if isinstance(value, (dict, list)) and value
            ]
            if not inside:
                break
            container = draw(st.sampled_from(inside))
        key = draw(
            st.sampled_from(
                sorted(container) if isinstance(container, dict) else range(len(container))
            )
        )
        if draw(st.booleans()):
            container[key] = draw(JSON)
        else:
            del container[key]
            if not container:
                break
    return found


def test_a_ledger(written, try_all):
    """Hand-over and index are written, or refused in one sentence."""
    workspace, events, _ = written
    file = workspace.outputs / "ledger.jsonl"
    lines = st.builds(
        lambda found: "\n".join(json.dumps(event) for event in found) + "\n",
        changed_objects(events),
    )
    good = "\n".join(json.dumps(event) for event in events) + "\n"

    def check(content):
        file.write_bytes(as_bytes(content))
        settings = load_settings(workspace.config)
        value_or_refusal(lambda: with_history(settings))
        value_or_refusal(lambda: write_handoff(settings, asdict(find_handoff(settings))))
        value_or_refusal(lambda: write_index(settings))

    try_all(lines | changed_text([good]) | st.binary(max_size=200), check, share=0.6)
    file.unlink()


def test_an_earlier_result(written, try_all):
    """An invalid result.json is a row of the index."""
    workspace, events, result = written
    folder = workspace.outputs / "windows" / "1h"
    folder.mkdir(parents=True, exist_ok=True)
    (workspace.outputs / "ledger.jsonl").write_text(
        "\n".join(json.dumps(event) for event in events) + "\n"
    )
    settings = load_settings(workspace.config)

    def check(content):
        (folder / "result.json").write_text(json.dumps(content))
        value_or_refusal(lambda: write_index(settings))
        value_or_refusal(lambda: asdict(find_handoff(settings)))

    try_all(changed_objects(result) | JSON, check, share=0.6)


# ---- answers of Vercel ----------------------------------------------------------------------
ENTRIES = [
    {
        "uid": "dpl_2",
        "url": "app-2.vercel.app",
        "created": 1770073700000,
        "ready": 1770073816000,
        "state": "READY",
        "target": "production",
        "meta": {"githubCommitSha": "abc1234"},
    },
    {
        "uid": "dpl_1",
        "url": "app-1.vercel.app",
        "created": 1770000000000,
        "ready": 1770000100000,
        "state": "READY",
        "target": "production",
        "meta": {},
    },
]
TABLE = """Vercel CLI 44.0.0
> Deployments for app
  Age     Deployment                     Status      Environment     Duration
  5m      https://app-2.vercel.app       ● Ready     Production      41s
  2h      https://app-1.vercel.app       ● Ready     Production      39s
"""


def test_what_vercel_list_prints(tmp_path, try_all):
    file = tmp_path / "listed.txt"
    listed = changed_objects(ENTRIES).map(json.dumps)

    def check(content):
        file.write_bytes(as_bytes(content))
        found = value_or_refusal(lambda: read_vercel_list(file))
        if found is not None and found.effective_at is not None:
            parse_instant(iso(found.effective_at))

    try_all(
        listed
        | changed_text([TABLE, json.dumps(ENTRIES), json.dumps({"deployments": ENTRIES})])
        | JSON.map(json.dumps)
        | st.binary(max_size=200),
        check,
    )


def test_what_vercel_answers(workspace, try_all, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", "x" * 24)
    monkeypatch.setattr("analysis.deployment.builds.vercel_api.TRIES", 1)
    monkeypatch.setattr("analysis.deployment.builds.vercel_api.LONGEST_WAIT_S", 0.0)
    with run_server() as server:
        workspace.config.write_text(
            workspace.config.read_text()
            + f'[deployment]\nproject_id = "prj_x"\napi_url = "{server.url}"\n'
        )
        settings = load_settings(workspace.config)

        def check(content):
            server.answer = lambda asked: Reply(content=content)
            value_or_refusal(lambda: find_newest(settings))

        answers = changed_objects({"deployments": ENTRIES, "pagination": {"next": 1770000000000}})
        try_all(answers | JSON.filter(lambda content: content == content), check, share=0.3)


# ---- durations and times --------------------------------------------------------------------
def test_durations(try_all):
    def check(text):
        length = value_or_refusal(lambda: parse_duration(text))
        if length is not None:
            assert timedelta(0) <= length <= timedelta(days=3650)
            assert abs(parse_duration(format_duration(length)) - length) < timedelta(milliseconds=1)

    pieces = st.lists(
        st.tuples(
            st.integers(0, 10**10),
            st.sampled_from(("ms", "s", "m", "h", "d", "w", "y", "", "H", " ")),
        )
    ).map(lambda found: "".join(f"{number}{unit}" for number, unit in found))
    try_all(
        st.text(max_size=30)
        | pieces
        | st.sampled_from(NASTY)
        | changed_text(["1h30m", "90s", "0.5h", "2d"]),
        check,
    )


def test_times(try_all):
    def check(text):
        found = value_or_refusal(lambda: instant(text))
        if found is not None:
            assert parse_instant(iso(found)) == found.replace(
                microsecond=found.microsecond // 1000 * 1000
            )

    times = st.datetimes(timezones=st.timezones() | st.none()).map(lambda time: time.isoformat())
    try_all(
        st.text(max_size=30)
        | times
        | st.sampled_from(NASTY)
        | changed_text(["2026-02-02T23:10:16Z", "2026-02-02T23:10:16.123+05:45"]),
        check,
    )


def test_arguments(workspace, rollout, try_all):
    """Every option that takes a text."""

    def check(given):
        command, text = given
        assume("\0" not in text)
        done = rollout(workspace, *(part.replace("{}", text) for part in command))
        assert done.code in (0, 1, 2, 3, 4, 5, 6, 70)
        assert "Traceback" not in done.err
        assert "internal error" not in done.err, done.err

    commands = [
        ("compare", "--window", "{}"),
        ("compare", "--from={}", "--to={}"),
        ("whatif", "--cap={}", "--", "alpha"),
        ("whatif", "--cap", "5s", "--", "{}"),
        ("sql", "--", "{}"),
        ("deploy", "--at={}"),
        ("deploy", "--from={}", "--", "x"),
        ("knob", "set", "--", "{}", "{}"),
        ("compare", "--config={}"),
        ("{}",),
        ("smoke", "--environment={}"),
    ]
    texts = (
        st.sampled_from([text for text in NASTY if len(text) < 5000])
        | st.text(max_size=40)
        | changed_text(["2026-02-03T00:10:16Z", "4h", "alpha"])
    )
    try_all(st.tuples(st.sampled_from(commands), texts), check, share=0.6)


def test_the_example_itself_is_good_input():
    """Otherwise the tests above could refuse everything for one wrong line."""
    assert tomllib.loads(EXAMPLE)
    assert all(tomllib.loads(text) for text in MAPPINGS)
    assert load_settings(ROOT / "rollout.toml").rollout.name == "phase-94"
