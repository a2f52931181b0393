"""No personal data in outputs.

Secrets and names are planted in every text column, and every written byte is searched for them.
"""

import json

import duckdb
import pytest

from analysis.config import load_settings
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.telemetry.vocabulary import WORDS
from tests.faults.calls_with_secrets import CONFIG, TENANTS, plant_calls
from tests.faults.secrets_and_names import Planter, found_in, texts_below
from tests.faults.workspace import POSTGRES, edited_notebook, temporary_workspace
from tests.fixtures.http_server import Reply, run_server
from tests.fixtures.small_rollout import DUCKDB, write_calls

INPUTS = ("calls.parquet", "calls.csv", "rollout.toml", "bad.toml", "notebooks")
COLUMNS = ("id", "clientId", "leadId", "promptKey", "apiType", "errorMessage", "metadata")
SPY = """
rows = __import__("pandas").read_parquet("calls.parquet")
begins = ("sk-", "ghp", "AKI", "eyJ", "pos", "Bea")
print(*[text for text in rows["id"] if text[:3] in begins], sep="\\n")
{}[str(rows["errorMessage"].dropna().tolist()[:50])]
"""
"""A cell that prints secrets and fails with names and secrets in its error."""


@pytest.fixture(scope="module")
def planter():
    return Planter(seed=8)


@pytest.fixture(scope="module")
def planted_rows(planter):
    return plant_calls(planter)


def secrets_of(planter):
    """An environment of secrets."""
    return {
        "CRON_SECRET": planter.secret("jwt"),
        "VERCEL_TOKEN": planter.secret("github token"),
        "OPENAI_API_KEY": planter.secret("openai key"),
    }


def find_leaks(workspace, printed, values):
    """Where a value was written: to a file, kept, temporary or final, or to the terminal."""
    leaks = [(name, value) for name, text in printed.items() for value in found_in(text, values)]
    inputs = {workspace.folder / name for name in INPUTS}
    for path, text in texts_below(workspace.folder, workspace.home):
        if not inputs & {path, *path.parents}:
            leaks += [(path.name, value) for value in found_in(text, values)]
    return leaks


def planted_in(rows, values, columns=COLUMNS):
    """The values in these columns."""
    cells = [str(cell) for column in columns for cell in rows[column].dropna().unique()]
    text = "\n".join((*cells, *(str(json.loads(note)) for note in rows["metadata"].dropna())))
    return [value for value in values if value in text]


def check_that_all_is_planted(rows, values):
    """Every value must be in the input, or the search proves nothing."""
    assert len(values) > 300
    assert sorted(set(values) - set(planted_in(rows, values))) == []


