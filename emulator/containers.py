"""A deployment as a real container, where a Docker daemon answers."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from emulator.bridge_name import OPTION, bridge_name
from emulator.runs import Log, Order, RunFailed, Running

if TYPE_CHECKING:
    from pathlib import Path

    from docker.models.containers import Container

LABEL = "convos.emulator.data"
_STABLE_SECONDS = 0.5
_STOP_SECONDS = 3
_LOG_LINES = 100
_READ_LINES = 2000


def connect() -> docker.DockerClient | None:
    """Return a client of the daemon that DOCKER_HOST or the default socket names, or None if none answers."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException:
        return None
    return client


class Containers:
    """Runs images on a Docker daemon: each environment has a network, in which a container has its private domain.

    Args:
        client: the daemon's client.
        folder: where volumes are kept; also the value of the label on everything that is made here.
    """

    def __init__(self, client: docker.DockerClient, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._labels = {LABEL: str(folder)}
        self._networks = threading.Lock()

    def network(self, environment_id: str) -> tuple[str, str]:
        """Return the id of an environment's network and the address of the host in it.

        Docker allows two networks of one name, and then refuses to run anything in either of them by that name. So one
        deployment at a time looks for the network or creates it, and a second one that a crash left is removed.
        """
        name = f"convos-{environment_id}"
        with self._networks:
            found = [one for one in self._client.networks.list(names=[name]) if one.name == name]
            network, *more = sorted(found, key=lambda one: str(one.attrs.get("Created"))) or [
                self._client.networks.create(
                    name,
                    labels=self._labels,
                    check_duplicate=True,
                    options={OPTION: bridge_name(self._folder, environment_id)},
                )
            ]
            for one in more:
                with contextlib.suppress(APIError):  # somebody's container is in it
                    one.remove()
            network.reload()
        return str(network.id), str(network.attrs["IPAM"]["Config"][0]["Gateway"])

    def start(self, order: Order, log: Log, hosts: Mapping[str, str] | None = None) -> Running:
        """See `Runner.start`; `hosts` are further private names and their addresses."""
        try:
            self._client.images.pull(order.image)
        except (APIError, DockerException) as error:
            log(f"cannot pull {order.image}: {_reason(error)}")
            raise RunFailed("FAILED", "image pull failed") from error
        port = order.variables.get("PORT", "8080")
        # The old container keeps the private domain until the new one is healthy; Docker then balances between the two.
        # The public domain is an alias as well: other containers reach the service by it, as they do on Railway.
        names = [order.variables["RAILWAY_PRIVATE_DOMAIN"], order.variables.get("RAILWAY_PUBLIC_DOMAIN", "")]
        try:
            container = self._create(order, port, [alias for alias in names if alias], hosts or {})
        except (APIError, DockerException) as error:
            log(f"the container was not created: {_reason(error)}")
            raise RunFailed("FAILED", "the container was not created") from error
        try:
            _start(container)
            address = self._await_health(container, order, port)
        except RunFailed:
            for line in container.logs(tail=_LOG_LINES).decode(errors="replace").splitlines():
                log(line)
            container.remove(force=True, v=True)
            raise
        except (APIError, DockerException) as error:
            container.remove(force=True, v=True)
            log(f"the container did not start: {_reason(error)}")
            raise RunFailed("FAILED", "the container did not start") from error
        container.reload()
        return Running("container", str(container.id), address, has_exited=container.status == "exited")

    def _create(self, order: Order, port: str, aliases: list[str], hosts: Mapping[str, str]) -> Container:
        network, _ = self.network(order.environment_id)
        return self._client.containers.create(
            order.image,
            command=shlex.split(order.command) or None,
            entrypoint=[] if order.command else None,
            environment=dict(order.variables),
            name=f"convos-{order.service}-{order.deployment_id[:8]}",
            labels=self._labels,
            ports={f"{port}/tcp": ("127.0.0.1", None)},
            volumes=self._volumes(order),
            extra_hosts=dict(hosts),
            network=network,
            networking_config={network: self._client.api.create_endpoint_config(aliases=aliases)},
            restart_policy={"Name": "no"},
        )

    def is_running(self, handle: str) -> bool:
        """Tell whether the container runs."""
        try:
            return str(self._client.containers.get(handle).status) == "running"
        except NotFound:
            return False

    def lines(self, handle: str) -> list[str] | None:
        """Return the last lines that a container printed, each with its time; None if Docker does not answer."""
        try:
            text: bytes = self._client.containers.get(handle).logs(tail=_READ_LINES, timestamps=True)
        except (DockerException, OSError):
            return None
        return text.decode(errors="replace").splitlines()

    def stop(self, handle: str) -> None:
        """See `Runner.stop`."""
        try:
            container = self._client.containers.get(handle)
            container.stop(timeout=_STOP_SECONDS)
            container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if "is already in progress" not in str(error):
                raise

    def stop_all(self) -> None:
        """Remove every container and network that carries our label."""
        wanted = {"label": f"{LABEL}={self._folder}"}
        for container in self._client.containers.list(all=True, filters=wanted):
            container.remove(force=True, v=True)
        for network in self._client.networks.list(filters=wanted):
            network.remove()

    def _volumes(self, order: Order) -> dict[str, dict[str, str]]:
        if not order.volume:
            return {}
        home = self._folder / order.volume_id
        home.mkdir(parents=True, exist_ok=True)
        # The user in an image does not exist on this machine, so everybody may write to the folder.
        os.chmod(home, 0o777)  # noqa: PTH101, S103
        return {str(home): {"bind": order.volume, "mode": "rw"}}

    def _await_health(self, container: docker.models.containers.Container, order: Order, port: str) -> str:
        began = time.monotonic()
        while True:
            container.reload()
            elapsed = time.monotonic() - began
            if container.status == "exited":
                code = container.attrs["State"]["ExitCode"]
                if code == 0 and not order.health_path:
                    return ""
                raise RunFailed("CRASHED", f"the process exited with code {code}")
            address = _address(container, port)
            if not order.health_path:
                if elapsed >= _STABLE_SECONDS:
                    return address
            elif address and _answers(f"http://{address}{order.health_path}"):
                return address
            if elapsed > order.health_seconds:
                raise RunFailed("FAILED", f"health check of {order.health_path} failed for {order.health_seconds:g} s")
            time.sleep(0.2)


def _start(container: docker.models.containers.Container, tries: int = 5) -> None:
    """Start a container; try again if another process took the free port that Docker had chosen."""
    for left in reversed(range(tries)):
        try:
            container.start()
        except APIError as error:
            if "address already in use" not in str(error) or not left:
                raise
        else:
            return


def _address(container: docker.models.containers.Container, port: str) -> str:
    published = container.ports.get(f"{port}/tcp") or []
    return f"127.0.0.1:{published[0]['HostPort']}" if published else ""


def _answers(url: str) -> bool:
    try:
        answer = requests.get(url, timeout=2, headers={"Host": "healthcheck.railway.app"})
    except requests.RequestException:
        return False
    return bool(answer.status_code == requests.codes.ok)


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "explanation", "") or error).split())[:300]
