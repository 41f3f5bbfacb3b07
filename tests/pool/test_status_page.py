"""The status page in a real browser, where there is one: it is drawn as it should be, and its console stays empty.

`STATUS_PAGE_PICTURE=docs/status-page.png` keeps the picture.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, until_idle

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
BROWSER = os.environ.get("CHROMIUM_PATH") or next((found for name in NAMES if (found := shutil.which(name))), "")
WIDTH, HEIGHT = 1100, 620

pytestmark = pytest.mark.skipif(not BROWSER, reason="there is no Chromium on PATH, nor in CHROMIUM_PATH")


def opened(url: str, folder: Path) -> tuple[Path, list[str]]:
    """Open a page; return its picture, and what its console says."""
    picture = folder / "page.png"
    argv = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    argv += ["--no-first-run", "--no-proxy-server", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    argv += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}", "--virtual-time-budget=2000", url]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(argv, env=environ, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return picture, re.findall(r":CONSOLE.*?\] (.*)", done.stderr)


def size(picture: Path) -> tuple[int, int]:
    """Return a PNG's width and height."""
    found: tuple[int, int] = struct.unpack(">II", picture.read_bytes()[16:24])
    return found


def drawn(url: str, folder: Path) -> str:
    """Return the text of a page as the browser has it."""
    argv = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    argv += ["--no-proxy-server", f"--user-data-dir={folder / 'other'}", "--dump-dom", url]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(argv, env=environ, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.stdout


def test_a_page_with_an_error_is_told_from_one_without(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><title>x</title><script>console.error('it broke')</script>")
    assert "it broke" in " ".join(opened(bad.as_uri(), tmp_path)[1])


def test_the_status_page_is_drawn_without_an_error_in_the_console(around: Surroundings, tmp_path: Path) -> None:
    with around.pool(POOL_MIN_IDLE="3", POOL_ENVIRONMENT="staging") as pool:
        until_idle(pool, 3)
        pool.json("POST", "/api/pool/claim", {"agentName": "Ada", "instructions": "Be brief."})
        until_idle(pool, 3)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_MIN_IDLE="5")
        until_idle(pool, 5)
        picture, console = opened(pool.url, tmp_path)
        assert console == []
        assert size(picture) == (WIDTH, HEIGHT)
        shown = drawn(pool.url, tmp_path)
        assert all(agent["id"] in shown for agent in agents(pool))
        assert "2 on the newest image, 4 behind" in shown
    if os.environ.get("STATUS_PAGE_PICTURE"):
        shutil.copy(picture, os.environ["STATUS_PAGE_PICTURE"])