def check_written_where_it_may(workspace):
    """No command writes outside its folder, the home folder and caches."""
    allowed = (str(workspace.folder), str(workspace.home), "/dev/null", "/dev/tty")
    for name in set((workspace.kept / "written.txt").read_text().splitlines()):
        assert name.startswith(allowed) or "__pycache__" in name, name


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_no_planted_value_is_in_any_byte_of_any_command(home, planter, planted_rows, tally):
    with run_server() as server, temporary_workspace(home, rows=planted_rows) as workspace:
        secrets = secrets_of(planter)
        body = {"success": True, "who": planter.name(), "key": planter.secret()}
        server.answer = lambda asked: Reply(content=body)
        environment = {**secrets, "APP_URL": server.url}
        workspace.config.write_text(CONFIG.format(source=DUCKDB, api_url=server.url))
        from_table = [
            value for value in planter.values if value not in (*secrets.values(), *body.values())
        ]
        check_that_all_is_planted(planted_rows, from_table)
        printed = {}

        def run(*arguments, code=None, environment=environment, **how):
            done = workspace.run(*arguments, environment=environment, **how)
            printed[" ".join(arguments)] = done.out + done.err
            assert "Traceback" not in done.out + done.err, done.err
            if code is not None:
                assert done.code in code, (arguments, done.code, done.err[-1500:])
            return done

        verdicts = (0, 1, 3, 4)
        run("doctor", "--json", code=(0, 5))
        assert "beta" in run("baseline", "--json", code=(0,)).out
        shown = run("report", "--window", "4h", "--json", code=verdicts).out
        run(
            "compare",
            "--from",
            "2026-02-02T23:10:16Z",
            "--to",
            "2026-02-03T01:10:16Z",
            code=verdicts,
        )
        run("whatif", "alpha", "--cap", "5s", "--window", "4h", code=(0,))
        run("sql", "signatures", code=(0,))
        run("smoke", code=(6,))
        run("deploy", "--from", "vercel", code=(2, 6))
        run("knob", "set", "ALPHA_TIMEOUT_MS_CAP", planter.secret(), code=(2, 70))
        run("handoff", "--json")

        # ---- failing runs -------------------------------------------------------------------
        server.answer = lambda asked: Reply(status=500, content=body)
        run("smoke", code=(6,))
        run("smoke", code=(6,), environment={**environment, "APP_URL": planter.secret("url")})
        run("whatif", planter.secret(), "--cap", "5s", code=(2,))
        run("report", "--window", planter.secret(), code=(2,))
        run(
            "report",
            "--window",
            "1h",
            code=(70,),
            program=("-c", edited_notebook(workspace, "window", SPY)),
        )
        assert "KeyError" in printed["report --window 1h"]
        workspace.config.write_text(
            CONFIG.format(source=DUCKDB.replace("parquet", "csv"), api_url=server.url)
        )
        for name in ("status", "latencyMs", "createdAt"):
            broken = planted_rows.astype({name: "object"})
            for at in range(9):
                broken.loc[at, name] = planter.either()
            broken.to_csv(workspace.folder / "calls.csv", index=False)
            run("compare" if name != "createdAt" else "doctor", code=(5,))
        (workspace.folder / "calls.csv").write_text(
            (workspace.folder / "calls.csv").read_text() + '"' + planter.name() + '",,"\n'
        )
        run("compare", code=(2,))

        assert '"unknown_errors"' in printed["baseline --json"]
        leaks = find_leaks(workspace, printed, planter.values)
        tally(planted=len(planter.values), leaks=len(leaks), inputs=len(printed))
        assert leaks == []
        assert "tenant 1" not in shown or f"tenant {TENANTS + 1}" not in shown
        check_written_where_it_may(workspace)
        check_signatures(workspace)


def check_signatures(workspace):
    """Unknown errors are listed, in words of the allow-list only."""
    result = json.loads((workspace.outputs / "baseline" / "result.json").read_text())
    signatures = [error["signature"] for error in result["unknown_errors"]]
    words = {word for signature in signatures for word in signature.split(" … ")}
    assert words - {"(no known word)"} <= set(WORDS)
    assert {"dns", "loop"} <= words


@pytest.mark.faults
def test_no_planted_value_leaves_postgresql(home, planter, planted_rows, tally, postgres_server):
    values = planted_in(planted_rows, planter.values)
    assert len(values) > 300
    config = CONFIG.format(
        source=POSTGRES + '\nmapping = "mine.toml"', api_url="https://api.vercel.com"
    )
    with (
        postgres_server.fresh_database() as database,
        temporary_workspace(home, config=config) as workspace,
    ):
        database.load_interactions(
            planted_rows.assign(
                metadata=[
                    json.loads(note) if isinstance(note, str) else None
                    for note in planted_rows["metadata"]
                ]
            )
        )
        assert (
            database.execute(
                'SELECT COUNT(*) FROM "AIInteraction" WHERE "errorMessage" IS NOT NULL'
            )[0][0]
            > 100
        )
        environment = {"DATABASE_URL": database.url, "PGPASSWORD": planter.secret("github token")}
        password = database.url.split(":")[2].split("@")[0]
        printed = {}
        plain = {name: f'"{name}"' for name in CANONICAL_COLUMNS}
        casts = {  # a wrong cast: the server's error text holds the value
            "compare": plain,
            "compare --json": plain | {"latencyMs": 'CAST("errorMessage" AS INTEGER)'},
            "doctor": plain | {"latencyMs": 'CAST("clientId" AS INTEGER)'},
            "compare --window 1h": plain | {"createdAt": 'CAST("errorMessage" AS TIMESTAMP)'},
            "compare --window 4h": plain | {"leadId": 'CAST("metadata" AS INTEGER)'},
        }
        for command, columns in casts.items():
            lines = [f"{name} = '''{sql}'''" for name, sql in columns.items()]
            (workspace.folder / "mine.toml").write_text("[columns]\n" + "\n".join(lines))
            done = workspace.run(*command.split(), environment=environment)
            assert "Traceback" not in done.err, done.err
            assert done.code in ((0, 1, 3, 4) if columns is plain else (2, 5)), (command, done)
            printed[command] = done.out + done.err
        leaks = find_leaks(workspace, printed, [*values, password])
        tally(planted=len(values), leaks=len(leaks), inputs=len(printed))
        assert leaks == []


