"""`Environment`: a fork of the project's empty base environment, or an existing one that is taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, DELETE, OWNED
from convos_infra.provider import Props, is_unknown
from convos_infra.railway import destroy_reasons, project_reads, service_use, takeover
from convos_infra.railway.commit import together
from convos_infra.railway.listing import nodes, read_project
from convos_infra.railway.provided_variables import ENVIRONMENT_NAME
from convos_infra.railway.resources.adoption import with_identity
from convos_infra.railway.resources.first_made import Namesakes, keep_first_made
from convos_infra.railway.resources.properties import difference, id_failures, inputs_of, name_failures, with_outputs
from convos_infra.railway.resources.rename import rename
from convos_infra.railway.resources.stack_rename import FOLLOWS, STACK, rename_line
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone
from railway_api import documents
from railway_api.errors import AlreadyExists

LONGEST_NAME = 24
"""`{service}-{environment}` is the first label of a domain, at most 63 characters (fact: environment-name-length)."""
_IN_PLACE = ("disposablePrefix", "name")
_SETTINGS = ("name", "baseEnvironmentId", "environmentIdToAdopt", "disposablePrefix")
COPIES = "copies"
"""The names of the services and volumes that a fork copies, because others have put them into its base environment."""
_INPUTS = ("projectId", *_SETTINGS, ADOPTS, OWNED, STACK, FOLLOWS)


@dataclass(frozen=True)
class EnvironmentArgs:
    """The inputs of an `Environment`.

    Attributes:
        project_id: its project.
        name: at most 24 characters.
        base_environment_id: the empty environment that it is forked from.
        environment_id: take over this one instead of looking for the name.
        disposable_prefix: the prefix of agents' services, which are not resources and are deleted with the environment.
            A destroy refuses if the environment has any other service that is not in the state.
        stack, follows_stack: the stack's name, and the keys of its config that are not set and take that name.
        found: the fingerprint of the services that were adopted (takeover.py).
    """

    project_id: pulumi.Input[str]
    name: pulumi.Input[str]
    base_environment_id: pulumi.Input[str]
    environment_id: pulumi.Input[str] = ""
    disposable_prefix: pulumi.Input[str] = ""
    stack: str = ""
    follows_stack: Sequence[str] = ()
    found: str = field(default="", repr=False)


class EnvironmentProvider(RailwayProvider):
    """Finds or makes an environment."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the name; before the first update, announce that an existing environment will be taken over."""
        if (run := self.run()) is not None:
            run.environments.add((str(news.get("projectId")), str(news.get("name"))))
            run.stacks.update(str(one[STACK]) for one in (olds, news) if one.get(STACK))
        failures = name_failures("name", news.get("name"), longest=LONGEST_NAME) + id_failures(news, "projectId")
        if failures or is_unknown(news["projectId"]):
            return news, failures
        self.declaring().renames(olds, news, ENVIRONMENT_NAME)
        if renamed := rename_line("environment", olds, news):
            self.session().client.progress(renamed)

        def find(named: Props) -> tuple[str, Props] | None:
            session = self.session()
            found = _find(session, {**named, "projectId": news["projectId"]}, may_be_known=not olds)
            if found is None:
                return None
            ids = {"environmentId": found["id"]}
            return str(found["id"]), ids if olds else {**ids, OWNED: _is_fresh(session, news, found)}

        inputs, failures = with_identity("environment", olds, news, _IN_PLACE, find)
        if not olds and not inputs.get(ADOPTS) and (copied := _copied(self.session(), inputs)):
            inputs = {**inputs, COPIES: copied}
        told = takeover.refusals(self.session(), inputs) if not olds and inputs.get(ADOPTS) else []
        return inputs, [*failures, *(CheckFailure("name", one) for one in told)]

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """The name changes in place; a different project needs a replacement."""
        del id_
        return difference(olds, news, _IN_PLACE, ("projectId",))

    def created(self, props: Props) -> CreateResult:
        """Take it over by name, or fork it without deploying anything."""
        session = self.session()
        with session.creating:
            found = _find(session, props, may_be_known=True)  # if others make one meanwhile, see keep_first_made
            if found is not None:
                return CreateResult(found["id"], _outputs(props, found["id"], owned=_is_fresh(session, props, found)))
            return self._made(session, props)

    def _made(self, session: Session, props: Props) -> CreateResult:
        if session.client.is_project_token:
            step = "use an account or workspace token, or the name of the environment that the token is of"
            raise InfraError("railwayToken", "a project token makes no environments", step)
        given = {
            "projectId": props["projectId"],
            "name": props["name"],
            "sourceEnvironmentId": props["baseEnvironmentId"],
            "skipInitialDeploys": True,
            # Railway deletes ephemeral environments by itself, such as those of pull requests.
            "ephemeral": False,
        }
        try:
            data, found = session.client.mutate(
                documents.ENVIRONMENT_CREATE,
                {"input": given},
                subject=f"environment {props['name']}",
                observe=lambda: _find(session, props),
                settle=True,
            )
        except AlreadyExists:
            # Another update was faster: take over what it made.
            found = _find(session, props)
            if found is None:
                raise
            return CreateResult(found["id"], _outputs(props, found["id"], owned=False))
        made = found or (data or {}).get("environmentCreate") or {}
        session.client.mark_just_created()
        session.snapshots.forget(made["id"])
        project_reads.forget(session)
        if found is None:
            kept = keep_first_made(session, made["id"], _namesakes(session, props))
            if kept != made["id"]:
                return CreateResult(kept, _outputs(props, kept, owned=False))
        return CreateResult(made["id"], _outputs(props, made["id"], owned=True))

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it; it counts as gone only if the project's own list agrees."""
        try:
            snapshot = self.session().refreshed({**props, "environmentId": id_}, subject=f"environment {props['name']}")
        except Gone:
            return ReadResult("", {})
        # One that the config gives by its id may have any name.
        name = props["name"] if props.get("environmentIdToAdopt") else snapshot.name or props["name"]
        live = {**props, "name": name, "environmentId": id_}
        return ReadResult(id_, live, inputs_of(live, _INPUTS))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Rename it if the inputs have another name; one that the config gives by its id keeps its name."""
        if olds["name"] != news["name"] and not news.get("environmentIdToAdopt"):
            self._renamed(id_, olds, news)
        return UpdateResult(with_outputs(olds, news, ("environmentId", OWNED)))

    def _renamed(self, id_: str, olds: Props, news: Props) -> None:
        session = self.session()
        where = {**news, "environmentId": id_}
        with session.snapshots.writing(id_):
            now = session.living(where, subject=f"environment {olds['name']}", fresh=True).name
            found = _find(session, news)
            rename(
                session,
                "environment",
                (olds["name"], now, news["name"]),
                documents.ENVIRONMENT_RENAME,
                {"id": id_, "input": {"name": news["name"]}},
                is_taken=found is not None and found["id"] != id_,
                now=lambda: session.living(where, subject=f"environment {news['name']}", fresh=True).name,
            )

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it if this stack made it and nothing is left in it but agents; keep it otherwise.

        It is deleted last, so nothing is refused here: the gate has checked what has to prevent a destroy.
        """
        session, subject = self.session(), f"environment {props['name']}"
        where = {**props, "environmentId": id_}
        try:
            # Read it even if it is kept: a token that does not see it must not remove it from the state.
            snapshot = session.read(where, subject=subject, fresh=True)
        except Gone:
            return
        service_use.delete_lost(session, snapshot)
        if self.leaves(props, subject, otherwise=False):
            return
        left = destroy_reasons.left_in(snapshot, prefix := str(props.get("disposablePrefix") or ""))
        if self.policy().data != DELETE or session.run.given_up is not None:
            # Deleted volumes can be restored only while their environment exists.
            named = destroy_reasons.restorable_in(snapshot, prefix, given_up=session.run.given_up or ())
            left += [f"deleted volume {name}" for name in named]
        if left or id_ in session.run.kept:
            session.client.progress(f"keeps {subject}: not empty, it has {together(left) or 'what was taken over'}")
            return

        def seen() -> bool | None:
            try:
                session.read(where, subject=subject, fresh=True)
            except Gone:
                return True
            return None

        session.client.mutate(documents.ENVIRONMENT_DELETE, {"id": id_}, subject=subject, observe=seen)
        session.snapshots.forget(id_)


