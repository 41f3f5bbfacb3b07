"""`Volume`: the one disk of a service; its data is deleted only on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ALLOW_DATA, DELETE, OWNED, SERVICE_OWNED, is_owned, is_services_own
from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import destroy_reasons, pending, rules
from convos_infra.railway.bound import BoundKind, BoundPlace
from convos_infra.railway.provided_variables import OF_VOLUME
from convos_infra.railway.resources.adoption import RECORDED, with_adoption
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    refuse_lost,
    refuse_unseen_changes,
)
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents

if TYPE_CHECKING:
    from datetime import datetime

PENDING, REPLACES = "pendingDeletion", "replaceDeleted"
"""When Railway deletes the data for good, as a refresh saw it; and whether an empty volume may take its place."""
_INPUTS = ("projectId", "environmentId", "serviceId", "service", "mountPath", REPLACES, *RECORDED)
_APPEARS_SECONDS = 90.0
"""A new volume is listed after 2 to 5 s, sometimes after more than 28 s (fact: volume-lag)."""


@dataclass(frozen=True)
class VolumeArgs:
    """The inputs of a `Volume`.

    Attributes:
        at: the service instance that it belongs to.
        mount_path: absolute; the next deployment applies a change.
        replace_deleted: whether a new, empty volume takes the place of one that somebody deleted and that can still be
            restored; without it, the preview stops and says how to restore it.
    """

    at: ServiceAt
    mount_path: pulumi.Input[str]
    replace_deleted: bool = False


class VolumeProvider(RailwayProvider):
    """Finds or makes the volume of a service instance."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the mount path; before the first update, announce that an existing volume will be taken over."""
        failures = id_failures(news, "projectId", "environmentId", "serviceId")
        path = news.get("mountPath")
        if not is_unknown(path) and (problem := rules.path_problem(path, root=False)):
            failures.append(CheckFailure("mountPath", problem))

        if not olds:
            self.declare(news, news.get("service"), given=OF_VOLUME)
        elif olds.get("mountPath") != path:
            self.declare(news, news.get("service"), moves=OF_VOLUME)

        def find() -> tuple[str, Mapping[str, Any]] | None:
            snapshot = self.session().living(news, subject=_subject(news))
            found = _of_service(snapshot, news)
            if found is None:
                return None
            return str(found["volumeId"]), {**found, OWNED: _is_own(snapshot, news, found)}

        if failures:
            return news, failures
        failures += self._pending_failures(olds, news)
        return (news if failures else with_adoption(olds, news, ("mountPath",), find)), failures

    def _pending_failures(self, olds: Props, news: Props) -> list[CheckFailure]:
        """Refuse to put an empty volume in the place of one that can still be restored."""
        if news.get(REPLACES):
            return []
        if olds.get(PENDING):
            return [CheckFailure("", _refusal(news, str(olds[PENDING]), self.session().client.now()))]
        if olds or has_unknown(news):
            return []
        snapshot = self.session().living(news, subject=_subject(news))
        row = pending.restorable(snapshot, news) if _of_service(snapshot, news) is None else None
        return [CheckFailure("", _refusal(news, str(row["deletedAt"]), self.session().client.now()))] if row else []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Mount path and service change in place: a recreated service gets its volume back, with the data."""
        del id_
        plain = difference(olds, news, ("mountPath", "serviceId"), ("projectId", "environmentId"))
        if (olds.get(PENDING) or None) == (news.get(PENDING) or None):
            return plain
        # With `replaceVolume`, the config gives up the data of the volume that Railway is deleting.
        replaces = [*(plain.replaces or []), *([PENDING] if news.get(REPLACES) else [])]
        return DiffResult(changes=True, replaces=replaces, stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Take over the service's volume, or make one."""
        session = self.session()
        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            snapshot = session.living(props, subject=_subject(props))
            found = _of_service(snapshot, props)
            # The data of a service that was taken over is not this stack's to delete.
            owned = props.get(SERVICE_OWNED) is not False if found is None else _is_own(snapshot, props, found)
            if found is None:
                found = _make(session, props)
                session.anew.add(_bound(props))
            if found["mountPath"] != props["mountPath"]:
                _mount(session, props, found["volumeId"])
        return CreateResult(found["volumeId"], {**props, "volumeId": found["volumeId"], OWNED: owned})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read it; it is gone if the environment answers without it. One that Railway is deleting is kept."""
        try:
            snapshot = self.session().refreshed(props, subject=_subject(props))
        except Gone:
            return ReadResult("", {})
        props = {key: value for key, value in props.items() if key != PENDING}
        for row in snapshot.volume_instances:
            if row["volumeId"] == id_:
                # A removed service leaves its volume mounted nowhere, and is added again without it.
                place = {"serviceId": row.get("serviceId") or "", "mountPath": row["mountPath"]}
                live = {**props, **place, "volumeId": id_, OWNED: is_owned(props, otherwise=snapshot.is_fork)}
                return ReadResult(id_, live, inputs_of(live, _INPUTS))
        deleted = pending.of_id(snapshot, id_)
        if deleted is None:
            return ReadResult("", {})
        until = str(deleted.get("deletedAt") or "")
        client = self.session().client
        client.progress(f"{_subject(props)}: {pending.told(until, client.now())}")
        return ReadResult(id_, {**props, PENDING: until}, {**inputs_of(props, _INPUTS), PENDING: until})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Mount it elsewhere, or in another service, unless somebody did since the state was written."""
        session = self.session()
        with session.snapshots.writing(news["environmentId"]):
            snapshot = session.living(news, subject=_subject(news), fresh=True)
            live = next((row for row in snapshot.volume_instances if row["volumeId"] == id_), None)
            if live is None:
                raise InfraError(
                    _subject(news), f"volume {id_} is gone", "run pulumi refresh, which says whether it can be restored"
                )
            # A volume that is mounted nowhere lost its service or was detached: a refresh records an empty id.
            before = str(olds.get("serviceId") or "")
            seen = {**live, "serviceId": live.get("serviceId") or ("" if before in snapshot.instances else before)}
            refuse_unseen_changes(_subject(news), olds, seen, news, ("mountPath", "serviceId"))
            if (live.get("serviceId"), live["mountPath"]) != (news["serviceId"], news["mountPath"]):
                _mount(session, news, id_)
        return UpdateResult({**news, "volumeId": id_, OWNED: is_owned(olds, otherwise=snapshot.is_fork)})

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it if this stack made it and its data may be deleted, which takes a while (fact: volume-grace).

        Raises:
            InfraError: it has data whose deletion was not requested, or it has data in other environments as well.
        """
        session = self.session()
        if session.run.given_up is not None and (self.policy().adopted or is_owned(props, otherwise=True)):
            # The gate knows the volumes of the last complete update only.
            session.run.given_up.add(id_)
        try:
            snapshot = session.read(props, subject=_subject(props), fresh=True)
        except Gone:
            return
        live = next((row for row in snapshot.volume_instances if row["volumeId"] == id_), None)
        if live is None:
            return
        name = f"volume {destroy_reasons.volume_name(snapshot, live)}"
        if self.leaves(props, name, otherwise=snapshot.is_fork, holds=True):
            return
        self.guard(props, _subject(props))
        if self.policy().data != DELETE and destroy_reasons.has_data(snapshot, live):
            raise InfraError(_subject(props), f"{name} has data", f"to delete it: {ALLOW_DATA}")
        elsewhere = destroy_reasons.in_other_environments(snapshot, id_)
        if elsewhere:
            raise InfraError(
                _subject(props),
                f"volume {id_} also has data in {len(elsewhere)} other environments, and volumeDelete deletes it all",
                "delete it in Railway's dashboard for this environment alone",
            )

        def seen() -> bool | None:
            try:
                now = session.read(props, subject=_subject(props), fresh=True)
            except Gone:
                return True
            return None if any(row["volumeId"] == id_ for row in now.volume_instances) else True

        with session.snapshots.making(props["environmentId"], props["serviceId"]):
            session.client.mutate(documents.VOLUME_DELETE, {"volumeId": id_}, subject=_subject(props), observe=seen)


def _subject(props: Mapping[str, Any]) -> str:
    return f"volume of {props['service']}"


def _refusal(props: Mapping[str, Any], until: str, now: datetime) -> str:
    return (
        f"{_subject(props)}: {pending.told(until, now)}, then run pulumi refresh. "
        f"To give its data up and start with an empty volume, run pulumi config set replaceVolume {props['service']}, "
        "pulumi up, and pulumi config rm replaceVolume after it"
    )


def _bound(props: Mapping[str, Any]) -> tuple[str, BoundPlace]:
    return str(props["serviceId"]), BoundPlace(BoundKind.VOLUME, str(props["mountPath"]))


def _of_service(snapshot: Snapshot, props: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = [row for row in snapshot.volume_instances if row.get("serviceId") == props["serviceId"]]
    if len(found) > 1:
        ids = ", ".join(row["volumeId"] for row in found)
        raise InfraError(
            _subject(props), f"the service has {len(found)} volumes: {ids}", "detach all but one on Railway"
        )
    return found[0] if found else None


def _is_own(snapshot: Snapshot, props: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether an existing volume belongs to this stack: it is empty, and in a service that the stack made.

    An interrupted update leaves such a volume behind: nothing is deployed before the volume is in the state.
    """
    return is_services_own(props) and not destroy_reasons.has_data(snapshot, found)


