"""JupyterLab opens explore.ipynb, runs all of it, and a drop-down changes a figure."""

import pytest

from tests.browser.lab import WAIT_MS, lab_address, run_all
from tests.browser.pages import opened

pytestmark = pytest.mark.browser


def test_a_drop_down_changes_a_figure(browser, site, tmp_path):
    with (
        lab_address(site, tmp_path) as address,
        opened(browser, address, width=1400) as (page, requests, _),
    ):
        run_all(page)
        page.locator(".widget-html svg").first.wait_for(timeout=WAIT_MS)
        shown = page.locator(".widget-html-content:has(svg)").first
        before = shown.inner_html()
        page.locator(".widget-dropdown:has-text('feature') select").first.select_option(
            "draft.verify.email.step3"
        )
        changed = (
            "before => document.querySelector('.widget-html-content:has(svg)').innerHTML !== before"
        )
        page.wait_for_function(changed, arg=before, timeout=WAIT_MS)
        assert "draft.verify.email.step3" in shown.inner_html()
        assert (
            page.locator(
                ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
            ).count()
            == 0
        )
        assert page.locator(".Toastify__toast").count() == 0  # no question about news
        assert [
            url
            for url in requests
            if not url.startswith(("http://127.0.0.1", "data:", "blob:", "ws://127.0.0.1"))
        ] == []
