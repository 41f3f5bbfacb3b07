"""Restores a backup into a database: `make restore STACK=… FROM=file` is the drill.

python -m ops restore --stack STACK --from FILE [--over STACK] [--json]

Without --over, the backup goes into a scratch database (of the stack's own server, or of the one that RESTORE_URL
names), is compared with what was counted when it was made, and the scratch database is dropped: nothing else changes.
With --over STACK, the name of the stack again, it replaces the tables of the stack's database, in one transaction. Exit
code 3 if the restored rows are not those that were counted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from ops import stacks
from ops.backup import dump, restoring
from ops.backup.database import database_of
from ops.ci import workflow
from ops.stack_command import add_json, stack_parser

if TYPE_CHECKING:
    import argparse

OTHER_SERVER = "RESTORE_URL"
NOT_THE_SAME = 3
"""The exit code if the restored rows are not those that were counted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Restore, and compare."""
    chosen = _parser().parse_args(argv)
    stack = stacks.checked(chosen.stack)
    if not chosen.source:
        raise InfraError("restore", "FROM= is missing", f"a file of make backup STACK={stack}")
    if chosen.over and chosen.over != stack:
        raise InfraError("restore", f"OVER={chosen.over[:40]} is not the stack {stack}", "name the same stack twice")
    backup = dump.read(Path(chosen.source))
    if chosen.over and backup.stack != stack:
        raise InfraError(str(backup.file), f"is a backup of {backup.stack}, not of {stack}", "try it without OVER=")
    found = _over(backup, stack) if chosen.over else _drill(backup, stack)
    if chosen.json:
        sys.stdout.write(f"{json.dumps(found.document(), indent=2)}\n")
    else:
        sys.stdout.write("\n".join(_lines(found, backup, is_drill=not chosen.over)) + "\n")
    return NOT_THE_SAME if found.differences else 0


def _drill(backup: dump.Dump, stack: str) -> restoring.Restored:
    url = os.environ.get(OTHER_SERVER, "")
    return restoring.drilled(backup, parse_url(url, subject=OTHER_SERVER) if url else database_of(stack))


def _over(backup: dump.Dump, stack: str) -> restoring.Restored:
    return restoring.in_place(backup, database_of(stack))


def _lines(found: restoring.Restored, backup: dump.Dump, *, is_drill: bool) -> list[str]:
    stack = backup.stack
    head = f"{backup.file}, made {backup.made_at}: {found.contents.text} in {found.where}, {found.seconds:.1f} s"
    differences = [f"  not as it was: {line}" for line in found.differences]
    told = [head, *(differences or ["  as it was when the backup was made"])]
    if is_drill:
        return [*told, "  the scratch database is dropped again; nothing else has changed"]
    return [*told, f"  now: make agents STACK={stack}, make status STACK={stack}"]


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("restore", __doc__)
    parser.add_argument("--from", dest="source", default="", metavar="FILE", help="a file of `ops backup`")
    parser.add_argument("--over", default="", metavar="STACK", help="replace the stack's own tables; its name again")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
