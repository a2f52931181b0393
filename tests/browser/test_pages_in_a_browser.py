"""The pages in a browser: no request, no overflow, no fault by axe, few printed sheets."""

import re
from importlib.resources import files

import pytest

from tests.browser.pages import opened, static_host

pytestmark = pytest.mark.browser
NAMES = ("all rollouts", "index", "handoff", "baseline", "1h", "24h", "stretch", "failed")
SHEET_PX = (297 - 28) / 25.4 * 96  # A4 without our margins


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched_and_the_console_is_silent(browser, pages, name):
    with opened(browser, pages[name].as_uri()) as (page, requests, words):
        page.wait_for_load_state("networkidle")
        assert [
            url for url in requests if not url.startswith(("data:", pages[name].as_uri()))
        ] == []
        assert words == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_and_nothing_overflows(browser, pages, name, width, scheme):
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    with opened(browser, pages[name].as_uri(), width=width, scheme=scheme) as (page, _, _):
        page.evaluate(
            "document.querySelectorAll('details').forEach(folded => { folded.open = true })"
        )
        assert (
            page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            <= 0
        )
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [
            (rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in found
        ] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_follow_the_scheme(browser, pages, scheme):
    with opened(browser, pages["24h"].as_uri(), scheme=scheme) as (page, _, _):
        paper = page.evaluate(
            "getComputedStyle(document.querySelector('svg[data-figure]')).backgroundColor"
        )
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]


def test_letters_of_a_figure_can_be_read_on_a_phone(browser, pages):
    with opened(browser, pages["24h"].as_uri(), width=360) as (page, _, _):
        sizes = page.evaluate(
            "[...document.querySelectorAll('svg text')].map(text =>"
            " parseFloat(getComputedStyle(text).fontSize) * text.closest('svg').getScreenCTM().a)"
        )
        assert min(sizes) >= 8


@pytest.mark.parametrize("name", ["baseline", "1h", "24h", "index"])
def test_every_figure_has_alternative_text_and_a_caption(browser, pages, name):
    with opened(browser, pages[name].as_uri()) as (page, _, _):
        figures = page.evaluate(
            "[...document.querySelectorAll('svg')].map(svg => [svg.getAttribute('role'),"
            " svg.querySelector('title')?.textContent, svg.querySelector('desc')?.textContent,"
            " svg.closest('figure')?.querySelector('figcaption')?.textContent])"
        )
        assert figures
        assert [figure for figure in figures if figure[0] != "img" or not all(figure)] == []


@pytest.mark.parametrize("name", ["1h", "24h"])
def test_printed_on_few_sheets_with_the_verdict_on_the_first(browser, pages, name):
    with opened(browser, pages[name].as_uri(), width=703) as (page, _, _):
        printed = page.pdf(format="A4", print_background=True, prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page[^s]", printed)) < 10
        page.emulate_media(media="print")
        assert (
            page.evaluate(
                "document.querySelector('.boxes').getBoundingClientRect().bottom + scrollY"
            )
            < SHEET_PX
        )


def test_links_work_from_a_static_host(browser, site):
    with (
        static_host(site.folder / "outputs") as host,
        opened(browser, f"{host}/index.html") as (page, requests, _),
    ):
        page.click("text=phase-94")
        assert page.title() == "Sustained · phase-94"
        page.click("th >> text=24h")
        assert page.title() == "Sustained · phase-94 · 24h"
        page.click("text=All windows")
        page.click("nav >> text=Baseline")
        assert page.title() == "Baseline · phase-94"
        page.go_back()
        page.click("nav >> text=Hand-over")
        assert "Hand-over" in page.title()
        assert [url for url in requests if not url.startswith((host, "data:"))] == []


def test_a_section_can_be_linked_to(browser, pages):
    with opened(browser, pages["24h"].as_uri() + "#did-it-break-anything") as (page, _, _):
        assert (
            abs(
                page.evaluate(
                    "document.querySelector('#did-it-break-anything').getBoundingClientRect().top"
                )
            )
            < 40
        )
        hrefs = page.evaluate(
            "[...document.querySelectorAll('h2 a.anchor')].map(link => link.getAttribute('href'))"
        )
        assert "#how-was-it-computed" in hrefs
