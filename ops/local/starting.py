"""How each service is started and how we see that it answers; one function a service, each returns when it is ready."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ops.local import broken, ports, process, sweep
from ops.local.services import Service, Services, save
from ops.toolchain import docker_api
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import run_for_text
from standins.server import MANAGEMENT_KEY, OPENROUTER

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from ops.local.layout import Layout
    from ops.toolchain.console import Step
    from ops.toolchain.tools import Tool

REGISTRY_PORT = 5001
"""Not 5000: that is AirPlay's on a Mac, and everybody's first registry."""
EMULATOR_PORT = 7447
STANDINS_PORT = 4010
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy of the user's network cannot reach this machine's loopback."""
PORT_ATTEMPTS = 3
CHECKOUT_HEADER = "X-Convos-Checkout"
"""Says whose registry answers: between the choice of a port and our start, another checkout's may have taken it."""
READY_SECONDS = 60.0
"""The slowest measured is dockerd's first start, 3 s; a busy two-core machine may need many times that."""


@dataclass
class Starter:
    """Starts services of one checkout, and writes each down before it waits for it.

    Args:
        layout: the checkout.
        services: what runs so far; replaced at each change.
        step: where progress is told.
    """

    layout: Layout
    services: Services
    step: Step

    def port(self, name: str, preferred: int) -> int:
        """Return the port that a service had before, as the stack's image references name it; else a free one."""
        before = self.services.by_name.get(name)
        others = {service.port for service in self.services.by_name.values() if service.name != name}
        return ports.choose(before.port if before and before.port else preferred, others)

    def note(self, service: Service) -> None:
        """Write a service down."""
        self.services = self.services.with_service(service)
        save(self.layout, self.services)

    def remember(self, name: str, text: str) -> None:
        """Write a small fact down."""
        self.services = self.services.with_note(name, text)
        save(self.layout, self.services)

    def kept(self, name: str, ready: Callable[[Service], bool]) -> Service | None:
        """Return a service that was started before and answers; say so when it was started and is gone."""
        before = self.services.by_name.get(name)
        if before is None or before.way == "daemon":
            return None
        if before.is_alive() and process.wait_for(lambda: ready(before), 5.0):
            return before
        self.step.note(f"{name} was not running any more; starting it again (its log: {self.log(name)})")
        self.clear(name)
        return None

    def clear(self, name: str) -> None:
        """Stop what is left of a service, its children too: they hold its ports, its locks and its sockets."""
        before = self.services.by_name.get(name)
        if before is not None and before.process is not None:
            process.stop(before.process)
        process.stop(*process.marked(process.mark_of(self.layout.root, name)), seconds=5.0)

    def run(
        self,
        service: Service,
        argv: Sequence[str],
        ready: Callable[[Service], bool],
        env: Mapping[str, str] | None = None,
    ) -> Service:
        """Start a service's process and wait until it answers.

        Raises:
            ToolError: it ended, or did not answer in time; the line has its last words and its log.
        """
        log = self.log(service.name)
        self.step.doing(f"starting {service.name}")
        mark = process.mark_of(self.layout.root, service.name)
        started = process.start(argv, log=log, mark=mark, cwd=self.layout.checkout, env=env or {})
        service = replace(service, process=started)
        self.note(service)
        self.step.doing(f"waiting for {service.name}")
        process.wait_for(lambda: ready(service) or not service.is_alive(), READY_SECONDS)
        if not service.is_alive():
            raise ToolError(service.name, f"it ended at once: {_last_words(log)}", f"its log is {log}")
        if not ready(service):
            process.stop(started)
            raise ToolError(
                service.name, f"no answer in {READY_SECONDS:.0f} s: {_last_words(log)}", f"its log is {log}"
            )
        return service

    def run_on_port(self, name: str, preferred: int, start: Callable[[int], Service]) -> Service:
        """Start a service on a free port; on another one where somebody was quicker to take it.

        Raises:
            ToolError: it did not start, for another reason or again and again.
        """
        for _ in range(PORT_ATTEMPTS - 1):
            port = self.port(name, preferred)
            try:
                return start(port)
            except ToolError:
                if ports.is_free(port):
                    raise
                self.step.note(f"{name}: somebody else took port {port} meanwhile; trying another")
        return start(self.port(name, preferred))

    def log(self, name: str) -> Path:
        """Return where a service's output goes."""
        return self.layout.logs / f"{name}.log"


