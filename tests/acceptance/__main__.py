"""`make matrix`: run the tests that fill the acceptance matrix, print it and write docs/acceptance.md.

With --check nothing is run: says whether the page names the tests that there are.
"""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.cells import ROOT, Cells
from tests.acceptance.matrix import gaps, page

PAGE = ROOT / "docs" / "acceptance.md"
MARK = "mark.shows("


def marking() -> list[str]:
    """Return the test files that fill cells: to collect all the others takes a quarter of a minute."""
    files = sorted((ROOT / "tests").glob("**/test_*.py"))
    return [str(file) for file in files if MARK in file.read_text(encoding="utf-8")]


def main(arguments: list[str]) -> int:
    """Return 0 where every test passed, every cell is filled or has its reason, and the page says so."""
    is_check, cells = "--check" in arguments, Cells()
    words = ["--collect-only", "-qq"] if is_check else ["-q"]
    code = pytest.main([*words, "-m", "shows", "-p", "no:cacheprovider", *marking()], plugins=[cells])
    if code != 0:
        return int(code)
    shown = cells.all_collected() if is_check else cells.passed
    text = page(shown, cells.known)
    wrong = list(gaps(shown))
    if is_check and (not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text):
        wrong.append(f"{PAGE.relative_to(ROOT)} is stale; run make matrix")
    if not is_check:
        sys.stdout.write(f"\n{text}")
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