# ---- names that are shown -------------------------------------------------------------------
RULES = {
    "mail": "e-mail address",
    "phone": "phone number",
    "openai key": "key",
    "aws key": "key",
    "github token": "key",
    "jwt": "JWT",
    "bearer": "bearer token",
    "url": "URL with credentials",
    "iban": "IBAN",
}


QUICK = (("featureId", "mail"), ("source", "phone"), ("model", "aws key"))
SLOW = [("featureId", kind) for kind in RULES if kind != "mail"] + [
    ("source", "jwt"),
    ("model", "url"),
]


@pytest.mark.parametrize(
    ("column", "kind"), [*QUICK, *(pytest.param(*case, marks=pytest.mark.faults) for case in SLOW)]
)
def test_a_name_that_breaks_a_rule_is_refused(workspace, rollout, tally, column, kind):
    planter = Planter(seed=9)
    planted = planter.secret(kind)
    calls = workspace.folder / "calls.parquet"
    rows = duckdb.read_parquet(str(calls)).df()
    rows.loc[rows["featureId"] == "beta", column] = f"team/{planted}"
    write_calls(calls, rows)
    assert planted in duckdb.read_parquet(str(calls)).df()[column].dropna().to_csv()
    workspace.config.write_text(
        workspace.config.read_text().replace('feature = "beta"', 'feature = "*"')
    )
    printed = {}
    for command in ("compare", "compare --json", "whatif nobody --cap 3s"):
        done = rollout(workspace, *command.split())
        assert done.code in (2, 70), (command, done)
        assert f"(rule: {RULES[kind]})" in done.err
        printed[command] = done.out + done.err
    printed["doctor"] = str(rollout(workspace, "doctor"))
    leaks = find_leaks(workspace, printed, [planted])
    tally(planted=1, leaks=len(leaks))
    assert leaks == []


@pytest.mark.faults
def test_a_name_that_breaks_a_rule_leaves_a_failed_page_without_it(workspace, tally):
    planted = Planter(seed=10).secret("mail")
    rows = duckdb.read_parquet(str(workspace.folder / "calls.parquet")).df()
    write_calls(workspace.folder / "calls.parquet", rows.replace({"featureId": {"beta": planted}}))
    workspace.config.write_text(
        workspace.config.read_text().replace('feature = "beta"', 'feature = "*"')
    )
    for command in (("report", "--window", "4h"), ("baseline",)):
        done = workspace.run(*command).check_failure(70, "(rule: e-mail address)")
        assert not find_leaks(workspace, {"said": done.out + done.err}, [planted])
    assert (workspace.outputs / "windows" / "4h" / "failed.html").is_file()
    tally(planted=1, leaks=0)


# ---- part of `make test`: the result and the signatures -------------------------------------
def test_no_planted_value_is_in_the_result(home, planter, planted_rows, rollout):
    with temporary_workspace(home, rows=planted_rows) as workspace:
        workspace.config.write_text(CONFIG.format(source=DUCKDB, api_url="https://api.vercel.com"))
        check_that_all_is_planted(planted_rows, planted_in(planted_rows, planter.values))
        done = rollout(workspace, "compare", "--json")
        result = json.loads(done.out)
        assert len(result["expectations"]) == 2
        assert not find_leaks(workspace, {"compare": done.out + done.err}, planter.values)


def test_errors_leave_the_database_only_as_words_of_the_allow_list(home, planter, planted_rows):
    from analysis.rollout import Rollout

    with temporary_workspace(home, rows=planted_rows) as workspace:
        workspace.config.write_text(CONFIG.format(source=DUCKDB, api_url="https://api.vercel.com"))
        with Rollout(load_settings(workspace.config)) as rollout:
            result = rollout.baseline_result().as_json()
        (workspace.outputs / "baseline").mkdir(parents=True, exist_ok=True)
        (workspace.outputs / "baseline" / "result.json").write_text(json.dumps(result))
        check_signatures(workspace)
        assert not found_in(json.dumps(result, ensure_ascii=False), planter.values)


def test_the_search_finds_every_value_in_the_input(home, planter, planted_rows, tmp_path):
    with temporary_workspace(home, rows=planted_rows) as workspace:
        texts = [text for path, text in texts_below(workspace.folder) if path.suffix == ".parquet"]
        found = found_in("\n".join(texts), planter.values)
    assert set(planted_in(planted_rows, planter.values)) <= set(found)
