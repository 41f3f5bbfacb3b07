"""`ProjectToken`: a token that reaches one environment, for a program that runs in it. Its value is a secret output.

Railway shows a token's value once, in the answer that makes it. A token whose answer was lost, or that an earlier run
made and forgot, cannot be read again: it is found by its name, deleted, and made again. If a service may be using it,
it stays: without this stack's state nobody can tell which token a sealed variable holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import OWNED, SERVICE_OWNED
from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.listing import TOKENS, completed, nodes
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    name_failures,
    with_outputs,
)
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone
from convos_infra.railway.until import until
from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound

if TYPE_CHECKING:
    from convos_infra.provider import Props
    from convos_infra.railway.resources.service_at import ServiceAt

_PLACE = ("projectId", "environmentId", "name")
_INPUTS = (*_PLACE, "serviceId", "variable")
_ATTEMPTS = 3
_KEPT = "the service that uses it was taken over, or the state does not tell; it is deleted with its environment"
_LISTED_SECONDS = 30.0
"""How long a new token may be missing from the list; 1 to 30 s of such lag were seen elsewhere (fact: read-lag)."""


@dataclass(frozen=True)
class ProjectTokenArgs:
    """The inputs of a `ProjectToken`.

    Attributes:
        project_id, environment_id: the environment that it reaches.
        name: its name, which no other stack uses, so that it is found again.
        service_owned: whether this stack made the service that uses it; None if that is not known.
        user, variable: the service that it is made for, and the variable that holds it there.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    name: pulumi.Input[str]
    service_owned: pulumi.Input[bool | None] = None
    user: ServiceAt | None = None
    variable: str = ""

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        place = {"projectId": self.project_id, "environmentId": self.environment_id, "name": self.name}
        user = {} if self.user is None else {"serviceId": self.user.service_id, "variable": self.variable}
        return {**place, **user, SERVICE_OWNED: self.service_owned}


class ProjectTokenProvider(RailwayProvider):
    """Makes a token and revokes it."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the name."""
        del olds
        return news, id_failures(news, "projectId", "environmentId") + name_failures("name", news.get("name"))

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """A token never changes; a different environment or name needs a replacement."""
        del id_
        return difference(olds, news, (), _PLACE)

    def created(self, props: Props) -> CreateResult:
        """Make it; first delete a token of that name whose value is lost, unless a service may be using it.

        A service that was taken over gets the new token and needs it as long as it exists, so this stack does not own
        that token and never revokes it.
        """
        session = self.session()
        owned = props.get(SERVICE_OWNED) is not False
        others: set[str] = set()
        for stale in _named(session, props):
            if owned and not _may_be_used(session, props):
                _delete(session, props, stale["id"])
            else:
                session.client.progress(
                    f"{_subject(props)}: another token of this name stays: a service may be using it"
                )
                others.add(str(stale["id"]))
        for _ in range(_ATTEMPTS):
            value, row = _make(session, props, others)
            if row is None:
                raise InfraError(_subject(props), "made, but Railway does not list it", "run pulumi up again")
            if value:
                return CreateResult(row["id"], {**props, "value": value, OWNED: owned})
            session.client.progress(f"{_subject(props)}: the answer with its value was lost; making another")
            _delete(session, props, row["id"])
        raise InfraError(_subject(props), "Railway's answer was lost each time", "run pulumi up again")

    def current(self, id_: str, props: Props) -> ReadResult:
        """Check that it exists; its value cannot be read. Railway lists it even after its environment is deleted."""
        session = self.session()
        try:
            listed = session.refreshed(props, subject=_subject(props)).tokens
        except Gone:
            return ReadResult("", {})
        if _is_gone(session, props, id_) if listed is None else all(row["id"] != id_ for row in listed):
            return ReadResult("", {})
        return ReadResult(id_, props, inputs_of(props, (*_INPUTS, SERVICE_OWNED)))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Keep the value."""
        del id_
        return UpdateResult(with_outputs(olds, news, ("value", OWNED)))

    def deleted(self, id_: str, props: Props) -> None:
        """Revoke it, unless a service that is kept may need it: then it is deleted with its environment."""
        session = self.session()
        if _is_gone(session, props, id_) or self.leaves(props, _subject(props), otherwise=False, why=_KEPT):
            return
        self.guard(props, _subject(props))
        _delete(session, props, id_)


def _subject(props: Mapping[str, Any]) -> str:
    return f"project token {props['name']}"


def _rows(session: Session, props: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = session.client.query(documents.PROJECT_TOKENS, {"projectId": props["projectId"]}, subject=_subject(props))
    found = completed(session.client, data, str(props["projectId"]), TOKENS, subject=_subject(props))
    return nodes(found.get("projectTokens"))


def _named(session: Session, props: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        row
        for row in _rows(session, props)
        if row["name"] == props["name"] and row["environmentId"] == props["environmentId"]
    ]


def _may_be_used(session: Session, props: Mapping[str, Any]) -> bool:
    """Tell whether the service that the token is made for has a token already."""
    if not props.get("variable"):
        return False
    service = session.living(props, subject=_subject(props)).service(props["serviceId"]) or {}
    return str(props["variable"]) in live_variables(service)


def _make(session: Session, props: Mapping[str, Any], others: Collection[str]) -> tuple[str, Mapping[str, Any] | None]:
    """Return the value, empty if the answer was lost, and the listed token; `others` are ids of older ones."""

    def seen() -> Mapping[str, Any] | None:
        rows = [row for row in _named(session, props) if row["id"] not in others]
        return rows[0] if rows else None

    given = {key: props[key] for key in _PLACE}
    data, row = session.client.mutate(
        documents.PROJECT_TOKEN_CREATE, {"input": given}, subject=_subject(props), observe=seen, settle=True
    )
    value = str((data or {}).get("projectTokenCreate") or "")
    if row is None:
        row = until(session.client, seen, _LISTED_SECONDS)
    return value, row


def _delete(session: Session, props: Mapping[str, Any], id_: str) -> None:
    def gone() -> bool | None:
        return True if _is_gone(session, props, id_) else None

    session.client.mutate(documents.PROJECT_TOKEN_DELETE, {"id": id_}, subject=_subject(props), observe=gone)


def _is_gone(session: Session, props: Mapping[str, Any], id_: str) -> bool:
    """Tell whether the token provably does not exist: it is deleted with its environment and with its project."""
    try:
        return all(row["id"] != id_ for row in _rows(session, props))
    except (NotAuthorized, NotFound):
        try:
            session.read(props, subject=_subject(props), fresh=True)
        except Gone:
            return True
        raise


class ProjectToken(Resource, module="railway", name="ProjectToken"):
    """A token of one environment; `value` is secret."""

    value: pulumi.Output[str]

    def __init__(self, name: str, args: ProjectTokenArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # A value that a provider makes is plain in the state unless it is named here (seen with Pulumi 3.272).
        marked = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        properties = {**args.properties(), "value": None}
        super().__init__(ProjectTokenProvider(), name, properties, pulumi.ResourceOptions.merge(opts, marked))
