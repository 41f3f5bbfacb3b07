"""`DestroyGate`: depends on everything, so that Pulumi deletes it first; its deletion asks whether the rest may go.

The module path and the class names are part of the state's format.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.ownership import DELETE, OWNED, is_owned
from convos_infra.provider import has_unknown, is_unknown
from convos_infra.railway import budget, destroy_reasons
from convos_infra.railway.address import addresses, is_local
from convos_infra.railway.destroy_reasons import Mine, Reason
from convos_infra.railway.session import RailwayProvider
from convos_infra.railway.snapshot import Gone, Snapshot
from convos_infra.rollout.pool_place import pool_at
from convos_infra.rollout.retire_on_destroy import on_destroy, refuse_if_in_use
from convos_infra.schema.address import parse_url
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.ownership import DestroyPolicy
    from convos_infra.provider import Props
    from convos_infra.railway.resources.service import Service
    from convos_infra.railway.resources.volume import Volume
    from convos_infra.railway.session import Session

ID = "gate"
FORMER = "formerVolumes"
"""An output: the ids of volumes that the stack made, and has given up or replaced since."""
FORMER_SERVICES = "formerServices"
"""An output: the ids of services that the stack made, and does not have any more."""
SIMULATED = "simulated"
_RECORDED = (
    *("projectId", "environmentId", "environmentOwned", "services", "volumes", "agentPrefix"),
    *("poolServiceId", "poolUrl", "poolKey", "poolMode", "poolOwned", "droppedDatabase", "databaseOwned"),
)
DATABASE_SECONDS = 10.0


@dataclass(frozen=True)
class AskedPool:
    """The pool manager, which knows the claimed agents.

    Attributes:
        service_id: its service. Its current address is read from Railway before the key is sent.
        url, key: its URL when it was deployed, and its key.
        mode: `simulated` if no container runs, so that nothing can be asked.
        owned: whether this stack made its service.
    """

    service_id: pulumi.Input[str]
    url: pulumi.Input[str]
    key: pulumi.Input[str] = field(repr=False)
    mode: pulumi.Input[str]
    owned: pulumi.Input[bool | None]


@dataclass(frozen=True)
class DestroyGateArgs:
    """The inputs of a `DestroyGate`.

    Attributes:
        project_id, environment_id: the environment.
        environment_owned: whether this stack made the environment.
        services, volumes: every one that the stack declares.
        agent_prefix: the prefix of the names of agents' services.
        pool: the pool manager to ask about agents; None if there is none.
        dropped_database: the database whose tables are dropped with the stack; None if none are.
        database_owned: whether this stack made those tables.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    environment_owned: pulumi.Input[bool | None]
    services: Sequence[Service]
    volumes: Sequence[Volume]
    agent_prefix: str = ""
    pool: AskedPool | None = None
    dropped_database: pulumi.Input[str] | None = field(default=None, repr=False)
    database_owned: pulumi.Input[bool | None] = None


