"""What a read of an environment lacks: the variables of its deployments, its TCP proxies and its private domains.

One call asks for all services, so that a refresh costs the same for one service and for fifty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.provided_variables import PRIVATE_NAME, Addresses
from convos_infra.railway.references import SHARED, Reference, parse
from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound, Opaque

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot
    from railway_api.client import Client

IN_A_CALL = 100
"""The services per document: a document that grows with the number of agents would reach some limit."""
_AT_ONCE = 5
"""How many documents are under way at a time: half of what the smallest paid plan lets through in a second."""
_SUBJECT = "what runs"
VANISHED = "its service was removed while it was read; the next pulumi refresh records that"


@dataclass(frozen=True)
class Details:
    """The details that were read.

    Attributes:
        variables: by service id, for services whose deployment could be read. The values are secrets.
        tcp_proxies: existing ones by service id, for services that have one in the config.
        private_domains: by service id, for services whose private domain a stored variable refers to.
        unread: why the proxies could not be read although the environment could; empty if they were read.
        vanished: the services that were removed between the two reads.
    """

    variables: Mapping[str, Mapping[str, Any]] = field(repr=False)
    tcp_proxies: Mapping[str, Sequence[Mapping[str, Any]]]
    private_domains: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""
    vanished: frozenset[str] = frozenset()

    def proxies_unread(self, service_id: str) -> str:
        """Return why the proxies of a service could not be read; empty if they were read."""
        return VANISHED if service_id in self.vanished else self.unread

    @property
    def addresses(self) -> Addresses:
        """The values of references to Railway's own variables."""
        return Addresses(self.tcp_proxies, self.private_domains)


def ask(client: Client, snapshot: Snapshot, again: Callable[[], Snapshot | None]) -> Details:
    """Ask for the details of an environment.

    Args:
        client: asks Railway.
        snapshot: the environment.
        again: reads the environment once more, or returns None: if a service was removed since the first read, the
            whole answer fails.

    Raises:
        RailwayError: Railway could not be asked. Variables that it refuses are left out: an old deployment has no
            snapshot any more, and they serve a comparison only; of proxies that it refuses, `unread` says why.
    """
    deployments, proxied = _wanted(snapshot)
    vanished: frozenset[str] = frozenset()
    try:
        return _asked(client, snapshot, deployments, proxied, addressed(snapshot))
    except (NotAuthorized, NotFound, Opaque):
        newer = again()
    if newer is not None:
        vanished = frozenset(snapshot.instances) - frozenset(newer.instances)
        now, _ = _wanted(newer)
        left = {id_: deployment for id_, deployment in deployments.items() if now.get(id_) == deployment}
        living = [id_ for id_ in proxied if id_ not in vanished]
        if left != deployments or living != proxied:
            deployments, proxied = left, living
            known = [id_ for id_ in addressed(snapshot) if id_ not in vanished]
            with contextlib.suppress(NotAuthorized, NotFound, Opaque):
                return replace(_asked(client, snapshot, deployments, proxied, known), vanished=vanished)
    client.progress("what deployments run with cannot be read: only what is stored was compared")
    try:
        return replace(_call(client, snapshot, [], proxied, []), vanished=vanished)
    except (NotAuthorized, NotFound, Opaque) as error:
        # The environment was read: only the resources of the missing part keep their recorded state.
        return Details({}, {}, unread=str(error), vanished=vanished)


def _wanted(snapshot: Snapshot) -> tuple[dict[str, str], list[str]]:
    """Return the deployments that serve, by service, and the services that have a proxy."""
    serving = {id_: snapshot.serving_deployment(id_) for id_ in snapshot.instances}
    proxied = [id_ for id_ in snapshot.instances if _ports(snapshot.service(id_) or {})]
    return {id_: state.id for id_, state in serving.items() if state is not None}, proxied


def _asked(
    client: Client,
    snapshot: Snapshot,
    deployments: Mapping[str, str],
    proxied: Sequence[str],
    addressed: Sequence[str],
) -> Details:
    first, *others = _parts(list(deployments.items()))
    if not others:
        return _call(client, snapshot, first, proxied, addressed[:IN_A_CALL])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rest = [pool.submit(_call, client, snapshot, part, [], []) for part in others]
        found = _call(client, snapshot, first, proxied, addressed[:IN_A_CALL])
        variables = {id_: values for one in rest for id_, values in one.result().variables.items()}
    return replace(found, variables={**variables, **found.variables})


def ask_domains(client: Client, snapshot: Snapshot, services: Sequence[str]) -> Mapping[str, str]:
    """Return the private domains of services; none if Railway refuses to tell them.

    Raises:
        RailwayError: Railway could not be asked.
    """
    try:
        return _call(client, snapshot, [], [], services[:IN_A_CALL]).private_domains
    except (NotAuthorized, NotFound, Opaque):
        return {}


def addressed(snapshot: Snapshot) -> list[str]:
    """Return the ids of the services whose private domain a stored variable refers to."""
    ids = {snapshot.name_of(id_): id_ for id_ in snapshot.instances}
    owners = {id_: live_variables(snapshot.service(id_) or {}) for id_ in snapshot.instances}
    owners[SHARED] = live_variables({VARIABLES: snapshot.config.get("sharedVariables") or {}})
    named = {
        ids.get(part.owner, "") if part.owner else own
        for own, values in owners.items()
        for value in values.values()
        if value and PRIVATE_NAME in value
        for part in parse(value)
        if isinstance(part, Reference) and part.name == PRIVATE_NAME
    }
    return sorted(named & set(snapshot.instances))


def _ports(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (service.get("networking") or {}).get("tcpProxies") or {}
    return found


def _parts(rows: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [rows[start : start + IN_A_CALL] for start in range(0, len(rows), IN_A_CALL)] or [[]]


def _call(
    client: Client,
    snapshot: Snapshot,
    deployments: Sequence[tuple[str, str]],
    proxied: Sequence[str],
    addressed: Sequence[str],
) -> Details:
    if not deployments and not proxied and not addressed:
        return Details({}, {})
    given = {f"d{number}": id_ for number, (_, id_) in enumerate(deployments)}
    if proxied or addressed:
        given["environmentId"] = snapshot.environment_id
        given |= {f"s{number}": id_ for number, id_ in enumerate(proxied)}
    if addressed:
        given["projectId"] = snapshot.project_id
        given |= {f"v{number}": id_ for number, id_ in enumerate(addressed)}
    answer = client.query(documents.details(len(deployments), len(proxied), len(addressed)), given, subject=_SUBJECT)
    running: dict[str, Mapping[str, Any]] = {}
    for number, (service_id, _) in enumerate(deployments):
        values = (answer.get(f"d{number}") or {}).get("variables")
        if isinstance(values, Mapping):
            running[service_id] = values
    proxies: dict[str, Sequence[Mapping[str, Any]]] = {
        service_id: [row for row in answer.get(f"s{number}") or [] if not row.get("deletedAt")]
        for number, service_id in enumerate(proxied)
    }
    rendered = {service_id: answer.get(f"v{number}") or {} for number, service_id in enumerate(addressed)}
    domains = {id_: str(values[PRIVATE_NAME]) for id_, values in rendered.items() if values.get(PRIVATE_NAME)}
    return Details(running, proxies, domains)
