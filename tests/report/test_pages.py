"""Whole reports of the example: the files, the rules of a page, what a failure leaves."""

import json
import re
from datetime import UTC, datetime

import nbformat
import pytest

import analysis
from analysis import clock
from analysis.errors import DataNotTrusted, NotYetDue, WrongUse
from analysis.report import reports
from analysis.report.notebook.page import markdown_as_html
from analysis.report.notebook.runner import ExecutedNotebook
from analysis.report.reports import run_baseline_report, run_window_report, run_window_reports
from analysis.report.sections import WindowSections
from tests.fixtures.page_elements import Page, text_of

SECTIONS = (
    "verdict",
    "expectations",
    "features",
    "guardrails",
    "controls",
    "what_if",
    "scan",
    "checks",
    "method",
    "false_alarms",
)


@pytest.fixture(scope="session", params=["baseline", "24h", "index", "all"])
def page(request, written, example):
    """Each page as text."""
    paths = {"index": written["index"], "all": example.paths.all_rollouts}
    path = paths.get(request.param) or written[request.param].page
    return path.read_text()


def test_a_report_is_these_files(written, example):
    folder = example.paths.window("24h")
    names = {"figures", "notebook.ipynb", "report.html", "result.json", "summary.md"}
    assert {path.name for path in folder.path.iterdir()} == names
    assert json.loads(folder.result.read_text()) == written["24h"].result.as_json()
    assert written["24h"].page == folder.page
    assert example.paths.baseline.page.exists()


def test_the_files_of_figures_are_the_figures_of_the_page(written, example):
    folder = example.paths.window("24h")
    page, files = folder.page.read_text(), sorted(folder.figures.iterdir())
    shown = re.findall(r'data-figure="([^"]+)"', page)
    assert sorted(shown) == [path.stem for path in files]
    assert all(path.read_text().rstrip() in page for path in files)
    notebook = folder.notebook.read_text()
    assert "vnd.rollout.figures" not in notebook  # the HTML outputs have them
    assert "<svg" in notebook


def test_a_page_asks_no_host(page):
    found = Page(page)
    links = [attributes["href"] for tag, attributes in found.elements if tag == "link"]
    urls = [*found.values("src"), *links]
    assert [url for url in urls if not url.startswith(("data:", "#"))] == []
    assert re.findall(r"@import|url\(\s*['\"]?(?!#)", page) == []
    tags = {tag for tag, _ in found.elements}
    assert tags & {"script", "iframe", "object", "embed", "base"} == set()
    assert re.findall(r"https?://(?!www\.w3\.org/)", page) == []


def test_a_page_is_well_formed(page):
    found = Page(page)
    assert found.open == []
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    inside = {href[1:] for href in found.values("href") if href.startswith("#")}
    labels = {name for names in found.values("aria-labelledby") for name in names.split()}
    assert inside | labels <= set(ids)
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    steps = zip(found.headings, found.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert [tag for tag, _ in found.elements].count("main") == 1


def test_every_figure_has_a_title_a_description_and_a_caption(page):
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == page.count("<svg")
    for figure in figures:
        assert re.search(r"<title[^>]*>[^<]{5,}</title>", figure)
        assert re.search(r"<desc[^>]*>[^<]{10,}</desc>", figure)
        assert re.search(r"<figcaption>[^<]{10,}</figcaption>", figure)
        assert 'role="img"' in figure


def test_links_between_pages_lead_somewhere(written, example):
    for path in (written["index"], example.paths.all_rollouts, written["24h"].page):
        for href in Page(path.read_text()).values("href"):
            if not href.startswith(("#", "data:")) and "baseline" not in href:
                assert (path.parent / href).exists(), (path, href)


def test_words_of_a_page(page):
    text = text_of(page)
    assert "significan" not in text.lower()
    assert not re.search(r"\b0\.0000?\b|p = 0\b|\bnan\b|\binf\b|\bNone\b|Traceback", text)


def test_a_page_is_not_too_large(written):
    assert written["24h"].page.stat().st_size < 1_500_000


def test_nothing_names_this_machine(written, example):
    texts = (".html", ".ipynb", ".json", ".md", ".svg")
    paths = [path for path in example.outputs.rglob("*") if path.suffix in texts]
    assert paths
    assert [path.name for path in paths if str(example.folder) in path.read_text()] == []


def test_the_page_says_that_it_is_sample_data(written):
    for name in ("baseline", "24h"):
        assert "simulated sample data" in written[name].page.read_text()


def test_the_notebook_is_whole(written):
    notebook = nbformat.read(written["24h"].page.with_name("notebook.ipynb"), as_version=4)
    nbformat.validate(notebook)
    parameters = notebook.metadata["papermill"]["parameters"]
    assert parameters == {"config": "rollout.toml", "window": "24h"}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.get("traceback")] == []


