"""Texts from outside on their way to a terminal or to a job's log. Pure."""

from __future__ import annotations

import re

from railway_api.printable import escaped

__all__ = ["escaped", "in_code_block", "log_line"]
_FENCE = re.compile("`(?=``)")


def log_line(text: str) -> str:
    """Return a line of another program for a log: nothing in it steers a terminal, or is a command of the workflow.

    GitHub's runner takes a line that begins with `::` for a command, and `##[` anywhere in one ("Workflow commands for
    GitHub Actions"); a value in a preview or a log line of a container must not set a variable or end a group.
    """
    ending = "\n" if text.endswith("\n") else ""
    shown = "\t".join(escaped(part) for part in text.removesuffix("\n").removesuffix("\r").split("\t"))
    indent = shown[: len(shown) - len(shown.lstrip())]
    if shown.startswith("::", len(indent)):
        shown = f"{indent}\\x3a{shown[len(indent) + 1 :]}"
    return shown.replace("##[", "#\\x23[") + ending


def in_code_block(text: str) -> str:
    """Return a text for a code block of Markdown: it does not end the block, and has no comment of HTML in it."""
    return _FENCE.sub("`\u200b", text).replace("<!--", "<\u200b!--")
