"""Ends the process of dynamic providers when the Pulumi engine that started it has ended.

Pulumi's server of dynamic providers waits for calls for ever (pulumi/dynamic/__main__.py, `Event().wait()`), and only
an engine that ends in order stops it. One that is killed, or that ends because its output was cut
(`pulumi preview | head`) or its terminal was closed, leaves the server behind, sometimes with calls under way that
nobody records any more.

The engine reads the server's standard output through a pipe. When a process ends, however it does, the system closes
its end of that pipe; the server's end then reports an error to poll(2), even though nothing is written. Calls under way
are cut, as if this process had been killed with its engine: that state is what the next update is made for, while a
change made behind its back is not.
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
    """Watch the engine from a thread of its own; once is enough, again does nothing.

    Args:
        program: the module that is run; the process's own unless given.
        output: the file descriptor that the engine reads.

    Returns:
        Whether the engine is watched: not in a process that is not Pulumi's server, or that does not write to a pipe.
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
    # Nothing is asked for: poll reports only that the reader is gone (POLLERR on Linux, POLLHUP on macOS).
    watched.register(output, 0)
    while not any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in watched.poll()):
        pass
    os._exit(1)
