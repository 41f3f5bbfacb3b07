"""Starts each service and checks that it answers: one function per service, which returns when the service is ready."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulator.standins.server import MANAGEMENT_KEY, OPENROUTER
from ops.local import bridges, broken, mounts, ports, process, railway, sweep
from ops.local.probe import ask
from ops.local.services import LocalService
from ops.toolchain import docker_api

if TYPE_CHECKING:
    from ops.local.layout import Layout
    from ops.local.starter import Starter
    from ops.toolchain.tools import Tool

EMULATOR_PORT = 7447
STANDINS_PORT = 4010
EMULATOR_SECONDS = 150.0
"""The emulator answers when its former containers run again, or after `emulator.deployments.RESUME_SECONDS`."""


def docker(starter: Starter, tool: Tool) -> LocalService:
    """Start a Docker daemon of our own, with its data, its socket and its networks separate from any other."""
    layout = starter.layout
    host = own_docker_host(layout)

    def ready(_: LocalService) -> bool:
        return docker_api.ask(host) is not None

    if "docker" not in starter.services.by_name and docker_api.ask(host) is not None:
        # The record of it is lost. Nothing else listens at this address, and its containers belong to the stack.
        running = process.marked(process.mark_of(layout.root, "docker"))
        starter.note(LocalService("docker", "own", host, running[0] if running else None))
    before = starter.kept("docker", ready)
    if before is not None:
        return before
    # Remove what a crashed daemon left. dockerd refuses to start if its pid file exists. It also takes any process with
    # the id in containerd's pid file for a running containerd, even an unrelated one after a restart, or a zombie. No
    # container in these records runs any more; a restart of the machine would have cleared them as well.
    (layout.runtime / "docker.pid").unlink(missing_ok=True)
    records = layout.runtime / "docker"
    mounts.unmount_below(records)
    shutil.rmtree(records, ignore_errors=True)
    records.mkdir(parents=True)
    bridges.remove_left_over(layout)
    argv = [
        tool.programs["dockerd"],
        f"--host={host}",
        f"--data-root={layout.root / 'docker'}",
        f"--exec-root={records}",
        f"--pidfile={layout.runtime / 'docker.pid'}",
    ]
    # Volumes are folders of the emulator's; Docker has images and containers only.
    return starter.run_on_cache(LocalService("docker", "own", host), argv, ready, layout.root / "docker")


def own_docker_host(layout: Layout) -> str:
    """Return the address of our own Docker daemon, if there is one."""
    return f"unix://{layout.runtime / 'docker.sock'}"


def standins(starter: Starter) -> LocalService:
    """Start the stand-ins of OpenRouter and AgentMail; their keys and inboxes exist in memory only."""

    def ready(service: LocalService) -> bool:
        headers = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}
        url = f"http://{service.address}{OPENROUTER}/keys"
        answer = ask(urllib.request.Request(url, headers=headers))
        return answer is not None and answer.status == 200 and b'"data"' in answer.body

    before = starter.kept("standins", ready)
    if before is not None:
        return before

    def start(port: int) -> LocalService:
        service = LocalService("standins", "own", f"{ports.LOOPBACK}:{port}")
        argv = [str(starter.layout.python), "-m", "emulator.standins", "--port", str(port)]
        return starter.run(service, argv, ready)

    return starter.run_on_port("standins", STANDINS_PORT, start)


def emulator(starter: Starter, docker_host: str | None, reachable: Sequence[str] = ()) -> LocalService:
    """Start the emulator of the Railway API; it removes its own containers when it is stopped.

    Args:
        starter: starts it.
        docker_host: the Docker for its containers; None to simulate them.
        reachable: addresses of this machine that containers have to reach.
    """
    layout = starter.layout

    token = layout.token.read_text().strip()

    def ready(service: LocalService) -> bool:
        # An emulator of another checkout answers too, but not to our token.
        return railway.knows_token(service.address, token)

    way = " ".join([f"docker {docker_host}" if docker_host else "simulated", *reachable])
    last = starter.services.by_name.get("emulator")
    before = starter.kept("emulator", ready) if last is None or last.way == way else None
    if before is not None:
        return before
    # The emulator runs its containers in a Docker that is gone, or simulates them although there is a Docker now.
    starter.clear("emulator")
    if docker_host:
        # A killed emulator leaves its containers behind, whose names a new one could not use. Data is in volumes.
        sweep.remove_containers(docker_host, sweep.emulator_label(layout))
    if aside := broken.set_aside(layout.emulator):
        known = "as the last make local left it" if broken.bring_back(layout.emulator) else "empty"
        starter.step.note(f"the emulator's state could not be read; it is kept as {aside}, and the emulator is {known}")

    def start(port: int) -> LocalService:
        service = LocalService("emulator", way, f"{ports.LOOPBACK}:{port}")
        argv = [str(layout.python), "-m", "emulator", "--listen", service.address]
        argv += ["--state", str(layout.emulator), "--data", str(layout.root / "emulator")]
        argv += ["--docker", "auto" if docker_host else "off", "--admin", "--remove-on-exit"]
        argv += [part for address in reachable for part in ("--reachable", address)]
        env = {"EMULATOR_ACCOUNT_TOKEN": token} | ({"DOCKER_HOST": docker_host} if docker_host else {})
        return starter.run(service, argv, ready, env, EMULATOR_SECONDS)

    return starter.run_on_port("emulator", EMULATOR_PORT, start)
