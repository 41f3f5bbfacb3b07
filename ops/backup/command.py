"""Writes a stack's database to a file: `make backup STACK=…`.

python -m ops backup --stack STACK [--to FILE] [--json]; pg_dump reads one snapshot, and nothing is changed. The file is
.backups/<stack>-<time>.dump if none is named. Only its owner can read it: it contains what people said to agents.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ops import stacks
from ops.backup import dump
from ops.backup.database import database_of
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT
from ops.stack_command import add_json, stack_parser
from ops.status.source import now

FOLDER = ".backups"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file."""
    parser = stack_parser("backup", __doc__)
    parser.add_argument("--to", default="", metavar="FILE", help="a new file")
    add_json(parser)
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    file = Path(chosen.to) if chosen.to else CHECKOUT / FOLDER / f"{stack}-{now():%Y%m%dT%H%M%SZ}.dump"
    made = dump.made(stack, database_of(stack), file)
    if chosen.json:
        sys.stdout.write(f"{json.dumps({'file': str(file), **made.document()}, indent=2)}\n")
        return 0
    size = file.stat().st_size / 1024
    sys.stdout.write(
        f"{file}: {made.contents.text}, {size:.0f} KiB, PostgreSQL {made.server}, {made.seconds:.1f} s\n"
        f"  try it: make restore STACK={stack} FROM={file}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