def test_an_exploratory_stretch(example):
    start, end = (datetime(2026, 2, 3, hour, 10, 16, tzinfo=UTC) for hour in (2, 6))
    written = run_window_report(example, None, start=start, end=end)
    assert written.page.parent.name == "2026-02-03T021016Z--2026-02-03T061016Z"
    assert written.result.look.planned is None
    assert "decides nothing" in written.page.read_text()


def test_headings_are_anchors():
    html = markdown_as_html("# A\n\n## Did it <hurt>?")
    anchor, text = "did-it-lt-hurt-gt", "Did it &lt;hurt&gt;?"
    link = f'<a class="anchor" href="#{anchor}" aria-label="Link to: {text}">#</a>'
    assert html.split("\n")[:2] == ["<h1>A</h1>", f'<h2 id="{anchor}">{text}{link}</h2>']


# ---- failures --------------------------------------------------------------------------------
def raising(error):
    def run(*_, **__):
        raise error

    return run


def test_a_failure_leaves_a_page_and_the_good_report(rollout, monkeypatch):
    settings = rollout()
    folder = settings.paths.window("24h")
    folder.path.mkdir(parents=True)
    folder.page.write_text("the good one")
    leak = DataNotTrusted("row 7 holds <b>text</b> of anna@example.com")
    monkeypatch.setattr(reports, "run_notebook", raising(leak))
    with pytest.raises(DataNotTrusted):
        run_window_report(settings, "24h")
    assert sorted(folder.path.iterdir()) == [folder.failed, folder.page]
    assert folder.page.read_text() == "the good one"
    failed = folder.failed.read_text()
    Page(failed)
    assert "anna" not in failed
    assert "rule: e-mail address" in failed
    assert '<a href="report.html">' in failed
    assert 'href="windows/24h/failed.html"' in settings.paths.index.read_text()


def test_a_mistake_that_only_the_data_show_is_on_the_page(rollout):
    settings = rollout("/*.parquet", "/nothing-*.parquet")
    with pytest.raises(WrongUse, match="matches no file"):
        run_window_report(settings, "4h")
    folder = settings.paths.window("4h")
    assert {"exit code 2", "cell 5"} <= set(
        re.findall("exit code 2|cell 5", folder.failed.read_text())
    )
    assert not folder.page.exists()


def test_a_window_that_is_not_due_leaves_nothing(rollout, monkeypatch, tmp_path):
    settings = rollout()
    (tmp_path / "clock").write_text("2026-02-03T01:00:00Z")
    monkeypatch.setenv(clock.CLOCK_VARIABLE, str(tmp_path / "clock"))
    with pytest.raises(NotYetDue):
        run_window_report(settings, "4h")
    assert list(settings.paths.existing_windows()) == []


@pytest.mark.parametrize(
    ("label", "options"),
    [("5h", {}), (None, {}), (None, {"start": datetime(2026, 2, 3, tzinfo=UTC)})],
)
def test_a_window_that_is_not_planned_is_refused_before_a_kernel_starts(
    rollout, monkeypatch, label, options
):
    monkeypatch.setattr(reports, "run_notebook", raising(AssertionError("started")))
    with pytest.raises(WrongUse):
        run_window_report(rollout(), label, **options)


def test_a_leak_stops_every_file(rollout, monkeypatch, written):
    leak = nbformat.v4.new_markdown_cell("# write to anna@example.com")
    executed = ExecutedNotebook(
        nbformat.v4.new_notebook(cells=[leak]),
        written["24h"].result.as_json(),
        {"a": "<svg/>"},
    )
    monkeypatch.setattr(reports, "run_notebook", lambda *_, **__: executed)
    settings = rollout()
    with pytest.raises(Exception, match="e-mail address"):
        run_window_report(settings, "24h")
    folder = settings.paths.window("24h")
    assert [path for path in folder.path.rglob("*") if path.is_file()] == [folder.failed]


def test_reports_at_once(rollout):
    settings = rollout()
    run_baseline_report(settings)
    written = run_window_reports(settings, ["1h", "4h"])
    assert [report.result.look.window for report in written] == ["1h", "4h"]
    assert all(report.page.exists() for report in written)
    assert not list(settings.outputs.rglob("*.tmp*"))


@pytest.mark.parametrize("deployed_at", ["2026-01-26T01:10:16Z", "2026-02-04T23:10:16Z"])
def test_every_section_is_made_when_an_arm_has_no_calls(rollout, deployed_at):
    path = rollout().path
    text = re.sub(r"(?s)exclude = \[.*?\n\]", "", path.read_text())
    path.write_text(text.replace("2026-02-02T23:10:16Z", deployed_at))
    look = analysis.open(path).look("4h")
    assert look.verdict.name == "untrusted"
    sections = WindowSections(look)
    for name in SECTIONS:
        assert not re.search(r"\bnan\b|\bNone\b", text_of(getattr(sections, name).html)), name
