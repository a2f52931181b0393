"""Chromium, and the example's pages for it to open."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from analysis.clock import parse_instant
from analysis.config import Settings, load_settings
from analysis.errors import DataNotTrusted
from analysis.report import reports
from analysis.report.handoff import write_handoff
from analysis.report.reports import run_baseline_report, run_window_report, run_window_reports
from analysis.sample.simulate import simulate_phase_94, write_sample

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
HANDOFF = {
    "rollout": "phase-94",
    "title": "AI timeouts and token budgets",
    "made_at": parse_instant("2026-02-04T00:00:00Z"),
    "state": "sustained after 24h",
    "verdict": "sustained",
    "exit_code": 0,
    "is_complete": False,
    "missing": ["smoke check 'cron runs' was not run"],
    "would_change": ["step 3 timeouts: 14 % now, turns at 45 %"],
    "steps_back": [
        {
            "kind": "environment",
            "what": "OPENAI_EMAIL_VERIFIER_TIMEOUT_MS_CAP 45000 -> 30000",
            "because": "It would be slower.",
            "predicted": None,
            "commands": ["vercel env rm OPENAI_EMAIL_VERIFIER_TIMEOUT_MS_CAP production --yes"],
            "undo": ["vercel promote dpl_1"],
            "note": None,
        }
    ],
    "not_checked": ["nobody looked at cost"],
    "evidence": [
        {
            "step": "look 24h",
            "state": "sustained",
            "at": parse_instant("2026-02-03T23:12:00Z"),
            "detail": "all met",
            "href": "windows/24h/report.html",
        }
    ],
    "changes": [],
    "valid_until": None,
    "next_due": None,
}


def make_example(folder: Path) -> Settings:
    """Every kind of page: baseline, windows, exploratory, failed, hand-over, both indexes."""
    shutil.copy(ROOT / "rollout.toml", folder)
    write_sample(simulate_phase_94(), folder / "outputs" / "sample")
    settings = load_settings(folder / "rollout.toml")
    run_baseline_report(settings)
    run_window_reports(settings, ["1h", "24h"])
    start = datetime(2026, 2, 3, 2, 10, 16, tzinfo=UTC)
    run_window_report(settings, None, start=start, end=start + timedelta(hours=4))
    reports.write_failure(
        settings,
        settings.paths.window("4h"),
        DataNotTrusted("row 7 of the table has a latency that is not a number"),
    )
    write_handoff(settings, HANDOFF)
    return settings


def pages_of(settings: Settings) -> dict[str, Path]:
    """The pages by name."""
    outputs = settings.outputs
    stretch = next(outputs.glob("windows/2026*"))
    return {
        "all rollouts": outputs.parent / "index.html",
        "index": outputs / "index.html",
        "handoff": outputs / "handoff.html",
        "baseline": outputs / "baseline" / "report.html",
        "1h": outputs / "windows" / "1h" / "report.html",
        "24h": outputs / "windows" / "24h" / "report.html",
        "stretch": stretch / "report.html",
        "failed": outputs / "windows" / "4h" / "failed.html",
    }


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not path:
        raise RuntimeError("no chromium found; apt install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1100, scheme: str = "light"
) -> Iterator[tuple[Page, list[str], list[str]]]:
    """A page with the requests it made and what its console said."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, words = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: words.append(message.text))
    page.on("pageerror", lambda error: words.append(str(error)))
    try:
        page.goto(url)
        yield page, requests, words
    finally:
        page.close()


@contextlib.contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """A plain web server over a folder."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Silent, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
