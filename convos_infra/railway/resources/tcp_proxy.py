"""`TcpProxy`: a public TCP port in front of a service instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import OWNED, is_owned
from convos_infra.provider import has_unknown
from convos_infra.railway.bound import BoundKind, BoundPlace
from convos_infra.railway.commit import REFUSED, together
from convos_infra.railway.provided_variables import OF_PROXY
from convos_infra.railway.resources.adoption import RECORDED, with_adoption
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    port_failures,
    with_outputs,
)
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.resources.service_domain import is_own_part
from convos_infra.railway.rules import whole
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import about

if TYPE_CHECKING:
    from convos_infra.provider import Props

_INPUTS = ("projectId", "environmentId", "serviceId", "service", "applicationPort", *RECORDED)
UNREAD = "unread"
"""Why the last refresh could not read the proxy, in one line: the recorded values are older."""
_APPEARS_SECONDS = 30.0


@dataclass(frozen=True)
class TcpProxyArgs:
    """The inputs of a `TcpProxy`.

    Attributes:
        at: the service instance that it belongs to; it can have one proxy.
        application_port: the port on which the service listens.
    """

    at: ServiceAt
    application_port: pulumi.Input[int]


class TcpProxyProvider(RailwayProvider):
    """Finds or makes a TCP proxy, by a patch: `tcpProxyCreate` is deprecated (fact: tcp-proxy-patch)."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the port; before the first update, announce that an existing proxy will be taken over."""
        failures = id_failures(news, "projectId", "environmentId", "serviceId")
        failures += port_failures("applicationPort", news.get("applicationPort"), required=True)

        if not olds:
            self.declare(news, news.get("service"), given=OF_PROXY)
            if self.run() is not None and not failures and not has_unknown(news):
                self.session().group(_open_all, str(news["environmentId"])).expect(_name(news))

        def find() -> tuple[str, Mapping[str, Any]] | None:
            snapshot = self.session().living(news, subject=_subject(news))
            own = {OWNED: is_own_part(snapshot, news)}
            return (f"port {_key(news)}", own) if _is_there(snapshot, news) else None

        return (news if failures else with_adoption(olds, news, (), find)), failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs; Railway cannot change a proxy, so each change needs a replacement."""
        del id_
        return difference(olds, news, (), ("projectId", "environmentId", "serviceId", "applicationPort"))

    def created(self, props: Props) -> CreateResult:
        """Take over the proxy of that port, or make it; proxies that are created at the same time share one patch."""
        session = self.session()
        opening = _Opening(props)
        session.group(_open_all, str(props["environmentId"])).join(opening, _name(props))
        if opening.problem is not None:
            raise opening.problem
        return CreateResult(opening.found["id"], {**_outputs(props, opening.found), OWNED: opening.owned})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it; it is gone if the environment answers without its service or its port.

        If only the list of proxies cannot be read, the recorded values are kept, with the reason.
        """
        session = self.session()
        props = {key: value for key, value in props.items() if key != UNREAD}
        try:
            snapshot = session.refreshed(props, subject=_subject(props))
        except Gone:
            return ReadResult("", {})
        if props["serviceId"] not in snapshot.instances:
            return ReadResult("", {})
        why = session.snapshots.details(snapshot).proxies_unread(str(props["serviceId"]))
        if why and _is_there(snapshot, props):
            session.client.progress(
                f"{_subject(props)}: the recorded values are kept, because it cannot be read: {why}"
            )
            return ReadResult(id_, {**props, UNREAD: why}, inputs_of(props, _INPUTS))
        found = _find(session, props, snapshot)
        if found is None:
            return ReadResult("", {})
        live = {**props, OWNED: is_owned(props, otherwise=snapshot.is_fork)}
        return ReadResult(str(found["id"]), _outputs(live, found), inputs_of(live, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Nothing of a proxy is changed in place."""
        del id_
        return UpdateResult(with_outputs(olds, news, ("host", "proxyPort", OWNED)))

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it, if this stack made it."""
        del id_
        session = self.session()
        try:
            snapshot = session.read(props, subject=_subject(props), fresh=True)
        except Gone:
            return
        if not _is_there(snapshot, props):
            return
        if self.leaves(props, f"{_subject(props)}, port {_key(props)}", otherwise=snapshot.is_fork):
            return
        self.guard(props, _subject(props))
        with session.snapshots.writing(props["environmentId"]):
            _patch(session, [props], None)


def _name(props: Mapping[str, Any]) -> str:
    return f"{_subject(props)} {_key(props)}"


def _subject(props: Mapping[str, Any]) -> str:
    return f"TCP proxy of {props['service']}"


def _key(props: Mapping[str, Any]) -> str:
    return str(whole(props["applicationPort"]))


def _is_there(snapshot: Snapshot, props: Mapping[str, Any]) -> bool:
    live = snapshot.service(props["serviceId"]) or {}
    return _key(props) in ((live.get("networking") or {}).get("tcpProxies") or {})


@dataclass(eq=False)
class _Opening:
    """A proxy that has to exist, and the outcome.

    Attributes:
        props: its inputs.
        owned: whether this stack made it.
        found: the proxy on Railway, once it has an address.
        problem: the error, if there was one.
    """

    props: Props = field(repr=False)
    owned: bool = False
    found: Mapping[str, Any] = field(default_factory=dict)
    problem: Exception | None = None

    @property
    def is_pending(self) -> bool:
        return self.problem is None and not self.found


def _open_all(session: Session, openings: Sequence[_Opening]) -> None:
    """Make the proxies of one environment, and set the outcome of each."""
    first = openings[0].props
    with session.snapshots.writing(first["environmentId"]):
        try:
            snapshot = session.living(first, subject=_subject(first))
            for one in openings:
                one.owned = not _is_there(snapshot, one.props) or is_own_part(snapshot, one.props)
            _make(session, [one for one in openings if not _is_there(snapshot, one.props)])
            _await(session, [one for one in openings if one.problem is None])
        except Exception as error:  # noqa: BLE001  # every member of the turn gets it
            for one in openings:
                if one.is_pending:
                    one.problem = about(error, _subject(one.props))


def _make(session: Session, openings: Sequence[_Opening]) -> None:
    """Make them by one patch; if Railway refuses it, in halves, so that one of them does not block the others."""
    if not openings:
        return
    try:
        _patch(session, [one.props for one in openings], {})
    except RailwayError as error:
        if len(openings) == 1 or not isinstance(error, REFUSED):
            for one in openings:
                one.problem = error.about(_subject(one.props))
            return
        half = len(openings) // 2
        _make(session, openings[:half])
        _make(session, openings[half:])
        return
    for props in (one.props for one in openings):
        session.anew.add((str(props["serviceId"]), BoundPlace(BoundKind.TCP_PROXY, _key(props))))


def _patch(session: Session, proxies: Sequence[Props], value: dict[str, Any] | None) -> None:
    services: dict[str, Any] = {}
    for props in proxies:
        ports = services.setdefault(props["serviceId"], {"networking": {"tcpProxies": {}}})["networking"]["tcpProxies"]
        ports[_key(props)] = value
    first, subject = proxies[0], together([_subject(props) for props in proxies])
    variables = {"environmentId": first["environmentId"], "patch": {"services": services}, "message": subject[:200]}

    def seen() -> bool | None:
        now = session.living(first, subject=subject, fresh=True)
        return True if all(_is_there(now, props) == (value is not None) for props in proxies) else None

    session.client.mutate(documents.PATCH_COMMIT, variables, subject=subject, observe=seen)


def _find(session: Session, props: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Any] | None:
    details = session.snapshots.details(snapshot)
    why = details.proxies_unread(str(props["serviceId"]))
    if why and _is_there(snapshot, props):
        raise InfraError(_subject(props), f"it cannot be read: {why}", "run pulumi up again")
    for row in details.tcp_proxies.get(props["serviceId"]) or []:
        if row["applicationPort"] == whole(props["applicationPort"]):
            return row
    return None


def _await(session: Session, openings: Sequence[_Opening]) -> None:
    """Read until Railway has given each a domain and a port, as its CLI does."""
    deadline, pause = session.client.clock() + _APPEARS_SECONDS, 0.1
    while waiting := [one for one in openings if one.is_pending]:
        now = session.living(waiting[0].props, subject=_subject(waiting[0].props), fresh=True)
        for one in waiting:
            found = _find(session, one.props, now)
            if found is not None and found.get("domain") and found.get("proxyPort"):
                one.found = found
        if not any(one.is_pending for one in waiting):
            return
        if session.client.clock() > deadline:
            for one in waiting:
                if one.is_pending:
                    problem = f"no port after {_APPEARS_SECONDS:g} s"
                    one.problem = InfraError(_subject(one.props), problem, "run pulumi up again")
            return
        session.client.sleep(pause)
        pause = min(pause * 2, 2.0)


def _outputs(props: Props, found: Mapping[str, Any]) -> Props:
    # The domain may end in a dot (fact: tcp-proxy-dot).
    host = str(found["domain"]).rstrip(".")
    return {**props, "host": host, "proxyPort": found["proxyPort"]}


class TcpProxy(Resource, module="railway", name="TcpProxy"):
    """A TCP proxy of a service instance."""

    host: pulumi.Output[str]
    proxyPort: pulumi.Output[int]

    def __init__(self, name: str, args: TcpProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            TcpProxyProvider(),
            name,
            {
                **args.at.part(),
                "applicationPort": args.application_port,
                "host": None,
                "proxyPort": None,
            },
            opts,
        )
