"""What no read of an environment shows: the variables that its deployments run with, and its TCP proxies.

Asked for all of its services in one call, so that a refresh costs the same for one service and for fifty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound, Opaque

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot
    from railway_api.client import Client

IN_A_CALL = 100
"""A document is a text: at 200 agents one that grows for ever would meet some limit."""
_THING = "what runs"
VANISHED = "its service was removed while it was read; the next pulumi refresh records that"


@dataclass(frozen=True)
class Details:
    """What was found.

    Attributes:
        variables: by service id, of those whose deployment could be read; values, so secrets.
        tcp_proxies: by service id, living ones; of services that have one in the config.
        unread: why the proxies could not be read, though the environment could; empty where they were.
        vanished: the services that were removed between the two reads.
    """

    variables: Mapping[str, Mapping[str, Any]] = field(repr=False)
    tcp_proxies: Mapping[str, Sequence[Mapping[str, Any]]]
    unread: str = ""
    vanished: frozenset[str] = frozenset()

    def proxies_unread(self, service_id: str) -> str:
        """Return why the proxies of a service could not be read; empty where they were."""
        return VANISHED if service_id in self.vanished else self.unread


def ask(client: Client, snapshot: Snapshot, again: Callable[[], Snapshot | None]) -> Details:
    """Ask for the details of an environment.

    Args:
        client: asks Railway.
        snapshot: the environment.
        again: reads the environment once more, None where it cannot be read: one service that was removed since the
            first read takes the whole answer along.

    Raises:
        RailwayError: Railway could not be asked. Variables that it refuses are left out: an old deployment has no
            snapshot any more, and they serve a comparison only; of proxies that it refuses, `unread` says why.
    """
    deployments, proxied = _wanted(snapshot)
    vanished: frozenset[str] = frozenset()
    try:
        return _asked(client, snapshot, deployments, proxied)
    except (NotAuthorized, NotFound, Opaque):
        newer = again()
    if newer is not None:
        vanished = frozenset(snapshot.instances) - frozenset(newer.instances)
        now, _ = _wanted(newer)
        left = {id_: deployment for id_, deployment in deployments.items() if now.get(id_) == deployment}
        living = [id_ for id_ in proxied if id_ not in vanished]
        if left != deployments or living != proxied:
            deployments, proxied = left, living
            with contextlib.suppress(NotAuthorized, NotFound, Opaque):
                return replace(_asked(client, snapshot, deployments, proxied), vanished=vanished)
    client.progress("what deployments run with cannot be read: only what is stored was compared")
    try:
        return Details({}, _call(client, snapshot, [], proxied)[1], vanished=vanished)
    except (NotAuthorized, NotFound, Opaque) as error:
        # The environment was read: what is missing keeps its own resources as they are, and no others.
        return Details({}, {}, unread=str(error), vanished=vanished)


def _wanted(snapshot: Snapshot) -> tuple[dict[str, str], list[str]]:
    """Return the deployments that serve, by service, and the services that have a proxy."""
    serving = {id_: snapshot.serving_deployment(id_) for id_ in snapshot.instances}
    proxied = [id_ for id_ in snapshot.instances if _ports(snapshot.service(id_) or {})]
    return {id_: state.id for id_, state in serving.items() if state is not None}, proxied


def _asked(client: Client, snapshot: Snapshot, deployments: Mapping[str, str], proxied: Sequence[str]) -> Details:
    first, *others = _parts(list(deployments.items()))
    variables, proxies = _call(client, snapshot, first, proxied)
    for part in others:
        variables = {**variables, **_call(client, snapshot, part, [])[0]}
    return Details(variables, proxies)


def _ports(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (service.get("networking") or {}).get("tcpProxies") or {}
    return found


def _parts(rows: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [rows[start : start + IN_A_CALL] for start in range(0, len(rows), IN_A_CALL)] or [[]]


def _call(
    client: Client, snapshot: Snapshot, deployments: Sequence[tuple[str, str]], services: Sequence[str]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Sequence[Mapping[str, Any]]]]:
    if not deployments and not services:
        return {}, {}
    variables = {f"d{number}": id_ for number, (_, id_) in enumerate(deployments)}
    if services:
        variables |= {"environmentId": snapshot.environment_id} | {f"s{n}": id_ for n, id_ in enumerate(services)}
    answer = client.query(documents.details(len(deployments), len(services)), variables, thing=_THING)
    running: dict[str, Mapping[str, Any]] = {}
    for number, (service_id, _) in enumerate(deployments):
        values = (answer.get(f"d{number}") or {}).get("variables")
        if isinstance(values, Mapping):
            running[service_id] = values
    proxies: dict[str, Sequence[Mapping[str, Any]]] = {
        service_id: [row for row in answer.get(f"s{number}") or [] if not row.get("deletedAt")]
        for number, service_id in enumerate(services)
    }
    return running, proxies
