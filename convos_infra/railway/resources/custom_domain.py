"""`CustomDomain`: a domain of the user's own; its DNS records are outputs, to be set at the provider of its DNS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import OWNED, is_owned
from convos_infra.provider import is_unknown
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
from convos_infra.railway.resources.service_domain import is_own_part
from convos_infra.railway.rules import whole
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents

if TYPE_CHECKING:
    from convos_infra.provider import Props

_INPUTS = ("projectId", "environmentId", "serviceId", "service", "domain", "targetPort", *RECORDED)
_DOMAIN = re.compile(r"^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")


@dataclass(frozen=True)
class CustomDomainArgs:
    """The inputs of a `CustomDomain`.

    Attributes:
        at: the service instance that it belongs to.
        domain: `agents.example.org`.
        target_port: the port on which the service listens; None leaves it to Railway.
    """

    at: ServiceAt
    domain: pulumi.Input[str]
    target_port: pulumi.Input[int] | None = None


class CustomDomainProvider(RailwayProvider):
    """Finds or registers a domain."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check domain and port; before the first update, announce that an existing domain will be taken over."""
        failures = id_failures(news, "projectId", "environmentId", "serviceId")
        failures += port_failures("targetPort", news.get("targetPort"))
        domain = news.get("domain")
        if not is_unknown(domain) and not (isinstance(domain, str) and _DOMAIN.fullmatch(domain)):
            failures.append(CheckFailure("domain", f"must be a domain in lower case, not {domain!r}"))
        elif not is_unknown(domain) and str(domain).endswith(".railway.app"):
            failures.append(CheckFailure("domain", "is Railway's own: use a ServiceDomain"))

        if not olds:
            self.declare(news, news.get("service"), given=OF_DOMAIN)

        def find() -> tuple[str, Mapping[str, Any]] | None:
            snapshot = self.session().living(news, subject=_subject(news))
            found = _find(snapshot, news)
            if found is None:
                return None
            return str(found["id"]), {**_live(found), OWNED: is_own_part(snapshot, news)}

        return (news if failures else with_adoption(olds, news, ("targetPort",), find)), failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """The port changes in place."""
        del id_
        return difference(olds, news, ("targetPort",), ("projectId", "environmentId", "serviceId", "domain"))

    def created(self, props: Props) -> CreateResult:
        """Take it over if the service has it already, or register it."""
        session = self.session()
        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            snapshot = session.living(props, subject=_subject(props))
            found = _find(snapshot, props)
            owned = found is None or is_own_part(snapshot, props)
            if found is None:
                found = _make(session, props)
            elif _port(props) is not None and found.get("targetPort") != _port(props):
                _set_port(session, props, found["id"])
        return CreateResult(found["id"], {**_outputs(props, found), OWNED: owned})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it, verification status and records included."""
        try:
            snapshot = self.session().refreshed(props, subject=_subject(props))
        except Gone:
            return ReadResult("", {})
        found = _find(snapshot, props)
        if found is None or found["id"] != id_:
            return ReadResult("", {})
        live = {**props, **(_live(found) if props.get("targetPort") is not None else {})}
        live[OWNED] = is_owned(props, otherwise=snapshot.is_fork)
        return ReadResult(id_, _outputs(live, found), inputs_of(live, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Change the port, unless somebody changed it since the state was written."""
        session = self.session()
        with session.snapshots.writing(news["environmentId"]):
            snapshot = session.living(news, subject=_subject(news), fresh=True)
            found = _find(snapshot, news)
            if found is None:
                raise InfraError(_subject(news), "it is gone", "run pulumi refresh, then pulumi up registers it again")
            refuse_unseen_changes(_subject(news), olds, _live(found), news, ("targetPort",))
            if found.get("targetPort") != _port(news):
                _set_port(session, news, id_)
        return UpdateResult({**_outputs(news, found), OWNED: is_owned(olds, otherwise=snapshot.is_fork)})

    def deleted(self, id_: str, props: Props) -> None:
        """Remove it from the service, if this stack registered it."""
        session = self.session()

        def seen() -> bool | None:
            try:
                found = _find(session.read(props, subject=_subject(props), fresh=True), props)
            except Gone:
                return True
            return True if found is None or found["id"] != id_ else None

        if seen():
            return
        is_fork = session.living(props, subject=_subject(props)).is_fork
        if self.leaves(props, f"{_subject(props)} of {props['service']}", otherwise=is_fork):
            return
        self.guard(props, _subject(props))
        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            session.client.mutate(documents.CUSTOM_DOMAIN_DELETE, {"id": id_}, subject=_subject(props), observe=seen)


