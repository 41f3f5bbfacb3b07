"""Parts of the toolchain for single purposes: a job that deploys, the workflows' tests, the schema's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.toolchain import debian, gomod, pins, tools
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import read_machine
from ops.toolchain.tools import Tool, Workshop

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.console import Step
    from ops.toolchain.store import Store


def pulumi(store: Store, step: Step) -> list[Tool]:
    """Return the Pulumi CLI and its plugin, without the services of a local stack.

    Raises:
        ToolError: every way failed; the message has the command that installs it.
    """
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        shop = Workshop(read_machine(), store, step)
        cli = tools.pulumi(shop)
        return [cli, tools.docker_build(shop, cli)]


def workflow_tools(store: Store, step: Step) -> list[Tool]:
    """Return actionlint and act, which lint and run workflows, at the pinned versions.

    Raises:
        ToolError: Go is missing, or the build failed.
    """
    module = pins.WORKFLOW_MODULE
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        machine = read_machine()
        if machine.go is None or machine.go < pins.GO_MINIMUM:
            raise ToolError("actionlint, act", "Go is missing", "install Go 1.26 (https://go.dev/doc/install)")
        gomod.build(module, store, step)
    says = {"actionlint": f"actionlint {pins.ACTIONLINT}", "act": f"act {pins.ACT}"}
    return [Tool(name, "go", says[name], {name: str(store.bin / name)}) for name in module.programs]


def pooler(store: Store, step: Step) -> tuple[Path, dict[str, str]]:
    """Return PgBouncer from its Debian package, and the environment variables that it needs to find its libraries.

    Raises:
        ToolError: this machine has no Debian packages, or they could not be downloaded.
    """
    if not read_machine().debian:
        raise ToolError("pgbouncer", "is not on PATH", "install it with the packages of this system")
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        home = debian.unpack("pgbouncer", ("libc-ares", "libcares", "libevent"), store, step)
    libraries = ":".join(str(folder) for folder in sorted(home.glob("usr/lib/*-linux-*")))
    return home / "usr" / "sbin" / "pgbouncer", {"LD_LIBRARY_PATH": libraries}