def _make(session: Session, props: Mapping[str, Any]) -> Mapping[str, Any]:
    given = {key: props[key] for key in ("projectId", "environmentId", "serviceId", "mountPath")}

    def seen() -> Mapping[str, Any] | None:
        return _of_service(session.living(props, subject=_subject(props), fresh=True), props)

    # volumeCreate is not idempotent: sent again, it makes a second volume.
    _, found = session.client.mutate(
        documents.VOLUME_CREATE, {"input": given}, subject=_subject(props), observe=seen, settle=True
    )
    deadline, pause = session.client.clock() + _APPEARS_SECONDS, 0.2
    while found is None:
        found = seen()
        if found is None:
            if session.client.clock() > deadline:
                raise InfraError(
                    _subject(props), f"not listed {_APPEARS_SECONDS:g} s after it was made", "run pulumi up again"
                )
            session.client.sleep(pause)
            pause = min(pause * 2, 5.0)
    return found


def _mount(session: Session, props: Mapping[str, Any], volume_id: str) -> None:
    variables = {
        "volumeId": volume_id,
        "environmentId": props["environmentId"],
        "input": {"mountPath": props["mountPath"], "serviceId": props["serviceId"]},
    }

    def seen() -> bool | None:
        found = _of_service(session.living(props, subject=_subject(props), fresh=True), props)
        there = found is not None and (found["volumeId"], found["mountPath"]) == (volume_id, props["mountPath"])
        return True if there else None

    session.client.mutate(documents.VOLUME_INSTANCE_UPDATE, variables, subject=_subject(props), observe=seen)
    session.anew.add(_bound(props))
    refuse_lost(_subject(props), f"it at {props['mountPath']}", session.until(seen))


class Volume(Resource, module="railway", name="Volume"):
    """A Railway volume in one environment, mounted in one service."""

    volumeId: pulumi.Output[str]
    mountPath: pulumi.Output[str]
    service: pulumi.Output[str]
    owned: pulumi.Output[bool | None]
    """Whether this stack made it; None in a state of an older release until a refresh."""

    def __init__(self, name: str, args: VolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            VolumeProvider(),
            name,
            {
                **args.at.part(),
                "mountPath": args.mount_path,
                REPLACES: args.replace_deleted or None,
                "volumeId": None,
                "owned": None,
            },
            opts,
        )
