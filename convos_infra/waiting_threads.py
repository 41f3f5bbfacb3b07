"""Dedicated threads for the blocking calls of providers, which may wait for minutes.

Pulumi's server of dynamic providers has four threads for everything (pulumi/dynamic/__main__.py, `max_workers=4`): four
waits for deployments, and no service is made, read or checked any more until one of them ends. gRPC for Python takes
the thread pool of a single method from an attribute of its function (grpc/_server.py,
`_select_thread_pool_for_behavior`), which is what is set here. Where Pulumi or gRPC do it differently one day, nothing
is set and the four threads are left: slower, not wrong.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

SERVICER = "DynamicResourceProviderServicer"
METHODS = ("Create", "Update", "Delete")
THREADS = 64
"""So many resources wait or change at once; more wait for a thread, as all but four did before."""


def install_wait_pool(program: object | None = None) -> bool:
    """Give the waiting methods of Pulumi's server their own threads; once is enough, again does nothing.

    Args:
        program: the module that is run; the process's own unless given.

    Returns:
        Whether they have them.
    """
    servicer = getattr(program or sys.modules.get("__main__"), SERVICER, None)
    functions = [getattr(servicer, name, None) for name in METHODS]
    if servicer is None or None in functions:
        return False
    if all(hasattr(function, "experimental_thread_pool") for function in functions):
        return True
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="waiting")
    for function in functions:
        function.experimental_thread_pool = pool  # type: ignore[union-attr]
    return True