def _subject(props: Mapping[str, Any]) -> str:
    return f"domain {props['domain']}"


def _port(props: Mapping[str, Any]) -> int | None:
    return None if props.get("targetPort") is None else whole(props["targetPort"])


def _live(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"targetPort": found.get("targetPort")}


def _find(snapshot: Snapshot, props: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the service's domain of this name; the order of Railway's list is not documented."""
    for row in snapshot.domains(props["serviceId"], "customDomains"):
        if row["domain"] == props["domain"]:
            return row
    return None


def _make(session: Session, props: Mapping[str, Any]) -> Mapping[str, Any]:
    given = {key: props[key] for key in ("projectId", "environmentId", "serviceId", "domain")}
    if _port(props) is not None:
        given["targetPort"] = _port(props)

    def seen() -> Mapping[str, Any] | None:
        return _find(session.living(props, subject=_subject(props), fresh=True), props)

    _, found = session.client.mutate(
        documents.CUSTOM_DOMAIN_CREATE, {"input": given}, subject=_subject(props), observe=seen, settle=True
    )
    found = found or seen()
    if found is None:
        raise InfraError(_subject(props), "registered, but not listed yet", "run pulumi up again")
    return found


def _set_port(session: Session, props: Mapping[str, Any], id_: str) -> None:
    variables = {"id": id_, "environmentId": props["environmentId"], "targetPort": _port(props)}

    def seen() -> bool | None:
        found = _find(session.living(props, subject=_subject(props), fresh=True), props)
        return True if found is not None and found.get("targetPort") == _port(props) else None

    session.client.mutate(documents.CUSTOM_DOMAIN_UPDATE, variables, subject=_subject(props), observe=seen)
    refuse_lost(_subject(props), f"port {_port(props)}", session.until(seen))


def _outputs(props: Props, found: Mapping[str, Any]) -> Props:
    status = found.get("status") or {}
    records = [_record(row) for row in status.get("dnsRecords") or []]
    if status.get("verificationDnsHost"):
        # Without this TXT record the domain answers 404 though its CNAME is right (fact: custom-domain-txt).
        value = str(status.get("verificationToken") or "")
        records.append({"type": "TXT", "name": str(status["verificationDnsHost"]), "value": value})
    # Railway lists them in no fixed order.
    records.sort(key=lambda row: (row["type"], row["name"], row["value"]))
    return {**props, "dnsRecords": records, "verified": bool(status.get("verified"))}


def _record(row: Mapping[str, Any]) -> dict[str, str]:
    kind = str(row.get("recordType") or "").removeprefix("DNS_RECORD_TYPE_")
    return {"type": kind, "name": str(row.get("fqdn") or ""), "value": str(row.get("requiredValue") or "")}


class CustomDomain(Resource, module="railway", name="CustomDomain"):
    """A domain of the user's own."""

    domain: pulumi.Output[str]
    dnsRecords: pulumi.Output[Sequence[Mapping[str, str]]]
    verified: pulumi.Output[bool]

    def __init__(self, name: str, args: CustomDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            CustomDomainProvider(),
            name,
            {
                **args.at.part(),
                "domain": args.domain,
                "targetPort": args.target_port,
                "dnsRecords": None,
                "verified": None,
            },
            opts,
        )
