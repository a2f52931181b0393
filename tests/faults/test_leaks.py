"""Nothing personal gets out: secrets and names in every text column, and every byte that any command writes is searched for them."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from analysis.config import load_settings
from analysis.telemetry.mapping import CANONICAL_COLUMNS
from analysis.telemetry.vocabulary import WORDS
from tests.deployment.local_server import Reply, run_server
from tests.faults.place import DUCKDB, POSTGRES, temporary_place, write_calls
from tests.faults.planted import Planter, found_in, texts_below
from tests.faults.planted_calls import CONFIG, TENANTS, plant_calls

INPUTS = ("calls.parquet", "calls.csv", "rollout.toml", "bad.toml", "notebooks")
COLUMNS = ("id", "clientId", "leadId", "promptKey", "apiType", "errorMessage", "metadata")
ROOT = Path(__file__).parents[2]
SPY = """
rows = __import__("pandas").read_parquet("calls.parquet")
print(*[text for text in rows["id"] if text[:3] in ("sk-", "ghp", "AKI", "eyJ", "pos", "Bea")], sep="\\n")
{}[str(rows["errorMessage"].dropna().tolist()[:50])]
"""  # a cell of the user's that prints secrets, and fails with names and secrets in its error


@pytest.fixture(scope="module")
def planter():
    return Planter(seed=8)


@pytest.fixture(scope="module")
def planted_rows(planter):
    return plant_calls(planter)


def secrets_of(planter):
    """The environment, whose values may no more be told than the table's."""
    return {
        "CRON_SECRET": planter.secret("jwt"),
        "VERCEL_TOKEN": planter.secret("github token"),
        "OPENAI_API_KEY": planter.secret("openai key"),
    }


def leaks(place, said, values):
    """Where any of the values was written: in a file, kept, temporary or final, or to the terminal."""
    found = [(name, value) for name, text in said.items() for value in found_in(text, values)]
    inputs = {place.folder / name for name in INPUTS}
    for path, text in texts_below(place.folder, place.home):
        if not inputs & {path, *path.parents}:
            found += [(path.name, value) for value in found_in(text, values)]
    return found


def planted_in(rows, values, columns=COLUMNS):
    """The values that these columns hold."""
    cells = [str(cell) for column in columns for cell in rows[column].dropna().unique()]
    text = "\n".join((*cells, *(str(json.loads(note)) for note in rows["metadata"].dropna())))
    return [value for value in values if value in text]


def check_that_all_is_planted(rows, values):
    """A value that is not in the input proves nothing."""
    assert len(values) > 300
    assert sorted(set(values) - set(planted_in(rows, values))) == []


def check_written_where_it_may(place):
    """No command writes outside the outputs, the system's folder for temporary files, and caches."""
    allowed = (str(place.folder), str(place.home), "/dev/null", "/dev/tty")
    for name in set((place.kept / "written.txt").read_text().splitlines()):
        assert name.startswith(allowed) or "__pycache__" in name, name


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_nothing_planted_is_in_any_byte_of_any_command(home, planter, planted_rows, tally):
    with run_server() as server, temporary_place(home, rows=planted_rows) as place:
        secrets = secrets_of(planter)
        body = {"success": True, "who": planter.name(), "key": planter.secret()}
        server.answer = lambda asked: Reply(content=body)
        environment = {**secrets, "APP_URL": server.url}
        place.config.write_text(CONFIG.format(source=DUCKDB, api_url=server.url))
        from_table = [
            value for value in planter.values if value not in (*secrets.values(), *body.values())
        ]
        check_that_all_is_planted(planted_rows, from_table)
        said = {}

        def run(*arguments, code=None, environment=environment, **how):
            done = place.run(*arguments, environment=environment, **how)
            said[" ".join(arguments)] = done.out + done.err
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
        run("handoff", "--json", code=None)

        # ---- runs that fail ---------------------------------------------------------------------------------------
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
            program=("-c", edited_notebook(place, "window", SPY)),
        )
        assert "KeyError" in said["report --window 1h"]
        place.config.write_text(
            CONFIG.format(source=DUCKDB.replace("parquet", "csv"), api_url=server.url)
        )
        for name in ("status", "latencyMs", "createdAt"):
            broken = planted_rows.astype({name: "object"})
            for at in range(9):
                broken.loc[at, name] = planter.either()
            broken.to_csv(place.folder / "calls.csv", index=False)
            run("compare" if name != "createdAt" else "doctor", code=(5,))
        (place.folder / "calls.csv").write_text(
            (place.folder / "calls.csv").read_text() + '"' + planter.name() + '",,"\n'
        )
        run("compare", code=(2,))

        assert '"unknown_errors"' in said["baseline --json"]
        found = leaks(place, said, planter.values)
        tally(planted=len(planter.values), leaks=len(found), inputs=len(said))
        assert not found, found[:20]
        assert "tenant 1" not in shown or f"tenant {TENANTS + 1}" not in shown
        check_written_where_it_may(place)
        check_signatures(place)


