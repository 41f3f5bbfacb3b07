"""`Project`: found by its name, or made; deleted only by the stack that made it, and only if it is empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, OWNED
from convos_infra.provider import Props, is_unknown
from convos_infra.railway import project_reads
from convos_infra.railway.absence import PendingDeletion, project_is_gone, refuse_scheduled
from convos_infra.railway.listing import list_projects, nodes, read_project
from convos_infra.railway.provided_variables import PROJECT_NAME
from convos_infra.railway.resources.adoption import with_identity
from convos_infra.railway.resources.first_made import Namesakes, keep_first_made
from convos_infra.railway.resources.properties import difference, inputs_of, name_failures, with_outputs
from convos_infra.railway.resources.rename import rename
from convos_infra.railway.resources.workspace import workspace_id
from convos_infra.railway.service_reads import services_here
from convos_infra.railway.session import RailwayProvider, Session
from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound

BASE_ENVIRONMENT = "base"
"""The empty environment that stacks' environments are forked from: in a fork, Railway scopes a service to it alone."""
DESCRIPTION = "Made by convos-infra."
"""The description of a project that a stack made. It distinguishes an interrupted creation from a project of others."""
PENDING = "pendingDeletion"
"""The time at which Railway deletes the project and everything in it, as a refresh saw it."""
_IN_PLACE = ("name",)
_INPUTS = ("name", "workspace", "projectIdToAdopt", ADOPTS, OWNED)


@dataclass(frozen=True)
class ProjectArgs:
    """The inputs of a `Project`.

    Attributes:
        name: at most 32 characters, lower case.
        workspace: the id or the name of the workspace to make it in; empty takes the token's only one.
        project_id: take over this one instead of looking for the name.
    """

    name: pulumi.Input[str]
    workspace: pulumi.Input[str] = ""
    project_id: pulumi.Input[str] = ""


