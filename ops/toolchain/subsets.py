"""Parts of the toolchain for those who want no more: Pulumi for a job that deploys, and the tools for workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.toolchain import gomod, pins, tools
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import read_machine
from ops.toolchain.tools import Tool, Workshop

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.store import Store


def pulumi(store: Store, step: Step) -> list[Tool]:
    """Return the Pulumi CLI and its plugin, without the services of a local stack.

    Raises:
        ToolError: no way worked; the line has the command that installs it.
    """
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        shop = Workshop(read_machine(), store, step)
        cli = tools.pulumi(shop)
        return [cli, tools.docker_build(shop, cli)]


def workflow_tools(store: Store, step: Step) -> list[Tool]:
    """Return actionlint and act: what lints workflows and what runs them, at the pinned versions.

    Raises:
        ToolError: there is no Go to build them with, or the build failed.
    """
    module = pins.WORKFLOW_MODULE
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        machine = read_machine()
        if machine.go is None or machine.go < pins.GO_MINIMUM:
            raise ToolError("actionlint, act", "no Go to build them", "install Go 1.26 (https://go.dev/doc/install)")
        gomod.build(module, store, step)
    says = {"actionlint": f"actionlint {pins.ACTIONLINT}", "act": f"act {pins.ACT}"}
    return [Tool(name, "go", says[name], {name: str(store.bin / name)}) for name in module.programs]
