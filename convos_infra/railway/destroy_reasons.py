"""Finds the reasons in an environment of Railway why a destroy must not begin. Pure: looks at what was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.ownership import ALLOW_DATA, DELETE, DestroyPolicy, is_owned
from convos_infra.railway.environment_config import FIELDS, GIVEN, at, same
from convos_infra.railway.listing import is_cut, nodes
from pool_contract.service_names import agents_in, is_left_by_agent

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

Row = Mapping[str, Any]
REMOVED = "REMOVED"


@dataclass(frozen=True)
class Reason:
    """One reason against a destroy.

    Attributes:
        problem: what prevents it, with its name.
        step: what the user can do about it.
    """

    problem: str
    step: str


@dataclass(frozen=True)
class Mine:
    """What belongs to this stack in an environment, as its destroy gate has recorded it.

    Attributes:
        owns_environment: whether this stack made the environment, so that a destroy deletes it.
        services, volumes: rows with `id`, `name` (of a volume: its service's) and `owned`.
        prefix: the prefix of disposable services: agents, for which the pool manager is responsible.
        former: the ids of volumes that this stack made and does not have any more.
    """

    owns_environment: bool
    services: Sequence[Row]
    volumes: Sequence[Row]
    prefix: str
    former: Collection[str] = ()

    @property
    def service_ids(self) -> set[str]:
        """The ids of its services: none of them is an agent, whatever it is called."""
        return {str(row["id"]) for row in self.services}

    def deleted(self, rows: Sequence[Row], policy: DestroyPolicy) -> dict[str, Row]:
        """Return the rows, by id, of what a destroy deletes."""
        return {str(row["id"]): row for row in rows if policy.adopted or is_owned(row, otherwise=True)}

    def known_volumes(self, policy: DestroyPolicy) -> set[str]:
        """Return the ids of the volumes that are or were this stack's to delete."""
        return {*self.deleted(self.volumes, policy), *self.former}

    def deletes_environment(self, policy: DestroyPolicy) -> bool:
        """Tell whether a destroy deletes the environment: not if something in it was taken over, and is kept."""
        if policy.adopted:
            return True
        rows = [*self.services, *self.volumes]
        return self.owns_environment and len(self.deleted(rows, policy)) == len({str(row["id"]) for row in rows})


def has_data(snapshot: Snapshot, row: Row) -> bool:
    """Tell whether a volume may have data: Railway shows some, or its service was deployed since it was made.

    A volume that is mounted nowhere counts as one with data, because it is unknown what ran with it before.
    """
    if float(row.get("currentSizeMB") or 0) > 0:
        return True
    service_id = row.get("serviceId")
    latest = snapshot.latest_deployment(str(service_id)) if service_id else None
    # Timestamps in one format compare as text; a volume without one counts as older than every deployment.
    return not service_id or (latest is not None and latest.created_at >= str(row.get("createdAt") or ""))


def is_untouched(snapshot: Snapshot, service_id: str) -> bool:
    """Tell whether nothing was ever put into a service, as after an interrupted creation."""
    config = snapshot.service(service_id) or {}
    mounted = any(row.get("serviceId") == service_id for row in snapshot.volume_instances)
    domains = [*snapshot.domains(service_id, "serviceDomains"), *snapshot.domains(service_id, "customDomains")]
    latest = snapshot.latest_deployment(service_id)
    # A service that was removed from the environment and added again still shows its earlier deployment.
    runs = latest is not None and latest.status != REMOVED
    return not runs and not mounted and not domains and not _is_configured(config)


def _is_configured(config: Row) -> bool:
    """Tell whether somebody configured a service: what Railway lists for every service by itself does not count."""
    parts = any(_is_said(config.get(part)) for part in ("source", "variables", "volumeMounts", "networking"))
    return parts or any(
        not same(field, None, at(config, field.path)) for field in FIELDS if field.readable and field.name not in GIVEN
    )


def _is_said(value: object) -> bool:
    """Tell whether a part says anything: an empty one does not."""
    if isinstance(value, Mapping):
        return any(_is_said(item) for item in value.values())
    return value not in (None, "", False) and value != []


def volume_name(snapshot: Snapshot, row: Row) -> str:
    """Return what people call a volume: its name, and the service that it is mounted in."""
    volume_id = str(row["volumeId"])
    name = str((snapshot.volumes.get(volume_id) or {}).get("name") or volume_id)
    service_id = row.get("serviceId")
    service = snapshot.project_services.get(str(service_id)) if service_id else None
    return f"{name} (of {service})" if service else f"{name} (mounted nowhere)"


def left_in(snapshot: Snapshot, prefix: str) -> list[str]:
    """Return the names of the services, volumes and buckets in an environment that do not belong to its agents."""
    disposable = _disposable(snapshot, (), prefix)
    services = [str(row.get("serviceName")) for id_, row in snapshot.instances.items() if id_ not in disposable]
    volumes = [row for row in snapshot.volume_instances if row.get("serviceId") not in disposable]
    return [
        *sorted(services),
        *sorted(f"volume {volume_name(snapshot, row)}" for row in volumes),
        *sorted(f"bucket {name}" for name in snapshot.buckets.values()),
    ]


def with_a_gate(snapshot: Snapshot, mine: Mine, policy: DestroyPolicy) -> list[Reason]:
    """Return every reason: things of others that would be deleted, and data whose deletion was not requested."""
    return [
        *(_strangers(snapshot, mine) if mine.deletes_environment(policy) else []),
        *_elsewhere(snapshot, mine, policy),
        *(_data(snapshot, mine, policy) if policy.data != DELETE else []),
        *(_restorable(snapshot, mine, policy) if mine.deletes_environment(policy) and not policy.data_now else []),
    ]


def without_a_gate(snapshot: Snapshot | None, policy: DestroyPolicy) -> list[Reason]:
    """Return the reasons if no gate lists what belongs to this stack: every volume with data may be its own."""
    reasons = []
    if policy.protect:
        reasons.append(
            Reason("the stack is protected", "run pulumi config set protect false and pulumi up, then destroy it")
        )
    if snapshot is None or policy.data == DELETE:
        return reasons
    named = sorted(volume_name(snapshot, row) for row in snapshot.volume_instances if has_data(snapshot, row))
    if named:
        step = f"pulumi up records which of them are this stack's; {ALLOW_DATA} deletes those, and keeps the others"
        reasons.append(Reason(f"volumes in its environment have data: {', '.join(named)}", step))
    return reasons


def refusal(reasons: Iterable[Reason]) -> InfraError:
    """Return one error with all reasons."""
    listed = "; ".join(f"{reason.problem} ({reason.step})" for reason in reasons)
    return InfraError("destroy", f"refused, nothing was deleted: {listed}")


def _strangers(snapshot: Snapshot, mine: Mine) -> list[Reason]:
    known = mine.service_ids
    disposable = _disposable(snapshot, known, mine.prefix)
    services = sorted(
        str(row.get("serviceName"))
        for id_, row in snapshot.instances.items()
        if id_ not in known and id_ not in disposable
    )
    own = {str(row["id"]) for row in mine.volumes}
    volumes = sorted(
        volume_name(snapshot, row)
        for row in snapshot.volume_instances
        if row["volumeId"] not in own and row.get("serviceId") not in disposable
    )
    found = []
    if services:
        step = "move or remove them on Railway"
        found.append(Reason(f"this stack did not make these services: {', '.join(services)}", step))
    if volumes:
        step = "move or delete them on Railway"
        found.append(Reason(f"this stack did not make these volumes: {', '.join(volumes)}", step))
    if snapshot.buckets:
        problem = f"this stack did not make these buckets: {', '.join(sorted(snapshot.buckets.values()))}"
        found.append(Reason(problem, "copy what is in them, and delete them on Railway"))
    return found


def _data(snapshot: Snapshot, mine: Mine, policy: DestroyPolicy) -> list[Reason]:
    deleted = mine.deleted(mine.volumes, policy)
    named = sorted(
        volume_name(snapshot, row)
        for row in snapshot.volume_instances
        if row["volumeId"] in deleted and has_data(snapshot, row)
    )
    return [Reason(f"these volumes have data: {', '.join(named)}", f"to delete it: {ALLOW_DATA}")] if named else []


def _restorable(snapshot: Snapshot, mine: Mine, policy: DestroyPolicy) -> list[Reason]:
    """Find deleted volumes: `dataOnDestroy: delete` in the config gives up the stack's own data, not that of others."""
    given_up = mine.known_volumes(policy) if policy.data == DELETE else ()
    named = restorable_in(snapshot, mine.prefix, [str(row["name"]) for row in mine.services], given_up=given_up)
    whose = "deleted volumes that this stack did not make" if policy.data == DELETE else "deleted volumes"
    problem = f"these {whose} can still be restored, but not once their environment is gone: {', '.join(named)}"
    return [Reason(problem, f"to delete their data: {ALLOW_DATA}")] if named else []


def restorable_in(
    snapshot: Snapshot, prefix: str, own: Collection[str] = (), *, given_up: Collection[str] = ()
) -> list[str]:
    """Return the deleted volumes with data, which Railway keeps for 48 hours (fact: volume-grace), by name.

    A deleted volume is mounted nowhere; what agents leave behind is known by the name of the service that it was of.

    Args:
        snapshot: the environment.
        prefix: how the names of agents' services begin.
        own: the names of the stack's services.
        given_up: the ids of volumes whose data may go.
    """
    rows = [row for row in snapshot.pending_volumes if float(row.get("currentSizeMB") or 0) > 0]
    rows = [row for row in rows if row["volumeId"] not in given_up]
    named = sorted(volume_name(snapshot, row).removesuffix(" (mounted nowhere)") for row in rows)
    return [name for name in named if not is_left_by_agent(name, own, prefix)]


def _elsewhere(snapshot: Snapshot, mine: Mine, policy: DestroyPolicy) -> list[Reason]:
    """Find volumes whose deletion would reach other environments."""
    reasons = []
    for volume_id in sorted(mine.deleted(mine.volumes, policy)):
        count = len(in_other_environments(snapshot, volume_id))
        if count and any(row["volumeId"] == volume_id for row in snapshot.volume_instances):
            what = f"volume {volume_id} also has data in {count} other environments"
            reasons.append(Reason(what, "delete it in Railway's dashboard for this environment alone"))
    return reasons


def in_other_environments(snapshot: Snapshot, volume_id: str) -> list[Row]:
    """Return the living instances of a volume in the project's other environments.

    The further pages of a list, which were not read, count as one more instance.
    """
    listed = (snapshot.volumes.get(volume_id) or {}).get("volumeInstances") or {}
    rows = [row for row in nodes(listed) if row["environmentId"] != snapshot.environment_id]
    unseen = [{"environmentId": ""}] if is_cut(listed) else []
    return [*(row for row in rows if not row.get("deletedAt")), *unseen]


def agents_here(snapshot: Snapshot, mine: Mine) -> set[str]:
    """Return the ids of the services that are agents, and go with their environment."""
    return _disposable(snapshot, mine.service_ids, mine.prefix)


def _disposable(snapshot: Snapshot, own: Collection[str], prefix: str) -> set[str]:
    names = {id_: str(row.get("serviceName") or "") for id_, row in snapshot.instances.items()}
    return agents_in(names, own, prefix)
