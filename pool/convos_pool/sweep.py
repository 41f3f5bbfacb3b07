"""`python -m convos_pool.sweep [--recorded] [ID …]`: lists keys and inboxes without an agent; deletes chosen ones.

It reads the variables of the pool manager. Without arguments it lists them, and deletes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from . import settings
from .errors import PoolError
from .printable import printable
from .serve import Service

if TYPE_CHECKING:
    from .sweeper import Sweeper


def main(arguments: list[str]) -> int:
    """List or sweep; return 0 on success, 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m convos_pool.sweep", description=__doc__)
    parser.add_argument("--recorded", action="store_true", help="delete all that this pool manager made")
    parser.add_argument("ids", nargs="*", help="delete these, as listed: openrouter:HASH, agentmail:ID")
    options = parser.parse_args(arguments)
    try:
        sweeper = Service(settings.read(os.environ)).sweeper
        lines = _swept(sweeper, options) if options.recorded or options.ids else _listed(sweeper)
    except PoolError as error:
        sys.stderr.write(f"sweep: {printable(str(error))}\n")
        return 1
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    return 0


def _listed(sweeper: Sweeper) -> list[str]:
    found = sweeper.listed()
    lines = [
        f"{one.id}  {one.agentId}  {'made by this pool' if one.recorded else 'possibly created by another pool'}"
        for one in found.unowned
    ]
    return [*lines, f"{found.owned} keys and inboxes have an agent, {len(found.unowned)} have none"]


def _swept(sweeper: Sweeper, options: argparse.Namespace) -> list[str]:
    done = sweeper.sweep(recorded=options.recorded, ids=options.ids)
    return [*(f"deleted {id_}" for id_ in done.deleted), f"{len(done.deleted)} deleted, {len(done.left)} left"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