def _copied(session: Session, props: Props) -> list[str]:
    """Name what a fork would copy: this program makes an empty base environment, but others can put things into it."""
    base = props.get("baseEnvironmentId")
    if not base or is_unknown(base) or session.client.is_project_token:  # such a token sees no base, and makes no fork
        return []
    try:
        snapshot = session.snapshots.read(props["projectId"], base, subject=f"environment {props['name']}")
    except Gone:  # the creation reports that there is nothing to fork
        return []
    return destroy_reasons.left_in(snapshot, "")


def _find(session: Session, props: Mapping[str, Any], *, may_be_known: bool = False) -> Mapping[str, Any] | None:
    subject = f"environment {props['name']}"
    answer = project_reads.read(session, props["projectId"], subject=subject, may_be_known=may_be_known)
    alive = [row for row in nodes(answer.get("environments")) if not row.get("deletedAt")]
    if wanted := props.get("environmentIdToAdopt"):
        for row in alive:
            if row["id"] == wanted:
                return row
        problem = f"project {props['projectId']} has no environment {wanted}"
        raise InfraError("environmentId", problem, "check it, or unset it")
    named = [row for row in alive if row["name"] == props["name"]]
    if len(named) > 1:
        ids = ", ".join(row["id"] for row in named)
        raise InfraError(subject, f"there are {len(named)} of that name: {ids}", "set environmentId to the one meant")
    return named[0] if named else None


