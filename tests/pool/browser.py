"""A real Chromium or Chrome, driven by Playwright; and what its console said."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from ops.toolchain import for_tests

NAMES = for_tests.PROGRAMS["chromium"]
"""Debian's package has the first; GitHub's runners have Chrome."""
EXECUTABLE = os.environ.get("CHROMIUM_PATH") or next((found for name in NAMES if (found := shutil.which(name))), "")
PICTURES = os.environ.get("DASHBOARD_PICTURES", "")
"""A folder that keeps the pictures, docs/dashboard for one."""
WAIT_MS = 20_000
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)


@dataclass
class Seen:
    """What went wrong in the browser: errors of the console and of scripts, and requests to other hosts."""

    problems: list[str] = field(default_factory=list)

    def watch(self, page: Page, own: str) -> None:
        page.on("console", lambda said: self.problems.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith((own, "data:")) else self.problems.append(sent.url))


@contextmanager
def running_browser() -> Iterator[Browser]:
    # What a page shows changes with the pool manager's ticks, which are slow on a busy machine.
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE,
            # Containers lack what the sandbox needs, and have little shared memory.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, seen: Seen, size: ViewportSize = DESKTOP, *, dark: bool = False
) -> Iterator[Page]:
    """Open a page in a context of its own, without anybody's cookies."""
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    seen.watch(page, url)
    try:
        page.goto(url)
        yield page
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds, a line for each."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]


def keep_picture(page: Page, name: str) -> None:
    """Draw the page into the folder of DASHBOARD_PICTURES, if there is one."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
