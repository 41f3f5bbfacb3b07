"""Writes docs/benchmarks: the rows as JSON, and the page with their tables."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.rows import Row, tables

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
SUITES = ("railway", "schema", "rollout", "pool", "ci")
HEAD = """# Benchmarks

Written by `make bench` from [latest.json](latest.json); never by hand. `calls` are requests to Railway's API (the
emulator with 100 ms latency; `polls` of deployments among them), or round trips to PostgreSQL in the suite `schema`.
The suite `rollout` runs with Railway's limits of the smallest paid plan: 10 requests a second, 1,000 an hour.
The suite `pool` is a hundred claims at once on a pool of that size, a tick while a twentieth of its agents hang, the
same among agents of which a tenth lie in every way of `tests/pool/lies.py`, and one claim a second while a pool fills
under 10 calls a second and 1,000 an hour. `load` is the load average of the machine, which did other work, too.
The suite `ci` has the seconds of each step of `.ci/run`, for a commit of each release (`size`):
`.ci/run 2>&1 | tee LOG && make bench-ci < LOG`.
`peak_mib` of the suite `railway` is the proportional set size of the whole process tree. `floor` is the time of the
same command for as many trivial resources, in seconds, measured right before; `program_cpu` and `floor_cpu` are the CPU
seconds of the two programs. `load` is the machine's load average: if it is above 2, the number of cores, times are not
meaningful. Compare times only within one run, because they depend on the machine.

"""


def write(rows: Sequence[Row]) -> None:
    """Write both files."""
    whole = sorted(rows, key=lambda row: SUITES.index(row["suite"]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "latest.json").write_text(json.dumps(whole, indent=1) + "\n")
    when = f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}.\n\n"
    (FOLDER / "README.md").write_text(HEAD + when + tables(whole))
