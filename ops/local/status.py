"""`make status` for the local stack: each service, whether it lives, and what the stack's outputs say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.local import environment, ports, stack, table, warm
from ops.local.services import ORDER, load
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.local.layout import Layout


def run(layout: Layout) -> int:
    """Print the state of things; the exit code is 1 when something that was started does not run."""
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
    _stack(layout)
    return 1 if dead else 0


def database_url(layout: Layout) -> int:
    """Print the database's URL with its password, for `psql "$(make database-url)"`; nobody else prints it whole."""
    found = _outputs(layout)
    url = (found.get("database") or {}).get("url") if found else None
    if not url:
        raise ToolError("database", "the local stack has none", "run: make local")
    sys.stdout.write(f"{url}\n")
    return 0


def _stack(layout: Layout) -> None:
    try:
        found = _outputs(layout)
    except (ToolError, OSError) as error:
        sys.stdout.write(f"  stack       {error}\n")
        return
    if found is not None:
        pool, _ = warm.pool_manager(found)
        counts = warm.counts(pool) if pool else None
        sys.stdout.write("\n" + "\n".join(table.lines(table.rows(found, load(layout), counts))) + "\n")


def _outputs(layout: Layout) -> dict[str, Any] | None:
    """Return the stack's outputs; None before there is a stack."""
    services = load(layout)
    if (
        not {"emulator", "registry"} <= set(services.by_name)
        or "tools" not in services.notes
        or not stack.exists(layout.state)
    ):
        return None
    values = environment.variables(layout, services, None)
    env = environment.for_process(values, [layout.python.parent, Path(services.notes["tools"])])
    return stack.outputs(layout.checkout, env)