def docker(starter: Starter, tool: Tool) -> Service:
    """Start a Docker daemon of our own, with its data, its socket and its networks apart from any other."""
    layout = starter.layout
    host = own_docker_host(layout)

    def ready(_: Service) -> bool:
        return docker_api.ask(host) is not None

    before = starter.kept("docker", ready)
    if before is not None:
        return before
    (layout.runtime / "docker").mkdir(parents=True, exist_ok=True)
    # What a crashed one has left: dockerd refuses to start over its own file, and takes any process that has the number
    # in containerd's (another one after a restart, or one that nobody has waited for) for a containerd that runs.
    (layout.runtime / "docker.pid").unlink(missing_ok=True)
    (layout.runtime / "docker" / "containerd" / "containerd.pid").unlink(missing_ok=True)
    argv = [
        tool.programs["dockerd"],
        f"--host={host}",
        f"--data-root={layout.root / 'docker'}",
        f"--exec-root={layout.runtime / 'docker'}",
        f"--pidfile={layout.runtime / 'docker.pid'}",
    ]
    return starter.run(Service("docker", "own", host), argv, ready)


def own_docker_host(layout: Layout) -> str:
    """Return where our own Docker daemon listens, when there is one."""
    return f"unix://{layout.runtime / 'docker.sock'}"


def registry(starter: Starter, tool: Tool, docker_host: str) -> Service:
    """Start an OCI registry whose images live in `.local`."""
    before = starter.kept("registry", _registry_answers)
    if before is not None:
        return before

    def start(port: int) -> Service:
        service = Service("registry", tool.way, f"{ports.LOOPBACK}:{port}")
        if tool.way == "container":
            return _registry_container(starter, service, docker_host)
        return _registry_process(starter, service, tool)

    return starter.run_on_port("registry", REGISTRY_PORT, start)


def _registry_process(starter: Starter, service: Service, tool: Tool) -> Service:
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

    def ready(service: Service) -> bool:
        answer = _answer(f"http://{service.address}/v2/")
        return answer is not None and answer.headers.get(CHECKOUT_HEADER) == layout.short_name

    # Nothing is traced; registry 3 would else look for a collector on another port and complain in the log.
    return starter.run(service, argv, ready, {"OTEL_TRACES_EXPORTER": "none"})


def _registry_container(starter: Starter, service: Service, docker_host: str) -> Service:
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


def _registry_answers(service: Service) -> bool:
    answer = _answer(f"http://{service.address}/v2/")
    return answer is not None and answer.status == 200


def buildkit(starter: Starter, tool: Tool, registry_address: str) -> Service:
    """Start a `buildkitd` that may push to our registry, and leave a buildx file by which docker-build finds it."""
    layout = starter.layout
    listen = layout.runtime / "buildkit.sock"
    service = Service("buildkit", tool.way, f"unix://{listen}")

    def ready(_: Service) -> bool:
        return _buildkit_answers(tool, service.address)

    _write_buildx_instance(layout, service.address)
    config = _buildkit_config(registry_address)
    file = layout.root / "buildkitd.toml"
    unchanged = file.exists() and file.read_text() == config
    before = starter.kept("buildkit", ready) if unchanged else None
    if before is not None:
        return before
    starter.clear("buildkit")  # one that knows the registry by a port which has changed
    file.write_text(config)
    listen.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        tool.programs["buildkitd"],
        f"--config={file}",
        f"--root={layout.root / 'buildkit'}",
        f"--addr={service.address}",
    ]
    return starter.run(service, argv, ready)


BUILDER = "convos-local"
"""The name by which the program's images ask for this BuildKit."""


def _buildkit_config(registry_address: str) -> str:
    return f'[registry."{registry_address}"]\n  http = true\n[worker.containerd]\n  enabled = false\n'


def _write_buildx_instance(layout: Layout, endpoint: str) -> None:
    """Write what `docker buildx create --driver remote` would; docker-build reads these files itself."""
    file = layout.buildx / "instances" / BUILDER
    file.parent.mkdir(parents=True, exist_ok=True)
    node = {"Name": f"{BUILDER}0", "Endpoint": endpoint}
    file.write_text(json.dumps({"Name": BUILDER, "Driver": "remote", "Nodes": [node]}))