class DestroyGateProvider(RailwayProvider):
    """Records what belongs to the stack; refuses its deletion as long as there is a reason against the destroy."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Say in a preview how many calls the update takes: it is checked last, as it depends on everything."""
        del olds
        run = self.run()
        needed = 0 if run is None else budget.calls(run.created, run.changed)
        if needed and not self.session().has_changed:
            client = self.session().client
            client.progress(budget.text(needed, client.allowance))
        return news, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare what is recorded; unknown values are announced by the resources that they come from."""
        del id_
        changes = any(
            not has_unknown(news.get(key)) and (olds.get(key) or None) != (news.get(key) or None) for key in _RECORDED
        )
        # A whole list may be unknown: this is how Pulumi asks if a dependency is replaced or deleted.
        lists = [news.get(key) or () for key in ("services", "volumes")]
        ids_change = is_unknown(news.get("environmentId")) or any(
            is_unknown(rows) or any(is_unknown(row.get("id")) for row in rows) for rows in lists
        )
        return DiffResult(changes=changes or ids_change, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Record it."""
        return CreateResult(ID, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Record it."""
        del id_
        kinds = ((FORMER, "volumes"), (FORMER_SERVICES, "services"))
        former = {key: ids for key, rows in kinds if (ids := _former(olds, news, key, rows))}
        return UpdateResult({**news, **former})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is in the state: nothing exists outside of it."""
        return ReadResult(id_, props, {key: props[key] for key in _RECORDED if props.get(key) is not None})

    def deleted(self, id_: str, props: Props) -> None:
        """Ask everything, and let the destroy begin; this changes nothing outside.

        Raises:
            InfraError: there are reasons to refuse, all in one line; or a question failed.
        """
        del id_
        stack_policy = self.policy()
        session = self.session()
        try:
            snapshot: Snapshot | None = session.read(props, subject="destroy", fresh=True)
        except Gone:
            snapshot = None
        mine = _mine(props)
        reasons = destroy_reasons.with_a_gate(snapshot, mine, stack_policy) if snapshot is not None else []
        reasons += _asked("agents", lambda: self._ask_pool(session, snapshot, props, stack_policy))
        reasons += _asked("database", lambda: _ask_database(props, stack_policy))
        if reasons:
            raise destroy_reasons.refusal(reasons)
        session.run.asked.add(str(props["environmentId"]))
        if stack_policy.data == DELETE and not stack_policy.data_now:
            session.run.given_up = mine.known_volumes(stack_policy)
        former = [str(id_) for id_ in props.get(FORMER_SERVICES) or ()]
        session.run.own_services.update(mine.deleted(mine.services, stack_policy), former)
        if snapshot is not None and mine.deletes_environment(stack_policy):
            session.run.own_services.update(destroy_reasons.agents_here(snapshot, mine))

    def _ask_pool(self, session: Session, snapshot: Snapshot | None, props: Props, stack_policy: DestroyPolicy) -> None:
        url, key = props.get("poolUrl"), props.get("poolKey")
        is_ours = stack_policy.adopted or is_owned({OWNED: props.get("poolOwned")}, otherwise=True)
        if not url or not key or props.get("poolMode") == SIMULATED or not is_ours or snapshot is None:
            return
        place = {**props, "serviceId": _pool_service(snapshot, props, session)}
        pool = pool_at(session, place, str(url), str(key))
        session.run.pool_url = pool.url
        wanted = on_destroy(self.setting, os.environ)
        refuse_if_in_use(pool, wanted, str(props.get("agentPrefix") or ""))


def _pool_service(snapshot: Snapshot, props: Props, session: Session) -> str:
    """Return the id of the pool manager's service; with an older state, find it by the URLs of the stack's services."""
    if props.get("poolServiceId"):
        return str(props["poolServiceId"])
    recorded, local = str(props["poolUrl"]).rstrip("/"), is_local(session.client.endpoint)
    ids = [str(row["id"]) for row in props.get("services") or ()]
    return next((id_ for id_ in ids if recorded in addresses(snapshot, id_, local=local)), "")


def _former(olds: Props, news: Props, key: str, kind: str) -> list[str]:
    """Return what was this stack's: Railway keeps a volume's data for a while (fact: volume-grace), maybe a service.

    Args:
        olds: the properties before.
        news: the properties after.
        key: the output that has them.
        kind: the input with those that the stack has.
    """
    there = {str(row["id"]) for row in news.get(kind) or ()}
    owned = {str(row["id"]) for row in olds.get(kind) or () if is_owned(row, otherwise=True)}
    return sorted({*(olds.get(key) or ()), *owned} - there)


def _mine(props: Props) -> Mine:
    return Mine(
        owns_environment=props.get("environmentOwned") is True,
        services=props.get("services") or (),
        volumes=props.get("volumes") or (),
        prefix=str(props.get("agentPrefix") or ""),
        former=[str(id_) for id_ in props.get(FORMER) or ()],
    )


def _ask_database(props: Props, stack_policy: DestroyPolicy) -> None:
    """Connect if the destroy will have to connect: a database that does not answer would stop it half-way."""
    is_ours = stack_policy.adopted or is_owned({OWNED: props.get("databaseOwned")}, otherwise=True)
    if (url := props.get("droppedDatabase")) and is_ours:
        from convos_infra.schema.connection import connect  # noqa: PLC0415  # the program connects to no database

        with contextlib.closing(connect(parse_url(str(url)), wait_seconds=DATABASE_SECONDS)):
            return


def _asked(what: str, question: Callable[[], None]) -> list[Reason]:
    """Return the reason that a question found, if any."""
    try:
        question()
    except Failure as error:
        return [Reason(f"{error.subject or what}: {error.problem}", error.next_step)]
    return []


class DestroyGate(Resource, module="convos", name="DestroyGate"):
    """The first resource that a destroy deletes. It has to depend on everything that deletes something outside."""

    def __init__(self, name: str, args: DestroyGateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        pool = args.pool
        properties: dict[str, Any] = {
            "projectId": args.project_id,
            "environmentId": args.environment_id,
            "environmentOwned": args.environment_owned,
            "services": [_row(one, str(one.at().service)) for one in args.services],
            "volumes": [_row(one, one.service) for one in args.volumes],
            "agentPrefix": args.agent_prefix or None,
            "poolServiceId": pool.service_id if pool else None,
            "poolUrl": pool.url if pool else None,
            "poolKey": pulumi.Output.secret(pool.key) if pool else None,
            "poolMode": pool.mode if pool else None,
            "poolOwned": pool.owned if pool else None,
            "databaseOwned": args.database_owned,
            "droppedDatabase": None if args.dropped_database is None else pulumi.Output.secret(args.dropped_database),
        }
        super().__init__(DestroyGateProvider(), name, properties, opts)


def _row(one: Service | Volume, name: pulumi.Input[str]) -> Mapping[str, Any]:
    # The id, not the output that repeats it: an update in place leaves it known in previews.
    return {"id": one.id, "name": name, OWNED: one.owned}
