"""`python -m ops.local COMMAND`: what make's targets for the local stack and .ci/run call.

Importing it and `down` need the standard library alone: `make down` also works when the virtual environment is gone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from ops.local import down, status, up
from ops.local.layout import here
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.local.layout import Layout


def main(argv: list[str] | None = None) -> int:
    """Run one command; an error is reported in one line, never as a traceback."""
    parser = argparse.ArgumentParser(prog="python -m ops.local", description=__doc__)
    parser.add_argument("command", choices=["up", "services", "docker", "down", "status", "env", "database-url"])
    parser.add_argument("--watch", action="store_true", help="status: poll until interrupted")
    parser.add_argument("--html", default="", metavar="FILE", help="status: also write the stack's page")
    parser.add_argument("--force", action="store_true", help="down: also remove the states of other stacks")
    chosen = parser.parse_args(argv)
    try:
        return _run(chosen)
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:  # make local | head; Python would complain again when it writes the rest at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:  # a full disk, a read-only checkout: the system's own words are the clearest
        sys.stderr.write(f"local: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; make local goes on from here, make down removes it\n")
        return 130


def _run(chosen: argparse.Namespace) -> int:
    command, layout = chosen.command, here()
    if command == "up":
        return up.run(layout)
    if command == "services":
        up.services_up(layout)
        return 0
    if command == "docker":
        sys.stdout.write(f"{up.docker_up(layout) or ''}\n")
        return 0
    if command == "down":
        return down.run(layout, force=chosen.force)
    if command == "status":
        return status.run(layout, [*(["--watch"] if chosen.watch else []), f"--html={chosen.html}"])
    if command == "database-url":
        return status.database_url(layout)
    return _env(layout)


def _env(layout: Layout) -> int:
    if not layout.env.exists():
        sys.stderr.write("local: nothing is up; run: make local\n")
        return 1
    sys.stdout.write(f". {os.path.relpath(layout.env)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