def _buildkit_answers(tool: Tool, address: str) -> bool:
    """Ask through buildctl where there is one: the socket accepts connections before the workers are there."""
    control = tool.programs.get("buildctl")
    if control is not None:
        return run_for_text(control, f"--addr={address}", "debug", "workers", seconds=5.0) is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address.removeprefix("unix://")) == 0


def standins(starter: Starter) -> Service:
    """Start the stand-ins of OpenRouter and AgentMail: their keys and inboxes live in memory, and end with it."""

    def ready(service: Service) -> bool:
        headers = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}
        url = f"http://{service.address}{OPENROUTER}/keys"
        answer = _answer(urllib.request.Request(url, headers=headers))
        return answer is not None and answer.status == 200 and b'"data"' in answer.body

    before = starter.kept("standins", ready)
    if before is not None:
        return before

    def start(port: int) -> Service:
        service = Service("standins", "own", f"{ports.LOOPBACK}:{port}")
        argv = [str(starter.layout.python), "-m", "standins", "--port", str(port)]
        return starter.run(service, argv, ready)

    return starter.run_on_port("standins", STANDINS_PORT, start)


def emulator(starter: Starter, docker_host: str | None, reachable: Sequence[str] = ()) -> Service:
    """Start the emulator of the Railway API; its containers are its own, and it removes them when it is stopped.

    Args:
        starter: starts it.
        docker_host: where its containers run; None to simulate them.
        reachable: addresses of this machine that containers have to reach.
    """
    layout = starter.layout

    token = layout.token.read_text().strip()

    def ready(service: Service) -> bool:
        # An emulator of another checkout answers too, but not to our token.
        return _knows_token(service.address, token)

    way = " ".join([f"docker {docker_host}" if docker_host else "simulated", *reachable])
    last = starter.services.by_name.get("emulator")
    before = starter.kept("emulator", ready) if last is None or last.way == way else None
    if before is not None:
        return before
    # One that runs containers in a Docker which is not there any more, or the other way round.
    starter.clear("emulator")
    if docker_host:
        # A killed one leaves its containers behind, and their names keep it from making them again; data is in volumes.
        sweep.remove_containers(docker_host, sweep.emulator_label(layout))
    if aside := broken.set_aside(layout.root / "emulator.sqlite"):
        starter.step.note(f"the emulator's state could not be read; it is kept as {aside}, and the stack is made again")

    def start(port: int) -> Service:
        service = Service("emulator", way, f"{ports.LOOPBACK}:{port}")
        argv = [str(layout.python), "-m", "emulator", "--listen", service.address]
        argv += ["--state", str(layout.root / "emulator.sqlite"), "--data", str(layout.root / "emulator")]
        argv += ["--docker", "auto" if docker_host else "off", "--admin", "--remove-on-exit"]
        argv += [part for address in reachable for part in ("--reachable", address)]
        env = {"EMULATOR_ACCOUNT_TOKEN": token} | ({"DOCKER_HOST": docker_host} if docker_host else {})
        return starter.run(service, argv, ready, env)

    return starter.run_on_port("emulator", EMULATOR_PORT, start)


def _knows_token(address: str, token: str) -> bool:
    """Say whether a Railway API answers to an account token with data."""
    body = json.dumps({"query": "query { me { id } }"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = _answer(urllib.request.Request(f"http://{address}/graphql/v2", data=body, headers=headers))
    return answer is not None and answer.status == 200 and b'"id"' in answer.body


@dataclass(frozen=True)
class _Answer:
    """An answer in HTTP.

    Args:
        status: its status, whatever that is.
        headers: its headers.
        body: its body; empty where the status is an error.
    """

    status: int
    headers: Message
    body: bytes


def _answer(request: str | urllib.request.Request) -> _Answer | None:
    """Return an answer; None when nobody answers in HTTP."""
    try:
        with NO_PROXY.open(request, timeout=2.0) as answer:
            return _Answer(int(answer.status), answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return _Answer(int(error.code), error.headers, b"")
    except (OSError, ValueError):
        time.sleep(0.05)
        return None


def _last_words(log: Path) -> str:
    """Return the last line of a log that says anything."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it printed nothing"
    return lines[-1][:300] if lines else "it printed nothing"
