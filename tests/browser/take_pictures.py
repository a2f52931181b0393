"""Pictures of the pages and of explore.ipynb, light and dark.

``python -m tests.browser.take_pictures docs/pictures``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from analysis.report.explore.lab import copy_notebook
from tests.browser.lab import WAIT_MS, lab_address, run_all
from tests.browser.pages import chromium, make_example, opened, pages_of

HEIGHT_PX = 1400


def main(folder: Path) -> None:
    """Make the example, open each page, take its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        settings = make_example(Path(scratch))
        for scheme in ("light", "dark"):
            for name in ("24h", "index", "baseline", "handoff"):
                with opened(browser, pages_of(settings)[name].as_uri(), scheme=scheme) as (
                    page,
                    _,
                    _,
                ):
                    _take(page, folder / f"{name}-{scheme}.png")
            with opened(browser, pages_of(settings)["24h"].as_uri(), width=360, scheme=scheme) as (
                page,
                _,
                _,
            ):
                _take(page, folder / f"phone-{scheme}.png")
        copy_notebook(settings)
        with lab_address(settings, Path(scratch, "jupyter")) as address:
            for scheme in ("light", "dark"):
                with opened(browser, address, width=1400, scheme=scheme) as (page, _, _):
                    run_all(page)
                    page.locator(".widget-html svg").first.wait_for(timeout=WAIT_MS)
                    page.locator(".widget-dropdown:has-text('feature') select").first.select_option(
                        "draft.verify.email.step3"
                    )
                    page.get_by_text("rollout.feature('draft.verify.email.step3'").first.wait_for(
                        timeout=WAIT_MS
                    )
                    page.locator(".widget-dropdown").first.scroll_into_view_if_needed()
                    _take(page, folder / f"explore-{scheme}.png")


def _take(page: Page, path: Path) -> None:
    page.set_viewport_size({"width": page.viewport_size["width"], "height": HEIGHT_PX})
    page.screenshot(path=path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
