"""Whole reports of the example: what lies on disk, the rules of a page, what a failure leaves."""

import json
import re
from datetime import UTC, datetime

import nbformat
import pytest

import analysis
from analysis import clock
from analysis.errors import DataNotTrusted, NotYetDue, WrongUse
from analysis.report import reports
from analysis.report.notebook.page import figures_of, markdown_with_anchors
from analysis.report.reports import run_baseline_report, run_window_report, run_window_reports
from analysis.report.sections import WindowSections
from tests.report.page_elements import Page

QUIET = {"on_progress": lambda line: None}


@pytest.fixture(scope="session", params=["baseline", "24h", "index", "all"])
def page(request, written, example):
    """Each page as text."""
    paths = {"index": written["index"], "all": example.outputs.parent / "index.html"}
    path = paths.get(request.param) or written[request.param].page
    return path.read_text()


def test_a_report_is_these_files(written, example):
    folder = example.outputs / "windows" / "24h"
    assert sorted(path.name for path in folder.iterdir()) == [
        "figures",
        "notebook.ipynb",
        "report.html",
        "result.json",
        "summary.md",
    ]
    assert json.loads((folder / "result.json").read_text()) == json.loads(
        json.dumps(written["24h"].result)
    )
    assert written["24h"].page == folder / "report.html"
    assert sorted(path.stem for path in (folder / "figures").iterdir()) == sorted(
        figures_of((folder / "report.html").read_text())
    )
    assert (example.outputs / "baseline" / "report.html").exists()


def test_a_page_asks_no_host(page):
    found = Page(page)
    urls = [
        *found.values("src"),
        *(attrs["href"] for tag, attrs in found.elements if tag == "link"),
    ]
    assert [url for url in urls if not url.startswith(("data:", "#"))] == []
    assert re.findall(r"@import|url\(\s*['\"]?(?!#)", page.replace("url(#", "url(#")) == []
    assert {tag for tag, _ in found.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "base",
    } == set()
    assert re.findall(r"https?://(?!www\.w3\.org/)", page) == []


def test_a_page_is_well_formed(page):
    found = Page(page)
    assert found.open == []
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert [
        href for href in found.values("href") if href.startswith("#") and href[1:] not in ids
    ] == []
    for names in found.values("aria-labelledby"):
        assert set(names.split()) <= set(ids)
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(
        after <= before + 1
        for before, after in zip(found.headings, found.headings[1:], strict=False)
    )
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
    pages = [written["index"], example.outputs.parent / "index.html", written["24h"].page]
    for path in pages:
        for href in Page(path.read_text()).values("href"):
            if not href.startswith(("#", "data:")) and "baseline" not in href:
                assert (path.parent / href).exists(), (path, href)


def test_words_of_a_page(page):
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert "significan" not in text.lower()
    assert not re.search(r"\b0\.0000?\b|p = 0\b|\bnan\b|\binf\b|\bNone\b", text)
    assert "Traceback" not in text


def test_a_page_is_not_too_large(written):
    assert written["24h"].page.stat().st_size < 1_500_000


def test_nothing_names_this_machine(written, example):
    for path in example.outputs.rglob("*"):
        if path.suffix in (".html", ".ipynb", ".json", ".md", ".svg"):
            assert str(example.folder) not in path.read_text(), path.name


def test_the_page_says_that_it_is_sample_data(written):
    assert all(
        "made-up sample data" in written[name].page.read_text() for name in ("baseline", "24h")
    )


