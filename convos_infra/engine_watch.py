"""Ends the process of dynamic providers when the Pulumi engine that started it has ended.

Pulumi's server of dynamic providers waits for calls for ever (pulumi/dynamic/__main__.py, `Event().wait()`), and only
an engine that shuts down in order stops it. An engine that is killed, or that ends because its output was cut
(`pulumi preview | head`) or its terminal was closed, leaves the server running, sometimes with calls under way whose
results nobody records any more.

The engine reads the server's standard output through a pipe. When the engine ends, for whatever reason, the system
closes its end of that pipe; the server's end then reports an error to poll(2), even if nothing is written. Calls under
way are cut, as if this process had been killed with its engine: the next update can recover from that, but not from a
change that is made later and recorded nowhere.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import threading

from convos_infra.waiting_threads import SERVICER

THREAD = "engine-watch"


def install_engine_watch(program: object | None = None, output: int = 1) -> bool:
    """Watch the engine from a separate thread; further calls do nothing.

    Args:
        program: the main module; None for that of this process.
        output: the file descriptor that the engine reads.

    Returns:
        Whether the engine is watched: only in Pulumi's server, and only if it writes to a pipe.
    """
    if getattr(program or sys.modules.get("__main__"), SERVICER, None) is None:
        return False
    if any(thread.name == THREAD for thread in threading.enumerate()):
        return True
    if not stat.S_ISFIFO(os.fstat(output).st_mode):
        return False
    threading.Thread(target=_end_with_engine, args=(output,), name=THREAD, daemon=True).start()
    return True


def _end_with_engine(output: int) -> None:
    watched = select.poll()
    # With an empty event mask, poll reports only that the reader is gone (POLLERR on Linux, POLLHUP on macOS).
    watched.register(output, 0)
    while not any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in watched.poll()):
        pass
    os._exit(1)
