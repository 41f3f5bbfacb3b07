"""`make bench [SUITE=railway]`: measures, writes docs/benchmarks, and fails where a bar is missed."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.benchmarks import railway
from tests.benchmarks.rows import missed, tables
from tests.pool import bench_claims, bench_rollout
from tests.schema import bench_schema

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
SUITES: dict[str, Callable[[], Iterable[dict[str, Any]]]] = {
    "railway": railway.rows,
    "schema": bench_schema.rows,
    "rollout": bench_rollout.rows,
    "pool": bench_claims.rows,
}
HEAD = """# Benchmarks

Written by `make bench` from [latest.json](latest.json); never by hand. `calls` are requests to Railway's API (the
emulator with 100 ms latency; `polls` of deployments among them), or round trips to PostgreSQL in the suite `schema`.
The suite `rollout` runs with Railway's limits of the smallest paid plan: 10 requests a second, 1,000 an hour.
The suite `pool` is a hundred claims at once on a pool of that size, and a tick while a twentieth of its agents hang.
Times are of the machine that ran it, for comparison within one run.

"""


def main(argv: list[str]) -> int:
    """Run the suites that are named, or all."""
    names = argv or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.stderr.write(f"bench: no suite {unknown[0]}; there are {', '.join(SUITES)}\n")
        return 2
    file = FOLDER / "latest.json"
    known = json.loads(file.read_text()) if file.exists() else []
    rows = []
    for name in names:
        for row in SUITES[name]():
            rows.append(row)
            shown = "  ".join(f"{key} {value}" for key, value in row.items() if key not in ("suite", "case", "size"))
            sys.stdout.write(f"{name:<9}{row['case']:<18}{row['size']:<5}{shown}\n")
            sys.stdout.flush()
    whole = [*[row for row in known if row["suite"] in SUITES and row["suite"] not in names], *rows]
    whole.sort(key=lambda row: list(SUITES).index(row["suite"]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=1) + "\n")
    when = f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}.\n\n"
    (FOLDER / "README.md").write_text(HEAD + when + tables(whole))
    lines = missed(rows)
    sys.stdout.write("".join(f"bench: missed: {line}\n" for line in lines) or "bench: every bar is kept\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
