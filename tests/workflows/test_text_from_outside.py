"""Text from outside is shown, never sent: no escape sequence, no command of the workflow."""

from __future__ import annotations

import pytest

from ops.ci.deploy import NotReviewedError, check_reviewed
from ops.ci.reviewed import Preview, ResourceChange
from ops.printable import log_line
from ops.toolchain.errors import ToolError
from railway_api.failure import Failure
from railway_api.progress import say

HOSTILE = [
    "\x1b[2J\x1b[1;1Hall fine",
    "\x1b]0;title\x07",
    "\x1b]8;;https://example.invalid\x1b\\link",
    "\x9b31m",
    "\x1bP+q544e\x1b\\",
    "a\rb",
    "a\bb",
    "\u202etxt.exe",
    "\u2066x\u2069",
    "\u2028next line",
    "\x00",
    "\x7f",
    "\ud800",
    "\ue000",
]
STEERING = set("\x1b\x07\x08\r\x9b\x00\x7f\u202e\u2066\u2069\u2028\ud800\ue000")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_would_steer_a_terminal_is_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"log: {text}")
    # As a value in a preview that nobody reviewed, and as the last words of a daemon's log.
    change = ResourceChange("railway:Service x", "update", {"variables.A": ('"1"', text)})
    with pytest.raises(NotReviewedError):
        check_reviewed(Preview(()), "#7", Preview((change,)), (), "")
    said = capsys.readouterr()
    errors = [str(Failure("x", text, text)), str(ToolError("x", text, text))]
    for shown in (log_line(text), *errors, said.err, said.out.replace("\n", "")):
        assert not set(shown) & STEERING
        shown.encode("utf-8")


def test_lines_columns_and_other_scripts_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("größer → kleiner\t1\n", "日本語", "  indented\n", "", "\n", "a::b", "emoji 🚀"):
        assert log_line(text) == text
    say("one\ntwo")
    assert capsys.readouterr().err == "one\ntwo\n"
    assert str(Failure("größe", "→ 2")) == "größe: → 2"


@pytest.mark.parametrize(
    "text",
    [
        "::add-mask::a",
        "::error::owned",
        "  ::set-output name=a::b",
        "\t::stop-commands::x",
        "##[add-mask]a",
        "text ##[error]x",
        "::::",
        "###[warning]",
    ],
)
def test_no_line_of_another_program_is_a_command_of_the_workflow(text: str) -> None:
    for ending in ("", "\n", "\r\n"):
        shown = log_line(text + ending)
        assert not shown.lstrip().startswith("::")
        assert "##[" not in shown
        assert shown.endswith("\n") is (ending != "")