def _namesakes(session: Session, props: Props) -> Namesakes:
    subject = f"environment {props['name']}"

    def living() -> list[Mapping[str, Any]]:
        rows = nodes(read_project(session.client, props["projectId"], subject=subject).get("environments"))
        return [row for row in rows if row["name"] == props["name"] and not row.get("deletedAt")]

    def is_empty(id_: str) -> bool:
        snapshot = session.living({**props, "environmentId": id_}, subject=subject, fresh=True)
        return not (snapshot.instances or snapshot.volume_instances or snapshot.buckets)

    def delete(id_: str) -> None:
        def gone() -> bool | None:
            return True if all(row["id"] != id_ for row in living()) else None

        session.client.mutate(documents.ENVIRONMENT_DELETE, {"id": id_}, subject=subject, observe=gone)
        session.snapshots.forget(id_)

    return Namesakes(subject, "environmentId", living, is_empty, delete)


def _is_fresh(session: Session, props: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Tell whether a run of this stack made the environment, and was killed before it wrote its state.

    An empty fork of the base environment counts as that; one that contains anything, even a shared variable, does not.
    """
    source = (row.get("sourceEnvironment") or {}).get("id")
    if source != props["baseEnvironmentId"] or props.get("environmentIdToAdopt"):
        return False
    snapshot = session.living({**props, "environmentId": row["id"]}, subject=f"environment {props['name']}", fresh=True)
    shared = snapshot.config.get("sharedVariables")
    return not (snapshot.instances or snapshot.volume_instances or snapshot.buckets or shared)


def _outputs(props: Props, id_: str, *, owned: bool) -> Props:
    return {**props, "environmentId": id_, OWNED: owned}


class Environment(Resource, module="railway", name="Environment"):
    """A Railway environment; a stack owns one."""

    environmentId: pulumi.Output[str]
    owned: pulumi.Output[bool]

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            EnvironmentProvider(),
            name,
            {
                "projectId": args.project_id,
                "name": args.name,
                "baseEnvironmentId": args.base_environment_id,
                "environmentIdToAdopt": args.environment_id,
                "disposablePrefix": args.disposable_prefix,
                STACK: args.stack or None,
                FOLLOWS: list(args.follows_stack) or None,
                takeover.FOUND: args.found or None,
                "environmentId": None,
                "owned": None,
            },
            opts,
        )