class ProjectProvider(RailwayProvider):
    """Finds or makes a project."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the name; before the first update, announce that an existing project will be taken over."""
        failures = name_failures("name", news.get("name"), longest=32, lower=True)
        if failures or is_unknown(news.get("name")):
            return news, failures
        if olds.get(PENDING):
            leaving = PendingDeletion(f"project {olds['name']}", str(olds[PENDING]), self.session().client.now())
            return news, [CheckFailure("", str(leaving))]
        self.declaring().renames(olds, news, PROJECT_NAME)

        def find(named: Props) -> tuple[str, Props] | None:
            session = self.session()
            found = _find(session, named)
            if found is None:
                _refuse_scheduled_namesake(session, named)
                return None
            project = _read(session, found["id"], str(news["name"])) or found
            project_reads.note(session, project)
            ids = {"projectId": found["id"], "baseEnvironmentId": _base_id(project)}
            return str(found["id"]), ids if olds else {**ids, OWNED: _is_fresh(project)}

        return with_identity("project", olds, news, _IN_PLACE, find)

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """The name changes in place."""
        del id_
        return difference(olds, news, (*_IN_PLACE, PENDING), ())

    def created(self, props: Props) -> CreateResult:
        """Take it over by name, or make it with its empty base environment."""
        session = self.session()
        with session.creating:
            project = project_reads.known(session, str(props.get(ADOPTS) or ""))
            found = project if project is not None else _find(session, props)
            if found is None:
                return self._made(session, props)
            project = project or _read(session, found["id"], props["name"]) or found
            return CreateResult(found["id"], _outputs(props, project, owned=_is_fresh(project)))

    def _made(self, session: Session, props: Props) -> CreateResult:
        workspace = workspace_id(session, props)
        given = {
            "name": props["name"],
            "description": DESCRIPTION,
            "defaultEnvironmentName": BASE_ENVIRONMENT,
            "workspaceId": workspace,
        }

        def seen() -> Mapping[str, Any] | None:
            return _find(session, props)

        data, found = session.client.mutate(
            documents.PROJECT_CREATE, {"input": given}, subject=f"project {props['name']}", observe=seen, settle=True
        )
        session.client.mark_just_created()
        project = found or (data or {}).get("projectCreate") or {}
        if found is None:
            kept = keep_first_made(session, project["id"], _namesakes(session, props, workspace))
            if kept != project["id"]:
                return self._taken(session, props, kept)
        # If the answer was lost, the project that was found may be somebody else's.
        owned = found is None or found.get("description") == DESCRIPTION
        return CreateResult(project["id"], _outputs(props, project, owned=owned))

    def _taken(self, session: Session, props: Props, id_: str) -> CreateResult:
        project = _read(session, id_, props["name"])
        if project is None:
            raise InfraError(f"project {props['name']}", f"{id_} was deleted a moment ago", "run pulumi up again")
        return CreateResult(id_, _outputs(props, project, owned=False))

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it; it counts as gone only if the workspace's list agrees."""
        session = self.session()
        props = {key: value for key, value in props.items() if key != PENDING}
        try:
            project = _read(session, id_, props["name"])
        except PendingDeletion as leaving:
            self.say_once(str(leaving))
            until = {PENDING: leaving.until}
            return ReadResult(id_, {**props, **until}, {**inputs_of(props, _INPUTS), **until})
        if project is None:
            return ReadResult("", {})
        # One that the config gives by its id may have any name.
        name = props["name"] if props.get("projectIdToAdopt") else project["name"]
        outputs = {**_outputs(props, project, owned=bool(props.get("owned"))), "name": name}
        return ReadResult(id_, outputs, inputs_of(outputs, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Rename it if the inputs have another name; one that the config gives by its id keeps its name."""
        if olds["name"] != news["name"] and not news.get("projectIdToAdopt"):
            self._renamed(id_, olds, news)
        return UpdateResult(with_outputs(olds, news, ("projectId", "baseEnvironmentId", OWNED)))

    def _renamed(self, id_: str, olds: Props, news: Props) -> None:
        session = self.session()

        def now() -> str:
            project = _read(session, id_, olds["name"])
            if project is None:
                raise InfraError(f"project {olds['name']}", "it does not exist any more", "run pulumi refresh")
            return str(project["name"])

        found = _find(session, news)
        rename(
            session,
            "project",
            (olds["name"], now(), news["name"]),
            documents.PROJECT_UPDATE,
            {"id": id_, "input": {"name": news["name"]}},
            is_taken=found is not None and found["id"] != id_,
            now=now,
        )

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it if this stack made it and it is empty; keep it otherwise."""
        session = self.session()
        subject = f"project {props['name']}"
        # Read it even if it is kept: a token that does not see it must not remove it from the state.
        project = _read(session, id_, props["name"])
        if project is None or self.leaves(props, subject, otherwise=False):
            return
        environments = [row for row in nodes(project.get("environments")) if not row.get("deletedAt")]
        others = [row["name"] for row in environments if row["id"] != _base_id(project)]
        services = any(not row.get("deletedAt") for row in nodes(project.get("services")))
        if services and not others:
            # The deletion of a service in its last environment may leave it in the project
            # (fact: scoped-delete-keeps-service).
            base = {"projectId": id_, "environmentId": _base_id(project)}
            services = bool(services_here(session, base, subject=subject))
        if others or services:
            session.client.progress(f"{subject}: kept, others live in it: {', '.join(others) or 'services'}")
            return

        def seen() -> bool | None:
            return True if _read(session, id_, props["name"]) is None else None

        session.client.mutate(documents.PROJECT_DELETE, {"id": id_}, subject=subject, observe=seen)


def _is_fresh(project: Mapping[str, Any]) -> bool:
    """Tell whether a stack's run made the project, and was killed before it wrote its state.

    It then has this program's description, and at most its base environment. A project that a person has just made is
    just as empty, but has another description.
    """
    if "environments" not in project or project.get("description") != DESCRIPTION:
        return False
    return len(nodes(project.get("environments"))) <= 1 and not nodes(project.get("services"))


def _find(session: Session, props: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the project that the properties name, or None; two with one name are an error."""
    name, wanted_id = props["name"], props.get("projectIdToAdopt")
    subject = f"project {name}"
    rows = list_projects(session.client, subject=subject)
    alive = [row for row in rows if not row.get("deletedAt")]
    if wanted_id:
        for row in alive:
            if row["id"] == wanted_id:
                return row
        raise InfraError("projectId", f"the token sees no project {wanted_id}", "check it, or unset projectId")
    named = [row for row in alive if row["name"] == name]
    if len(named) > 1:
        ids = ", ".join(row["id"] for row in named)
        raise InfraError(subject, f"there are {len(named)} of that name: {ids}", "set projectId to the right one")
    return named[0] if named else None


def _refuse_scheduled_namesake(session: Session, props: Mapping[str, Any]) -> None:
    """Raise PendingDeletion instead of replacing a project of this name that can still be kept by an empty one."""
    for row in list_projects(session.client, subject=f"project {props['name']}", deleted=True):
        if props["name"] == row["name"]:
            refuse_scheduled(session.client, f"project {row['name']}", row)


def _namesakes(session: Session, props: Props, workspace_id: str) -> Namesakes:
    subject = f"project {props['name']}"

    def living() -> list[Mapping[str, Any]]:
        rows = [row for row in list_projects(session.client, subject=subject) if row["name"] == props["name"]]
        # A row without a workspace may belong to this one.
        return [row for row in rows if not row.get("deletedAt") and row.get("workspaceId") in (None, workspace_id)]

    def is_empty(id_: str) -> bool:
        project = _read(session, id_, props["name"]) or {}
        return len(nodes(project.get("environments"))) <= 1 and not nodes(project.get("services"))

    def delete(id_: str) -> None:
        def gone() -> bool | None:
            return True if _read(session, id_, props["name"]) is None else None

        session.client.mutate(documents.PROJECT_DELETE, {"id": id_}, subject=subject, observe=gone)

    return Namesakes(subject, "projectId", living, is_empty, delete)


def _read(session: Session, id_: str, name: str) -> Mapping[str, Any] | None:
    """Return the project, or None if it provably does not exist any more."""
    subject = f"project {name}"
    try:
        project = read_project(session.client, id_, subject=subject)
    except (NotAuthorized, NotFound):
        if project_is_gone(session.client, id_, subject):
            return None
        raise
    refuse_scheduled(session.client, subject, project)
    return None if project.get("deletedAt") else project


def _base_id(project: Mapping[str, Any]) -> str:
    for row in nodes(project.get("environments")):
        if row["name"] == BASE_ENVIRONMENT and not row.get("deletedAt"):
            return str(row["id"])
    return str(project.get("baseEnvironmentId") or project.get("primaryEnvironmentId") or "")


def _outputs(props: Props, project: Mapping[str, Any], *, owned: bool) -> Props:
    known = "environments" in project
    base = (
        _base_id(project) if known else str(project.get("primaryEnvironmentId") or props.get("baseEnvironmentId") or "")
    )
    return {**props, "projectId": project["id"], "baseEnvironmentId": base, OWNED: owned}


class Project(Resource, module="railway", name="Project"):
    """A Railway project; several stacks share one."""

    projectId: pulumi.Output[str]
    baseEnvironmentId: pulumi.Output[str]

    def __init__(self, name: str, args: ProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            ProjectProvider(),
            name,
            {
                "name": args.name,
                "workspace": args.workspace,
                "projectIdToAdopt": args.project_id,
                "projectId": None,
                "baseEnvironmentId": None,
                "owned": None,
            },
            opts,
        )
