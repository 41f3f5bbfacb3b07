"""Dedicated threads for the blocking calls of providers, which may wait for minutes.

Pulumi's server of dynamic providers has four threads for everything (pulumi/dynamic/__main__.py, `max_workers=4`):
while four waits for deployments are under way, no service can be made, read or checked. gRPC for Python takes the
thread pool of a single method from an attribute of its function (grpc/_server.py, `_select_thread_pool_for_behavior`),
which is set here. If a later version of Pulumi or gRPC works differently, nothing is set and the four threads remain:
updates are slower, but not wrong.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

SERVICER = "DynamicResourceProviderServicer"
METHODS = ("Create", "Update", "Delete")
THREADS = 64
"""How many resources are created, updated or deleted at the same time; further ones wait for a free thread."""


def install_wait_pool(program: object | None = None) -> bool:
    """Give the waiting methods of Pulumi's server their own threads; further calls do nothing.

    Args:
        program: the main module; None for that of this process.

    Returns:
        Whether the methods have their own threads.
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
