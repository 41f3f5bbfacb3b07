"""The services for images on this machine: a registry that stores them and a BuildKit that builds and pushes them."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.local import ports, process
from ops.local.probe import ask
from ops.local.services import LocalService
from ops.local.starter import READY_SECONDS
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import run_for_text

if TYPE_CHECKING:
    from ops.local.layout import Layout
    from ops.local.starter import Starter
    from ops.toolchain.tools import Tool

REGISTRY_PORT = 5001
"""Not 5000: AirPlay uses it on a Mac, and other registries often use it."""
CHECKOUT_HEADER = "X-Convos-Checkout"
"""Identifies the registry that answers: another checkout's may have taken the port before ours started."""
BUILDER = "convos-local"
"""The name by which the program's images ask for this BuildKit."""


def registry(starter: Starter, tool: Tool, docker_host: str) -> LocalService:
    """Start an OCI registry that stores its images in `.local`."""
    before = starter.kept("registry", _registry_answers)
    if before is not None:
        return before

    def start(port: int) -> LocalService:
        service = LocalService("registry", tool.way, f"{ports.LOOPBACK}:{port}")
        if tool.way == "container":
            return _registry_container(starter, service, docker_host)
        return _registry_process(starter, service, tool)

    return starter.run_on_port("registry", REGISTRY_PORT, start)


def _registry_process(starter: Starter, service: LocalService, tool: Tool) -> LocalService:
    layout = starter.layout
    folder = layout.root / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    config = {  # JSON is YAML: nothing to quote by hand where the path has a space
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": service.address, "headers": {CHECKOUT_HEADER: [layout.short_name]}},
    }
    file = layout.root / "registry.yml"
    file.write_text(json.dumps(config))
    argv = [tool.programs["registry"], "serve", str(file)]

    def ready(service: LocalService) -> bool:
        answer = ask(f"http://{service.address}/v2/")
        return answer is not None and answer.headers.get(CHECKOUT_HEADER) == layout.short_name

    # No tracing: otherwise registry 3 would look for a collector on another port and complain in the log.
    return starter.run(service, argv, ready, {"OTEL_TRACES_EXPORTER": "none"})


def _registry_container(starter: Starter, service: LocalService, docker_host: str) -> LocalService:
    import docker as sdk  # noqa: PLC0415 - a slow import that only this way needs

    name = f"{starter.layout.short_name}-registry"
    client = sdk.DockerClient(base_url=docker_host)
    try:
        for old in client.containers.list(all=True, filters={"name": f"^/{name}$"}):
            old.remove(force=True)
        client.containers.run(
            "registry:3",
            name=name,
            detach=True,
            labels={"convos.checkout": starter.layout.short_name},
            ports={"5000/tcp": (ports.LOOPBACK, service.port)},
            environment={"REGISTRY_STORAGE_DELETE_ENABLED": "true", "OTEL_TRACES_EXPORTER": "none"},
        )
    except sdk.errors.DockerException as error:
        raise ToolError("registry", f"Docker did not start registry:3 ({error})", "run the command again") from None
    finally:
        client.close()
    service = replace(service, container=name)
    starter.note(service)
    if not process.wait_for(lambda: _registry_answers(service), READY_SECONDS):
        raise ToolError("registry", f"no answer on {service.address}", f"see: docker logs {name}")
    return service


def _registry_answers(service: LocalService) -> bool:
    answer = ask(f"http://{service.address}/v2/")
    return answer is not None and answer.status == 200


def buildkit(starter: Starter, tool: Tool, registry_address: str) -> LocalService:
    """Start a `buildkitd` that may push to our registry, and leave a buildx file by which docker-build finds it."""
    layout = starter.layout
    listen = layout.runtime / "buildkit.sock"
    service = LocalService("buildkit", tool.way, f"unix://{listen}")

    def ready(_: LocalService) -> bool:
        return _buildkit_answers(tool, service.address)

    _write_buildx_instance(layout, service.address)
    config = _buildkit_config(registry_address)
    file = layout.root / "buildkitd.toml"
    unchanged = file.exists() and file.read_text() == config
    before = starter.kept("buildkit", ready) if unchanged else None
    if before is not None:
        return before
    starter.clear("buildkit")  # it knows the registry by a port that has changed
    file.write_text(config)
    listen.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        tool.programs["buildkitd"],
        f"--config={file}",
        f"--root={layout.root / 'buildkit'}",
        f"--addr={service.address}",
    ]
    return starter.run_on_cache(service, argv, ready, layout.root / "buildkit")


def _buildkit_config(registry_address: str) -> str:
    return f'[registry."{registry_address}"]\n  http = true\n[worker.containerd]\n  enabled = false\n'


def _write_buildx_instance(layout: Layout, endpoint: str) -> None:
    """Write what `docker buildx create --driver remote` would; docker-build reads these files itself."""
    file = layout.buildx / "instances" / BUILDER
    file.parent.mkdir(parents=True, exist_ok=True)
    node = {"Name": f"{BUILDER}0", "Endpoint": endpoint}
    file.write_text(json.dumps({"Name": BUILDER, "Driver": "remote", "Nodes": [node]}))


def _buildkit_answers(tool: Tool, address: str) -> bool:
    """Ask through buildctl if available: the socket accepts connections before the workers are ready."""
    control = tool.programs.get("buildctl")
    if control is not None:
        return run_for_text(control, f"--addr={address}", "debug", "workers", seconds=5.0) is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address.removeprefix("unix://")) == 0
