"""Routes traffic to what runs: TCP proxies, private domains, and the host's ports that containers reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.environment_variables import private_domain
from emulator.forward import Forwarder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.containers import Containers
    from emulator.runs import Order
    from emulator.store import Store

ACTIVE = ("SUCCESS", "SLEEPING")
HOST_NAME = "host.docker.internal"
"""The name by which a container reaches the emulator's API, as with Docker Desktop."""
_POSTGRES_PORT = 5432


class Routes:
    """The forwarders of an emulator.

    Args:
        store: the documents.
        containers: the containers on Docker; None if runs are simulated.
        from_containers: addresses of this machine's loopback that containers have to reach.
    """

    def __init__(self, store: Store, containers: Containers | None, from_containers: Sequence[str]) -> None:
        self._store = store
        self._containers = containers
        self._from_containers = from_containers
        self._forwarders: dict[str, Forwarder] = {}

    def close(self) -> None:
        """Stop all forwarders."""
        for forwarder in self._forwarders.values():
            forwarder.close()

    def publish(self, environment_id: str, address: str) -> None:
        """Make an embedded PostgreSQL reachable from containers, at the gateway of their network."""
        if self._containers is not None:
            _, gateway = self._containers.network(environment_id)
            self._forward(environment_id, gateway, _POSTGRES_PORT, address)

    def point_proxies(self, order: Order, address: str) -> None:
        """Make each TCP proxy of the service forward to what runs now; the proxy's own port never changes."""
        for proxy in self._store.all(
            "tcp_proxy",
            lambda row: row["environmentId"] == order.environment_id and row["serviceId"] == order.service_id,
        ):
            self._forward(proxy["id"], "127.0.0.1", proxy["proxyPort"], address)

    def _forward(self, key: str, host: str, port: int, address: str) -> None:
        target_host, target_port = address.split(":")
        target = (target_host, int(target_port))
        known = self._forwarders.get(key)
        if known is not None:
            known.target = target
            return
        self._forwarders[key] = Forwarder(host, port, target)

    def private_hosts(self, environment_id: str) -> dict[str, str]:
        """Return the addresses of the host and of embedded PostgreSQL servers, by the names that containers use."""
        if self._containers is None:
            return {}
        _, gateway = self._containers.network(environment_id)
        hosts = {HOST_NAME: gateway}
        for address in self._from_containers:
            # They listen on the host's loopback, which containers cannot reach.
            port = int(address.rpartition(":")[2])
            self._forward(f"{port}/{environment_id}", gateway, port, address)
        for row in self._store.all("deployment", lambda row: row["environmentId"] == environment_id):
            if row["run"]["mode"] == "postgres" and row["status"] in ACTIVE:
                service = self._store.get("service", row["serviceId"])
                if service is not None:
                    hosts[private_domain(service["name"])] = gateway
        return hosts
