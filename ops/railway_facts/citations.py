"""Who cites the register: every `(fact: <id>)` of the checkout."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CITATION = re.compile(r"\(facts?\s?[:§0-9][^()]*\)")
NOT_READ = (
    "docs/railway-facts.md",
    "docs/railway-coverage.md",
    "ops/conformance/",
    "ops/railway_facts/",
    "tests/conformance/",
)
"""The pages that are written from the register, the register, the suite that checks it, and their tests."""


def citations(text: str) -> Iterator[str]:
    """Yield the ids that a text cites; a citation that is not written as `(fact: <id>)` is yielded as it is."""
    for found in _CITATION.finditer(text):
        label, colon, id_ = found.group(0)[1:-1].partition(": ")
        yield id_ if (label, colon) == ("fact", ": ") else found.group(0)


def cited(checkout: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the files that cite each id, as paths in the checkout, both sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = dict[str, set[str]]()
    for name in filter(None, listed):
        path = checkout / name
        # A file below a linked folder is listed where it really is.
        if name.startswith(NOT_READ) or not path.is_file() or path.is_symlink():
            continue
        for id_ in citations(path.read_bytes().decode(errors="replace")):
            found.setdefault(id_, set()).add(name)
    return {id_: tuple(sorted(found[id_])) for id_ in sorted(found)}
