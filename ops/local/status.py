"""`make status` without STACK: whether each local service runs, and then the page of the stack `local`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.local import environment, ports, stack
from ops.local.services import ORDER, load
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.local.layout import Layout


def run(layout: Layout, arguments: Sequence[str] = ()) -> int:
    """Print the state of the local stack.

    Args:
        layout: the checkout's paths.
        arguments: further arguments of `ops status`.

    Returns:
        1 if a service that was started does not run, otherwise the exit code of the stack's own page.
    """
    services = load(layout)
    if not services.by_name:
        sys.stdout.write("local: nothing runs; make local brings it up\n")
        return 1
    dead, wide = 0, max(len(service.address) for service in services.by_name.values())
    for name in ORDER:
        service = services.by_name.get(name)
        if service is None:
            continue
        alive = service.is_alive() and (not service.container or ports.is_answering(service.port))
        dead += not alive
        state = "not ours" if service.way == "daemon" else "runs" if alive else f"ended; see {layout.logs / name}.log"
        pid = f" (pid {service.process.pid})" if service.process and alive else ""
        sys.stdout.write(f"  {name:<12}{service.address:<{wide}}  {state}{pid}\n")
    code = _stack(layout, arguments)
    return 1 if dead else code


def database_url(layout: Layout) -> int:
    """Print the database's URL with its password, for `psql "$(make database-url)"`; other commands mask it."""
    found = _outputs(layout)
    url = (found.get("database") or {}).get("url") if found else None
    if not url:
        raise ToolError("database", "the local stack has none", "run: make local")
    sys.stdout.write(f"{url}\n")
    return 0


def _stack(layout: Layout, arguments: Sequence[str]) -> int:
    """Print the page of the stack `local`, as it is now; return its exit code."""
    env = _environment(layout)
    if env is None:
        return 0
    sys.stdout.write("\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "ops", "status", "--stack", stack.STACK, *arguments]
    with subprocess.Popen(command, cwd=layout.checkout, env=env) as page:
        # A signal ends a watch with the page's own exit code. The terminal sends Ctrl-C to the page as well.
        before = [
            signal.signal(signal.SIGINT, lambda *_: None),
            signal.signal(signal.SIGTERM, lambda *_: page.terminate()),
        ]
        try:
            return page.wait()
        finally:
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])


def _outputs(layout: Layout) -> dict[str, Any] | None:
    """Return the stack's outputs; None if there is no stack yet."""
    env = _environment(layout)
    return stack.outputs(layout.checkout, env) if env is not None else None


def _environment(layout: Layout) -> dict[str, str] | None:
    """Return the variables with which the stack can be used; None if there is no stack yet."""
    services = load(layout)
    if (
        not {"emulator", "registry"} <= set(services.by_name)
        or "tools" not in services.notes
        or not stack.exists(layout.state)
    ):
        return None
    values = environment.variables(layout, services, None)
    return environment.for_process(values, [layout.python.parent, Path(services.notes["tools"])])