def edited_notebook(place, name, *cells):
    """A program that runs a command on copies of the notebooks, of which one has more cells."""
    shutil.copytree(ROOT / "notebooks", place.folder / "notebooks", dirs_exist_ok=True)
    path = place.folder / "notebooks" / f"{name}.ipynb"
    content = json.loads(path.read_text())
    for number, source in enumerate(cells):
        cell = {
            "cell_type": "code",
            "id": f"own-{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        content["cells"].insert(-1, cell)
    path.write_text(json.dumps(content))
    return (
        "from pathlib import Path; import analysis.report.reports as reports; from analysis.cli import main; "
        f"reports.NOTEBOOKS = Path({str(place.folder / 'notebooks')!r}); main()"
    )


def check_signatures(place):
    """Unknown errors are there, and in no other words than the allow-listed ones."""
    result = json.loads((place.outputs / "baseline" / "result.json").read_text())
    signatures = [error["signature"] for error in result["unknown_errors"]]
    words = {word for signature in signatures for word in signature.split(" … ")}
    assert words - {"(no known word)"} <= set(WORDS)
    assert {"socket", "denied"} <= words


@pytest.mark.faults
def test_nothing_planted_leaves_postgresql(home, planter, planted_rows, tally, postgres_server):
    values = planted_in(planted_rows, planter.values)
    assert len(values) > 300
    config = CONFIG.format(
        source=POSTGRES + '\nmapping = "mine.toml"', api_url="https://api.vercel.com"
    )
    with (
        postgres_server.fresh_database() as database,
        temporary_place(home, config=config) as place,
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
        said = {}
        plain = {name: f'"{name}"' for name in CANONICAL_COLUMNS}
        casts = {  # what a mapping may ask for by mistake, and what the server then says holds the value
            "compare": plain,
            "compare --json": plain | {"latencyMs": 'CAST("errorMessage" AS INTEGER)'},
            "doctor": plain | {"latencyMs": 'CAST("clientId" AS INTEGER)'},
            "compare --window 1h": plain | {"createdAt": 'CAST("errorMessage" AS TIMESTAMP)'},
            "compare --window 4h": plain | {"leadId": 'CAST("metadata" AS INTEGER)'},
        }
        for command, columns in casts.items():
            lines = [f"{name} = '''{sql}'''" for name, sql in columns.items()]
            (place.folder / "mine.toml").write_text("[columns]\n" + "\n".join(lines))
            done = place.run(*command.split(), environment=environment)
            assert "Traceback" not in done.err, done.err
            assert done.code in ((0, 1, 3, 4) if columns is plain else (2, 5)), (command, done)
            said[command] = done.out + done.err
        found = leaks(place, said, [*values, password])
        tally(planted=len(values), leaks=len(found), inputs=len(said))
        assert not found, found[:20]


# ---- names that are shown -------------------------------------------------------------------------------------------
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
def test_a_name_that_breaks_a_rule_is_refused(place, rollout, tally, column, kind):
    planter = Planter(seed=9)
    planted = planter.secret(kind)
    calls = place.folder / "calls.parquet"
    rows = duckdb.read_parquet(str(calls)).df()
    rows.loc[rows["featureId"] == "beta", column] = f"team/{planted}"
    write_calls(calls, rows)
    assert planted in duckdb.read_parquet(str(calls)).df()[column].dropna().to_csv()
    place.config.write_text(place.config.read_text().replace('feature = "beta"', 'feature = "*"'))
    said = {}
    for command in ("compare", "compare --json", "whatif nobody --cap 3s"):
        done = rollout(place, *command.split())
        assert done.code in (2, 70), (command, done)
        assert f"(rule: {RULES[kind]})" in done.err
        said[command] = done.out + done.err
    said["doctor"] = str(rollout(place, "doctor"))
    found = leaks(place, said, [planted])
    tally(planted=1, leaks=len(found))
    assert not found, found


@pytest.mark.faults
def test_a_name_that_breaks_a_rule_leaves_a_failed_page_without_it(place, tally):
    planted = Planter(seed=10).secret("mail")
    rows = duckdb.read_parquet(str(place.folder / "calls.parquet")).df()
    write_calls(place.folder / "calls.parquet", rows.replace({"featureId": {"beta": planted}}))
    place.config.write_text(place.config.read_text().replace('feature = "beta"', 'feature = "*"'))
    for command in (("report", "--window", "4h"), ("baseline",)):
        done = place.run(*command).is_told(70, "(rule: e-mail address)")
        assert not leaks(place, {"said": done.out + done.err}, [planted])
    assert (place.outputs / "windows" / "4h" / "failed.html").is_file()
    tally(planted=1, leaks=0)


# ---- in every run of the tests: the answer and the signatures ----------------------------------------------------------
def test_nothing_planted_is_in_the_answer(home, planter, planted_rows, rollout):
    with temporary_place(home, rows=planted_rows) as place:
        place.config.write_text(CONFIG.format(source=DUCKDB, api_url="https://api.vercel.com"))
        check_that_all_is_planted(planted_rows, planted_in(planted_rows, planter.values))
        done = rollout(place, "compare", "--json")
        result = json.loads(done.out)
        assert len(result["expectations"]) == 2
        assert not leaks(place, {"compare": done.out + done.err}, planter.values)


def test_errors_leave_the_database_as_allow_listed_words_only(home, planter, planted_rows):
    from analysis.judge import Rollout

    with temporary_place(home, rows=planted_rows) as place:
        place.config.write_text(CONFIG.format(source=DUCKDB, api_url="https://api.vercel.com"))
        with Rollout(load_settings(place.config)) as rollout:
            result = rollout.baseline_result()
        (place.outputs / "baseline").mkdir(parents=True, exist_ok=True)
        (place.outputs / "baseline" / "result.json").write_text(json.dumps(result))
        check_signatures(place)
        assert not found_in(json.dumps(result, ensure_ascii=False), planter.values)


def test_a_search_that_finds_nothing_can_find(home, planter, planted_rows, tmp_path):
    """The search itself: every value of the input is found in the input."""
    with temporary_place(home, rows=planted_rows) as place:
        texts = [text for path, text in texts_below(place.folder) if path.suffix == ".parquet"]
        hidden = found_in("\n".join(texts), planter.values)
    assert set(planted_in(planted_rows, planter.values)) <= set(hidden)
