"""`Service`: a name in a project and an instance in an environment; empty until `ServiceInstance` fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, OWNED, is_owned
from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import destroy_reasons
from convos_infra.railway.arrival import Arrival, await_instance, await_instances
from convos_infra.railway.bring import bring_all
from convos_infra.railway.removal import Removal, remove
from convos_infra.railway.resources.adoption import with_identity
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    name_failures,
    with_outputs,
)
from convos_infra.railway.resources.rename import rename
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.service_reads import REST_SECONDS
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents
from railway_api.errors import AlreadyExists

_PARENT = ("projectId", "environmentId")
_INPUTS = (*_PARENT, "name", ADOPTS, OWNED)


@dataclass(frozen=True)
class ServiceArgs:
    """The inputs of a `Service`.

    Attributes:
        project_id, environment_id: where.
        name: at most 32 characters; also its private name `<name>.railway.internal`.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    name: str


class ServiceProvider(RailwayProvider):
    """Finds or makes a service, and its instance in one environment."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the name; before the first update say whether it will be taken over."""
        failures = id_failures(news, "projectId", "environmentId")
        failures = failures or self._unfit_name(olds, news)
        if not failures:
            self._declare(olds, news)
        failures = failures or self._taken_names(olds, news)
        if failures or has_unknown(news):
            return news, failures

        def find(named: Props) -> tuple[str, Props] | None:
            snapshot = self.session().living(news, subject=str(named["name"]))
            id_ = _find(snapshot, named["name"])
            if id_ is None:
                return None
            return id_, {"serviceId": id_} if olds else {"serviceId": id_, OWNED: _is_own(snapshot, id_)}

        # Elsewhere it is another one, which nobody has looked for yet.
        is_moved = bool(olds) and bool(difference(olds, news, (), _PARENT).replaces)
        return with_identity("service", olds, news, () if is_moved else ("name",), find)

    def _unfit_name(self, olds: Props, news: Props) -> list[CheckFailure]:
        """Refuse a name for a new service; one that lives already may be called as its owners like."""
        failures = name_failures("name", news.get("name"))
        if not failures or not isinstance(name := news.get("name"), str) or not name.strip() or has_unknown(news):
            return failures
        if olds:
            return [] if olds.get("name") == name else failures
        is_there = self.run() is not None and _find(self.session().living(news, subject="service"), name) is not None
        return [] if is_there else failures

    def _declare(self, olds: Props, news: Props) -> None:
        """Say it to the references of others: a name in the state is one that the service had, and need not have."""
        moved = bool(olds) and bool(difference(olds, news, (), _PARENT).replaces)
        was = "" if moved or olds.get("name") == news["name"] else str(olds.get("name") or "")
        self.declare(news, news["name"], is_new=moved or not olds, was=was)
        if self.run() is not None and not has_unknown([news["environmentId"], news["name"]]):
            # Pulumi sends its configuration once it is made, or is known to be the same.
            here, name = str(news["environmentId"]), str(news["name"])
            self.session().group(bring_all, here).expect(name)
            if moved or not olds:
                self.session().group(await_instances, here).expect(name)

    def _taken_names(self, olds: Props, news: Props) -> list[CheckFailure]:
        """Refuse a second resource of one name in one environment: both would take over the same service.

        One that is replaced is checked twice, and would be, too: made anew under its own name it is found, and deleted.
        """
        run = self.run()
        if run is None or is_unknown(news["name"]) or (olds and difference(olds, news, (), _PARENT).replaces):
            return []
        # Before its first update an environment has no id yet; where there is one alone, it is that.
        if is_unknown(news["environmentId"]) and len(run.environments) > 1:
            return []
        key = ("" if is_unknown(news["environmentId"]) else str(news["environmentId"]), str(news["name"]))
        with run.lock:
            is_taken = key in run.services
            run.services.add(key)
        reason = f"{news['name']!r} is the name of two Service resources in one environment: rename one of them"
        return [CheckFailure("name", reason)] if is_taken else []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """A name changes in place, with its data and domains; another place is another service."""
        del id_
        return difference(olds, news, ("name",), _PARENT)

    def created(self, props: Props) -> CreateResult:
        """Take it over by name, give it an instance here, or make it: empty, so that nothing is deployed yet."""
        session = self.session()
        name, here = str(props["name"]), str(props["environmentId"])
        session.group(await_instances, here).send(name)
        try:
            return self._made(session, props)
        except Exception:
            session.group(bring_all, here).drop(name)
            raise
        finally:
            session.group(await_instances, here).drop(name)

    def _made(self, session: Session, props: Props) -> CreateResult:
        name = props["name"]
        with session.snapshots.making(props["environmentId"], name) as holding:
            # Railway itself refuses a name that somebody has used since then.
            snapshot = session.living(props, subject=name, age=REST_SECONDS)
            id_ = _find(snapshot, name)
            owned = id_ is not None and _is_own(snapshot, id_)
            is_made, made_at = id_ is None, ""
            if id_ is None:
                id_, owned, is_made, made_at = _made_or_found(session, props, snapshot)
            # Nothing was changed, or what comes next reads it back.
            holding.is_settled = True
        if id_ not in snapshot.instances:
            if not is_made:
                _materialise(session, props, id_)
            await_instance(session, Arrival(props, id_, made_at))
        return CreateResult(id_, {**props, "serviceId": id_, OWNED: owned})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it; gone where the environment answers and has no instance of it."""
        session = self.session()
        try:
            snapshot = session.refreshed(props, subject=props["name"])
        except Gone:
            return ReadResult("", {})
        # Its configuration is compared with what runs; Pulumi asks for that once all services are read.
        session.snapshots.begin_details(snapshot)
        if id_ not in snapshot.instances:
            return ReadResult("", {})
        name = snapshot.project_services.get(id_, props["name"])
        # Every release has announced the adoption of a service: without that it was made.
        live = {**props, "name": name, "serviceId": id_, OWNED: is_owned(props, otherwise=True)}
        return ReadResult(id_, live, inputs_of(live, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Rename it, in every environment that has it: a service's name is the project's."""
        session = self.session()
        with session.snapshots.writing(news["environmentId"]):
            snapshot = session.living(news, subject=news["name"], fresh=True)
            if id_ not in snapshot.instances:
                raise InfraError(olds["name"], "it is not in this environment any more", "run pulumi refresh")
            rename(
                session,
                "service",
                (olds["name"], snapshot.project_services.get(id_, olds["name"]), news["name"]),
                documents.SERVICE_UPDATE,
                {"id": id_, "input": {"name": news["name"]}},
                is_taken=bool(snapshot.services_named(news["name"])),
                now=lambda: session.living(news, subject=news["name"], fresh=True).project_services.get(id_, ""),
            )
        return UpdateResult({**with_outputs(olds, news, ("serviceId",)), OWNED: is_owned(olds, otherwise=True)})

    def deleted(self, id_: str, props: Props) -> None:
        """Remove it from this environment alone, if this stack made it, and from the project once no other has it."""

        def stays(snapshot: Snapshot) -> bool:
            if id_ not in snapshot.instances:
                # Somebody else has removed it from here: what the project has of it goes only if it is this stack's.
                if not (self.policy().adopted or is_owned(props, otherwise=True)):
                    return True
            elif self.leaves(props, f"service {props['name']}", otherwise=True, holds=True):
                return True
            self.guard(props, props["name"])
            return False

        remove(self.session(), Removal(props, id_, stays))


