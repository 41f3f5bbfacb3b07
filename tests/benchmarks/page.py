"""docs/benchmarks: the rows as JSON, and the page that is made from them."""

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

Written by `make bench` from [latest.json](latest.json); never by hand. Compare times only within one run: they depend on
the machine and on its load.

- `calls` are requests to Railway's API, or in the suite `schema` round trips to PostgreSQL; `polls` of deployments are
  included. The API is the emulator with a latency of 100 ms.
- `load` is the load average of the machine during the case. If it is above the number of cores (2), times mean little.
- `railway`: `peak_mib` is the proportional set size of the whole process tree. `floor` is the time in seconds of the same
  command for as many trivial resources, measured right before; `program_cpu` and `floor_cpu` are the CPU seconds of the
  two programs.
- `rollout` runs under the limits of Railway's smallest paid plan: 10 requests a second, 1,000 an hour.
- `pool`: `claims` makes a hundred claims at once on a pool of `size` agents, and runs a tick while a twentieth of the
  agents hang; `claims-among-liars` does the same while a tenth of the agents give the wrong answers of
  `tests/pool/lies.py`; `claims-while-filling` makes one claim a second while a pool fills under 10 requests a second and
  1,000 an hour.
- `ci` has the seconds of each step of `.ci/run` for one commit (`size`) of each release:
  `.ci/run 2>&1 | tee LOG && make bench-ci < LOG`.

"""


def write(rows: Sequence[Row]) -> None:
    """Write both files."""
    whole = sorted(rows, key=lambda row: SUITES.index(row["suite"]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "latest.json").write_text(json.dumps(whole, indent=1) + "\n")
    when = f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}.\n\n"
    (FOLDER / "README.md").write_text(HEAD + when + tables(whole))
