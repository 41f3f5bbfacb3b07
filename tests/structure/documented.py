"""The commands in the documentation: in `sh` blocks, and in backquotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.structure.sources import CHECKOUT, files

LEFT_OUT = ("tests/", "docs/decisions/", "docs/STATUS.md", "docs/CHANGELOG.md")
"""Pages about the past, and pages whose commands nobody types."""
_BLOCK = re.compile(r"```(?:sh|)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"^(?:make|ops/run|pulumi|\S*python3?)\s+\S")
_PREFIX = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*")


@dataclass(frozen=True)
class Documented:
    """A command of a page, its words in order."""

    page: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


def commands() -> Iterator[Documented]:
    """Yield every command of every page."""
    for page in files("*.md"):
        if page.startswith(LEFT_OUT):
            continue
        text = (CHECKOUT / page).read_text(encoding="utf-8")
        lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
        for line in [*lines, *_INLINE.findall(_BLOCK.sub("", text))]:
            for part in re.split(r" && | \|\|? |; | · ", re.sub(r"(?<!\S)#.*", "", line)):
                command = _PREFIX.sub("", part.strip())
                if _COMMAND.match(command):
                    yield Documented(page, tuple(command.split()))


def of(program: str) -> list[Documented]:
    """Return the documented commands of a program; of Python, only those that run a module."""
    if program == "python":
        return [one for one in commands() if "python" in one.words[0] and "-m" in one.words]
    return [one for one in commands() if one.words[0] == program]
