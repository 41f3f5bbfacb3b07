"""`make bench-ci < LOG`: records the seconds of each step of a passed `.ci/run`, for one commit of each release.

The log's last line is `== passed: venv 52 s, toolchain 3 s, … all 1500 s`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.page import FOLDER, write

SUITE = "ci"
_STEP = re.compile(r"(\w+) (\d+) s")


def rows(line: str, commit: str) -> list[dict[str, Any]]:
    """Return a row for each step of a run.

    Args:
        line: the last line that `.ci/run` prints.
        commit: the commit that was run.

    Raises:
        ValueError: the line is not the last line of a run that passed.
    """
    if not line.startswith("== passed:"):
        raise ValueError("ci: the last line is not `== passed: …`; run: .ci/run 2>&1 | tee LOG")
    steps = _STEP.findall(line)
    return [{"suite": SUITE, "case": step, "size": commit, "seconds": int(seconds)} for step, seconds in steps]


def kept(known: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the known rows, in which the new ones replace those of the same commit."""
    commits = {row["size"] for row in new}
    return [*(row for row in known if row["suite"] != SUITE or row["size"] not in commits), *new]


def main() -> int:
    """Read a log from standard input and write docs/benchmarks."""
    lines = [line.strip() for line in sys.stdin if line.strip()]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    try:
        new = rows(lines[-1] if lines else "", commit.stdout.strip())
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write(kept(json.loads((FOLDER / "latest.json").read_text()), new))
    sys.stdout.write("".join(f"{SUITE:<9}{row['case']:<18}{row['size']:<9}seconds {row['seconds']}\n" for row in new))
    return 0


if __name__ == "__main__":
    sys.exit(main())
