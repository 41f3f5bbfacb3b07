"""Repairs what a crash has left of an update: processes, locks, damaged files, interrupted creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ops.local import backend_files, locks, process, railway, stack

if TYPE_CHECKING:
    from ops.local.layout import Layout


def before_up(layout: Layout, railway_address: str, env: Mapping[str, str], mark: str) -> tuple[str, ...]:
    """Prepare the stack for an update, and return what had to be repaired, one line each.

    Args:
        layout: the checkout.
        railway_address: where the emulator of Railway listens.
        env: a whole environment for Pulumi.
        mark: the mark of the Pulumi processes that `make local` starts.

    Raises:
        ToolError: Pulumi refused; the error has its last words.
    """
    done = []
    if stopped := process.stop_marked(mark):
        done.append(f"stopped {stopped} processes of a pulumi up that a killed make local had left")
    locks.release_dead(layout.state)
    done += backend_files.repair(layout.state, layout.broken)
    projects = backend_files.projects(layout.state, stack.STACK)
    if projects and not projects & railway.projects(railway_address, env["RAILWAY_API_TOKEN"]):
        backend_files.forget(layout.state, stack.STACK, layout.broken)
        done.append(
            f"the emulator has lost the stack's project; its state is moved to {layout.broken}, it is made again"
        )
    stack.prepare(layout.checkout, layout.state, env)
    if stack.settle(layout.checkout, layout.state, env):
        done.append("cleared interrupted creates from the state; the update finds what they had made")
    return tuple(done)