def test_the_notebook_is_whole(written):
    notebook = nbformat.read(written["24h"].page.with_name("notebook.ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata["papermill"]["parameters"] == {
        "config": "rollout.toml",
        "window": "24h",
    }
    assert all(
        not output.get("traceback") for cell in notebook.cells for output in cell.get("outputs", ())
    )


def test_an_exploratory_stretch(example):
    start, end = (
        datetime(2026, 2, 3, 2, 10, 16, tzinfo=UTC),
        datetime(2026, 2, 3, 6, 10, 16, tzinfo=UTC),
    )
    written = run_window_report(example, None, start=start, end=end, **QUIET)
    assert written.page.parent.name == "2026-02-03T021016Z--2026-02-03T061016Z"
    assert written.result["look"]["planned"] is None
    assert "decides nothing" in written.page.read_text()


def test_headings_are_anchors():
    assert markdown_with_anchors("## Did it <hurt>?").strip() == (
        '<h2 id="did-it-lt-hurt-gt">Did it &lt;hurt&gt;?<a class="anchor" href="#did-it-lt-hurt-gt" aria-label="Link to: Did it &lt;hurt&gt;?">#</a></h2>'
    )


# ---- failures --------------------------------------------------------------------------------------------------------
def raise_(error):
    def run(*_, **__):
        raise error

    return run


def test_a_failure_leaves_a_page_and_the_good_report(rollout, monkeypatch):
    settings = rollout()
    folder = settings.outputs / "windows" / "24h"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("the good one")
    monkeypatch.setattr(
        reports,
        "run_notebook",
        raise_(DataNotTrusted("row 7 holds <b>text</b> of anna@example.com")),
    )
    with pytest.raises(DataNotTrusted):
        run_window_report(settings, "24h", **QUIET)
    assert sorted(path.name for path in folder.iterdir()) == ["failed.html", "report.html"]
    assert (folder / "report.html").read_text() == "the good one"
    failed = (folder / "failed.html").read_text()
    assert "anna" not in failed
    assert "rule: e-mail address" in failed
    assert 'The earlier report is whole and unchanged: <a href="report.html">' in failed
    Page(failed)
    index = (settings.outputs / "index.html").read_text()
    assert 'href="windows/24h/failed.html"' in index


def test_a_mistake_that_only_the_data_show_is_told_and_left(rollout):
    settings = rollout("/*.parquet", "/nothing-*.parquet")
    with pytest.raises(WrongUse, match="matches no file"):
        run_window_report(settings, "4h", **QUIET)
    text = (settings.outputs / "windows" / "4h" / "failed.html").read_text()
    assert "exit code 2" in text
    assert "cell 5" in text
    assert not (settings.outputs / "windows" / "4h" / "report.html").exists()


def test_a_window_that_is_not_due_leaves_nothing(rollout, monkeypatch, tmp_path):
    settings = rollout()
    (tmp_path / "clock").write_text("2026-02-03T01:00:00Z")
    monkeypatch.setenv(clock.CLOCK_VARIABLE, str(tmp_path / "clock"))
    with pytest.raises(NotYetDue):
        run_window_report(settings, "4h", **QUIET)
    assert not (settings.outputs / "windows").exists()


def test_a_window_that_is_not_planned_is_refused_before_a_kernel_starts(rollout, monkeypatch):
    monkeypatch.setattr(reports, "run_notebook", raise_(AssertionError("started")))
    for arguments in (("5h", {}), (None, {}), (None, {"start": datetime(2026, 2, 3, tzinfo=UTC)})):
        with pytest.raises(WrongUse):
            run_window_report(rollout(), arguments[0], **arguments[1])


def test_a_leak_stops_every_file(rollout, monkeypatch, written):
    from analysis.report.notebook.runner import Executed

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# write to anna@example.com")]
    )
    monkeypatch.setattr(
        reports, "run_notebook", lambda *_, **__: Executed(notebook, written["24h"].result)
    )
    settings = rollout()
    with pytest.raises(Exception, match="e-mail address"):
        run_window_report(settings, "24h", **QUIET)
    assert [path.name for path in (settings.outputs / "windows" / "24h").iterdir()] == [
        "failed.html"
    ]


def test_reports_at_once(rollout):
    settings = rollout()
    run_baseline_report(settings, **QUIET)
    written = run_window_reports(settings, ["1h", "4h"], **QUIET)
    assert [report.result["look"]["window"] for report in written] == ["1h", "4h"]
    assert all(report.page.exists() for report in written)
    assert not list(settings.outputs.rglob("*.tmp*"))


@pytest.mark.parametrize("deployed_at", ["2026-01-26T01:10:16Z", "2026-02-04T23:10:16Z"])
def test_every_section_is_made_when_an_arm_has_no_calls(rollout, deployed_at):
    path = rollout().path
    path.write_text(
        re.sub(r"(?s)exclude = \[.*?\n\]", "", path.read_text()).replace(
            "2026-02-02T23:10:16Z", deployed_at
        )
    )
    look = analysis.open(path).look("4h")
    assert look.verdict.name == "untrusted"
    sections = WindowSections(look)
    for name in (
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
        "result",
    ):
        shown = getattr(sections, name)._repr_mimebundle_()
        assert not re.search(
            r"\bnan\b|\bNone\b", re.sub(r"<[^>]+>", " ", shown.get("text/html", ""))
        )
