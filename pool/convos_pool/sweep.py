"""`python -m convos_pool.sweep [--recorded] [ID …]`: lists keys and inboxes without an agent, or deletes chosen ones.

It needs the variables of the pool manager. Without arguments, it only lists them.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from railway_api.printable import escaped

from . import settings
from .errors import PoolError
from .serve import Service

if TYPE_CHECKING:
    from .sweeper import Sweeper


def main(arguments: list[str]) -> int:
    """List or delete; return 0 on success, 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m convos_pool.sweep", description=__doc__)
    parser.add_argument("--recorded", action="store_true", help="delete all that this pool manager created")
    parser.add_argument("ids", nargs="*", help="delete these, as listed: openrouter:HASH, agentmail:ID")
    options = parser.parse_args(arguments)
    try:
        sweeper = Service(settings.read(os.environ)).sweeper
        lines = _swept(sweeper, options) if options.recorded or options.ids else _listed(sweeper)
    except PoolError as error:
        sys.stderr.write(f"sweep: {escaped(str(error))}\n")
        return 1
    sys.stdout.write("".join(f"{escaped(line)}\n" for line in lines))
    return 0


def _listed(sweeper: Sweeper) -> list[str]:
    found = sweeper.listed()
    lines = [
        f"{one.id}  {one.agentId}  {'created by this pool' if one.recorded else 'possibly created by another pool'}"
        for one in found.unowned
    ]
    return [*lines, f"{found.owned} keys and inboxes have an agent, {len(found.unowned)} have none"]


def _swept(sweeper: Sweeper, options: argparse.Namespace) -> list[str]:
    done = sweeper.sweep(recorded=options.recorded, ids=options.ids)
    return [*(f"deleted {id_}" for id_ in done.deleted), f"{len(done.deleted)} deleted, {len(done.left)} left"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
