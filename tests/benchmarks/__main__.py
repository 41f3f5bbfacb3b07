"""`make bench [SUITE=railway]`: measures, writes docs/benchmarks, and fails if a bar is missed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tests.benchmarks import page, railway
from tests.benchmarks.page import FOLDER, write
from tests.benchmarks.rows import missed
from tests.pool import bench_claims, bench_rollout
from tests.schema import bench_schema
from tests.support import interrupts

SUITES: dict[str, Callable[[], Iterable[dict[str, Any]]]] = {
    "railway": railway.rows,
    "schema": bench_schema.rows,
    "rollout": bench_rollout.rows,
    "pool": bench_claims.rows,
}


def main(argv: list[str]) -> int:
    """Run the named suites, or all."""
    names = argv or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.stderr.write(f"bench: unknown suite {unknown[0]}; expected one of {', '.join(SUITES)}\n")
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
    write([*[row for row in known if row["suite"] in page.SUITES and row["suite"] not in names], *rows])
    lines = missed(rows)
    sys.stdout.write("".join(f"bench: missed: {line}\n" for line in lines) or "bench: every bar is met\n")
    return 1 if lines else 0


if __name__ == "__main__":
    interrupts.heed()
    sys.exit(main(sys.argv[1:]))
