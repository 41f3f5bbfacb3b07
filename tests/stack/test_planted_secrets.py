"""Marked secrets are planted where users have theirs, and looked for everywhere that is not theirs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack
MARK = "mArKeD-sEcReT"


class ArgumentWatch(threading.Thread):
    """Looks at every process's arguments until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.found: set[str] = set()
        self.looks = 0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.05):
            self.looks += 1
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if MARK in text and "config set" not in text:
                    self.found.add(text[:200])

    def stop(self) -> None:
        self._end.set()
        self.join()


def test_marked_secrets_are_nowhere(stack: LocalStack) -> None:
    stack.set("keys.BANKR_API_KEY", f"{MARK}-bankr", "--path", "--secret")
    outputs = stack.outputs()
    password = outputs["database"]["url"].split(":")[2].partition("@")[0]
    marks = [
        MARK,
        password,
        outputs["poolManager"]["apiKey"],
        (stack.checkout / ".local" / "token").read_text().strip(),
    ]
    stack.printed.clear()
    watch = ArgumentWatch()
    watch.start()
    preview, done = stack.preview(), stack.up()
    stack.pulumi("refresh", "--stack", "local", "--yes", "--non-interactive", "--color", "never", "--diff")
    watch.stop()
    assert preview.code == done.code == 0, preview.text + done.text
    assert "BANKR_API_KEY" in preview.text
    assert watch.looks > 20
    assert watch.found == set()
    places = {"printed": "".join(stack.printed), "state": stack.state(), "calls": str(stack.emulator("/calls"))}
    local = stack.checkout / ".local"
    for file in [*(local / "logs").rglob("*"), *(local / "state").rglob("*")]:
        if file.is_file():
            places[str(file.relative_to(local))] = file.read_text(errors="replace")
    assert len(places) > 4
    found = {name: [mark[:6] for mark in marks if mark in text] for name, text in places.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}