def _find(snapshot: Snapshot, name: str) -> str | None:
    """Return the service of that name: one that has an instance here before one that has not; never guess."""
    here = [id_ for id_, row in snapshot.instances.items() if row.get("serviceName") == name]
    found = here or snapshot.services_named(name)
    if len(found) > 1:
        ids = ", ".join(sorted(found))
        raise InfraError(name, f"there are {len(found)} services of that name: {ids}", "remove or rename all but one")
    return found[0] if found else None


def _is_own(snapshot: Snapshot, id_: str) -> bool:
    """Tell whether a service that was found is this stack's: new in this environment, or as its creation leaves it.

    What belongs into a service is made once it is in the state, so an interrupted creation leaves an empty one. One
    that somebody else left empty holds nothing of theirs either.
    """
    return id_ not in snapshot.instances or destroy_reasons.is_untouched(snapshot, id_)


def _made_or_found(session: Session, props: Mapping[str, Any], snapshot: Snapshot) -> tuple[str, bool, bool, str]:
    """Make it; where another update, maybe of another environment, was faster, take over what that one made.

    Returns:
        Its id; whether it is this stack's own; whether it has an instance here, or gets it by itself; and when it was
        made here, empty if that is not known.
    """
    try:
        made, made_at = _make(session, props, snapshot)
    except AlreadyExists:
        now = session.living(props, subject=props["name"], fresh=True)
        id_ = _find(now, props["name"])
        if id_ is None:
            raise
        return id_, _is_own(now, id_), id_ in now.instances, ""
    return made, True, True, made_at


def _make(session: Session, props: Mapping[str, Any], snapshot: Snapshot) -> tuple[str, str]:
    given = {"projectId": props["projectId"], "environmentId": props["environmentId"], "name": props["name"]}
    if not snapshot.is_fork:
        # serviceCreate gives every environment that is no fork an instance, and there is no narrower way.
        session.client.progress(f"{props['name']}: made in every environment of the project that is no fork")

    def seen() -> str | None:
        return _find(session.living(props, subject=props["name"], fresh=True), props["name"])

    data, found = session.client.mutate(
        documents.SERVICE_CREATE, {"input": given}, subject=props["name"], observe=seen, settle=True
    )
    if found is not None:
        return found, ""
    made = (data or {})["serviceCreate"]
    return str(made["id"]), str(made.get("createdAt") or "")


def _materialise(session: Session, props: Mapping[str, Any], id_: str) -> None:
    """Give a service of the project, that lives in other environments only, an instance in this one."""
    patch = {"services": {id_: {"isCreated": True}}}
    variables = {"environmentId": props["environmentId"], "patch": patch, "message": f"{props['name']}: added"}

    def seen() -> bool | None:
        snapshot = session.living(props, subject=props["name"], fresh=True)
        return True if id_ in snapshot.instances else None

    with session.snapshots.writing(props["environmentId"]):
        session.client.mutate(documents.PATCH_COMMIT, variables, subject=props["name"], observe=seen)


class Service(Resource, module="railway", name="Service"):
    """A Railway service in one environment."""

    serviceId: pulumi.Output[str]
    name: pulumi.Output[str]
    owned: pulumi.Output[bool | None]
    """Whether this stack made it; None in a state of an older release until a refresh."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            ServiceProvider(),
            name,
            {
                "projectId": args.project_id,
                "environmentId": args.environment_id,
                "name": args.name,
                "serviceId": None,
                "owned": None,
            },
            opts,
        )
        self._args = args

    def at(self) -> ServiceAt:
        """Return what the resources that belong into this service are told."""
        args = self._args
        return ServiceAt(args.project_id, args.environment_id, self.serviceId, str(args.name), self.owned)
