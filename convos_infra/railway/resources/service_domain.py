"""`ServiceDomain`: the one Railway domain of a service instance, generated or with a chosen first label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import OWNED, is_owned, is_services_own
from convos_infra.provider import Props, is_unknown
from convos_infra.railway.bound import BoundKind, BoundPlace
from convos_infra.railway.provided_variables import OF_DOMAIN
from convos_infra.railway.resources.adoption import RECORDED, with_adoption
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    port_failures,
    refuse_lost,
    refuse_unseen_changes,
)
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.rules import whole
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents

_INPUTS = ("projectId", "environmentId", "serviceId", "service", "subdomain", "targetPort", *RECORDED)
_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


@dataclass(frozen=True)
class ServiceDomainArgs:
    """The inputs of a `ServiceDomain`.

    Attributes:
        at: the service instance that it belongs to.
        subdomain: the first label; empty accepts the one that Railway generates.
        target_port: the port on which the service listens; None leaves it to Railway.
    """

    at: ServiceAt
    subdomain: pulumi.Input[str] = ""
    target_port: pulumi.Input[int] | None = None


class ServiceDomainProvider(RailwayProvider):
    """Finds or makes the Railway domain of a service instance."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check label and port; before the first update, announce that an existing domain will be taken over."""
        failures = id_failures(news, "projectId", "environmentId", "serviceId")
        failures += port_failures("targetPort", news.get("targetPort"))
        label = news.get("subdomain")
        if label and not is_unknown(label) and not (isinstance(label, str) and _LABEL.fullmatch(label)):
            failures.append(CheckFailure("subdomain", f"must be one label of a domain, not {label!r}"))

        if not olds:
            self.declare(news, news.get("service"), given=OF_DOMAIN)
        elif olds.get("subdomain") != label:
            self.declare(news, news.get("service"), moves=OF_DOMAIN)

        def find() -> tuple[str, Mapping[str, Any]] | None:
            snapshot = self.session().living(news, subject=_subject(news))
            found = _find(snapshot, news)
            if found is None:
                return None
            return str(found["domain"]), {**_live(found), OWNED: is_own_part(snapshot, news)}

        return (news if failures else with_adoption(olds, news, ("subdomain", "targetPort"), find)), failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Label and port change in place."""
        del id_
        return difference(olds, news, ("subdomain", "targetPort"), ("projectId", "environmentId", "serviceId"))

    def created(self, props: Props) -> CreateResult:
        """Take over the domain that the service has, or generate one; then give it its label and port."""
        session = self.session()
        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            snapshot = session.living(props, subject=_subject(props))
            found = _find(snapshot, props)
            owned = found is None or is_own_part(snapshot, props)
            if found is None:
                found = _make(session, props)
                session.anew.add(
                    (str(props["serviceId"]), BoundPlace(BoundKind.SERVICE_DOMAIN, props.get("subdomain") or ""))
                )
            found = _applied(session, props, found)
        return CreateResult(found["id"], {**_outputs(props, found), OWNED: owned})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it."""
        try:
            snapshot = self.session().refreshed(props, subject=_subject(props))
        except Gone:
            return ReadResult("", {})
        row = _of_id(snapshot, props, id_)
        if row is None:
            return ReadResult("", {})
        live = {**props, **{key: value for key, value in _live(row).items() if props.get(key) is not None}}
        live[OWNED] = is_owned(props, otherwise=snapshot.is_fork)
        return ReadResult(id_, _outputs(live, row), inputs_of(live, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Change label or port, unless somebody changed them since the state was written."""
        session = self.session()
        with session.snapshots.writing(news["environmentId"]):
            snapshot = session.living(news, subject=_subject(news), fresh=True)
            found = _of_id(snapshot, news, id_)
            if found is None:
                raise InfraError(_subject(news), f"{id_} is gone", "run pulumi refresh, then pulumi up makes another")
            refuse_unseen_changes(_subject(news), olds, _live(found), news, ("subdomain", "targetPort"))
            _refuse_another_name(olds, news, found)
            found = _applied(session, news, found)
        return UpdateResult({**_outputs(news, found), OWNED: is_owned(olds, otherwise=snapshot.is_fork)})

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it, if this stack made it."""
        session = self.session()

        def seen() -> bool | None:
            try:
                now = session.read(props, subject=_subject(props), fresh=True)
            except Gone:
                return True
            return None if _of_id(now, props, id_) else True

        if seen():
            return
        is_fork = session.living(props, subject=_subject(props)).is_fork
        if self.leaves(props, f"domain {props.get('domain')} of {props['service']}", otherwise=is_fork):
            return
        self.guard(props, _subject(props))
        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            session.client.mutate(documents.SERVICE_DOMAIN_DELETE, {"id": id_}, subject=_subject(props), observe=seen)


def is_own_part(snapshot: Snapshot, props: Mapping[str, Any]) -> bool:
    """Tell whether an existing domain or proxy belongs to this stack: it made the service, which was never deployed.

    An interrupted update leaves such a part behind: nothing is deployed before the domain or proxy is in the state.
    """
    return is_services_own(props) and snapshot.latest_deployment(props["serviceId"]) is None


def _subject(props: Mapping[str, Any]) -> str:
    return f"domain of {props['service']}"


def _of_id(snapshot: Snapshot, props: Mapping[str, Any], id_: str) -> Mapping[str, Any] | None:
    rows = snapshot.domains(props["serviceId"], "serviceDomains")
    return next((row for row in rows if row["id"] == id_), None)


def _find(snapshot: Snapshot, props: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the service's domain: the one with the wanted label, else its only one."""
    rows = snapshot.domains(props["serviceId"], "serviceDomains")
    labelled = [row for row in rows if _live(row)["subdomain"] == props.get("subdomain")]
    if len(rows) > 1 and not labelled:
        names = ", ".join(sorted(str(row["domain"]) for row in rows))
        raise InfraError(
            _subject(props),
            f"the service has {len(rows)} Railway domains: {names}",
            "set subdomain to the label of the one that is meant",
        )
    return next(iter(labelled or rows), None)


def _live(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"subdomain": str(row["domain"]).partition(".")[0], "targetPort": row.get("targetPort")}


def _refuse_another_name(olds: Props, news: Props, found: Mapping[str, Any]) -> None:
    """Raise an error if somebody renamed it since the last update: no preview announced a deployment for that name."""
    before, now = olds.get("domain"), str(found["domain"])
    if before and before != now and _live(found)["subdomain"] != news.get("subdomain"):
        problem = f"somebody renamed it from {before} to {now} since the last update"
        raise InfraError(_subject(news), problem, "pulumi refresh records it, then pulumi up")


def _make(session: Session, props: Mapping[str, Any]) -> Mapping[str, Any]:
    given = {"environmentId": props["environmentId"], "serviceId": props["serviceId"]}

    def seen() -> Mapping[str, Any] | None:
        return _find(session.living(props, subject=_subject(props), fresh=True), props)

    data, found = session.client.mutate(
        documents.SERVICE_DOMAIN_CREATE, {"input": given}, subject=_subject(props), observe=seen, settle=True
    )
    made: Mapping[str, Any] = found or (data or {})["serviceDomainCreate"]
    return made


def _applied(session: Session, props: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the domain its label and port if they differ; the suffix is Railway's."""
    label, _, suffix = str(found["domain"]).partition(".")
    wanted = f"{props.get('subdomain') or label}.{suffix}"
    port = whole(props.get("targetPort")) if props.get("targetPort") is not None else found.get("targetPort")
    if wanted == found["domain"] and port == found.get("targetPort"):
        return found
    given = {
        "serviceDomainId": found["id"],
        "domain": wanted,
        "serviceId": props["serviceId"],
        "environmentId": props["environmentId"],
        "targetPort": port,
    }

    latest: list[Mapping[str, Any]] = []

    def seen() -> bool | None:
        now = _of_id(session.living(props, subject=_subject(props), fresh=True), props, found["id"])
        latest[:] = [now] if now is not None else []
        return True if now is not None and now["domain"] == wanted and now.get("targetPort") == port else None

    session.client.mutate(documents.SERVICE_DOMAIN_UPDATE, {"input": given}, subject=_subject(props), observe=seen)
    is_there = session.until(seen)
    if is_there is None and latest and latest[0].get("targetPort") == port:
        raise _unrenamed(props, str(latest[0]["domain"]), wanted)
    refuse_lost(_subject(props), f"{wanted}, port {port}", is_there)
    return {**found, "domain": wanted, "targetPort": port}


def _unrenamed(props: Mapping[str, Any], domain: str, wanted: str) -> InfraError:
    """Return the error for a domain whose name Railway kept: another update would not help (fact: domain-rename)."""
    problem = f"Railway took the change but does not show {wanted}: the domain is still {domain}"
    step = f"rename it in Railway's dashboard, or set subdomain to {domain.partition('.')[0]} to keep its name"
    return InfraError(_subject(props), problem, step)


def _outputs(props: Props, found: Mapping[str, Any]) -> Props:
    return {**props, "domain": found["domain"], "url": f"https://{found['domain']}"}


class ServiceDomain(Resource, module="railway", name="ServiceDomain"):
    """A Railway domain of a service instance."""

    domain: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            ServiceDomainProvider(),
            name,
            {
                **args.at.part(),
                "subdomain": args.subdomain or None,
                "targetPort": args.target_port,
                "domain": None,
                "url": None,
            },
            opts,
        )
