"""The built site in a real Chromium: no request elsewhere, no error, no axe violation, no sideways scroll at 360 px.

`make docs CHECK=1` builds it and runs this.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.pool.browser import DESKTOP, PHONE, Seen, opened, running_browser, violations

SITE = Path(__file__).parents[2] / ".cache" / "site" / "html"
PAGES = (
    "index",
    "first-deploy",
    "runbook",
    "incidents",
    "incidents/a-key-has-leaked",
    "configuration",
    "railway-facts",
)
MORE = ("acceptance", "benchmarks/index", "decisions/index", "architecture", "preview")
PICTURES = os.environ.get("SITE_PICTURES", "")
pytestmark = pytest.mark.minutes_long("make docs CHECK=1", asked=os.environ.get("SITE") == "1")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    assert (SITE / "index.html").exists(), "run: make docs"
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [*((name, DESKTOP, False) for name in PAGES), *((name, PHONE, True) for name in (*PAGES, *MORE))],
)
def test_a_page_is_whole(browser: Browser, address: str, name: str, size: ViewportSize, dark: bool) -> None:
    seen = Seen()
    with opened(browser, f"{address}/{name}.html", seen, size, dark=dark) as page:
        expect(page.locator("h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "it scrolls sideways"
        assert violations(page) == []
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name.replace('/', '-')}-{size['width']}.png")
    assert elsewhere(seen, address) == []


def elsewhere(seen: Seen, address: str) -> list[str]:
    """Return the problems without the requests to the site itself."""
    return [one for one in seen.problems if not one.startswith(address)]


def test_a_search_finds_a_page(browser: Browser, address: str) -> None:
    seen = Seen()
    with opened(browser, f"{address}/index.html", seen) as page:
        page.keyboard.press("/")
        page.keyboard.type("rotate leaked")
        expect(page.get_by_text("A key has leaked").first).to_be_visible()
    assert elsewhere(seen, address) == []


def test_the_diagrams_are_drawn_by_the_sites_own_script(browser: Browser, address: str) -> None:
    seen = Seen()
    with opened(browser, f"{address}/architecture.html", seen, PHONE) as page:
        expect(page.locator("div.mermaid").first).to_be_visible()
        # The theme draws into a closed shadow root: what can be seen from outside is that it has a size.
        page.wait_for_function("document.querySelector('div.mermaid').getBoundingClientRect().height > 100")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert elsewhere(seen, address) == []
