"""`Deployment`: waits until what was deployed runs.

The wait is a resource of its own, because a create that raises leaves no record in the state: inside `ServiceInstance`,
a failed wait would lose the service's configuration (docs/decisions/0005-waiting-is-a-resource.md). One resource waits
for several services, because each wait holds a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import change as changes
from convos_infra.railway import rules
from convos_infra.railway.address import address_now
from convos_infra.railway.change import ANNOUNCED, Change
from convos_infra.railway.deployment import MOVING, DeploymentState, Verdict, verdict
from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.idle import REFERENCE
from convos_infra.railway.readiness import ReadinessArgs, is_asked, wait_until_ready
from convos_infra.railway.resources.properties import difference, inputs_of
from convos_infra.railway.service_configuration import AS_FOUND
from convos_infra.railway.session import DEFAULT_TIMEOUT_SECONDS, RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from convos_infra.railway.waiter import Awaited, wait

UNSETTLED, AGAIN = "unsettled", "again"
"""The status of each deployment that a refresh saw under way, by service; and the services that are deployed once
more, as the preview announced."""
READINESS = "readiness"
"""By service, how its readiness is checked. It contains keys, so the whole input is a secret."""
_INPUTS = ("projectId", "environmentId", "services", READINESS, "timeoutSeconds", AS_FOUND, AGAIN, *ANNOUNCED)


@dataclass(frozen=True)
class DeployedService:
    """One service whose deployment is waited for.

    Attributes:
        name: the service's name.
        service_id: its id.
        deployment_id: the deployment that its `ServiceInstance` caused.
        image: the image that it must run; None accepts any.
        readiness: how its readiness is checked once its deployment has succeeded; None for no check.
    """

    name: str
    service_id: pulumi.Input[str]
    deployment_id: pulumi.Input[str]
    image: pulumi.Input[str] | None = None
    readiness: ReadinessArgs | None = None


@dataclass(frozen=True)
class DeploymentArgs:
    """The inputs of a `Deployment`.

    Attributes:
        project_id, environment_id: the environment of the services.
        services: the services whose deployments are waited for, together.
        timeout_seconds: the longest wait for all of them together, in seconds.
        as_found: whether the first update waits only for deployments that it made itself.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    services: Sequence[DeployedService]
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    as_found: bool = False


class DeploymentProvider(RailwayProvider):
    """Waits; deploys again only if an earlier run left a failed deployment, and the preview announced that."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the time limit, and announce which services are deployed again because an earlier run failed."""
        seconds = news.get("timeoutSeconds")
        if not is_unknown(seconds) and not (rules.number(seconds) or 0) > 0:
            return news, [CheckFailure("timeoutSeconds", f"must be more than 0 seconds, not {seconds!r}")]
        waits = (
            (not olds and not news.get(AS_FOUND))
            or difference(olds, news, ("services",), ()).changes
            or olds.get(UNSETTLED)
        )
        again = self._failed(news) if waits and not has_unknown([news["projectId"], news["environmentId"]]) else {}
        if not again:
            return {**news, **changes.kept_announcement(olds)}, []
        change = Change(len(again), fields=tuple(f"{name} ({what}) once more" for name, what in sorted(again.items())))
        for name, what in again.items():
            self.session().announce_deployment(name, [f"the newest deployment: {what}"])
        return {**news, AGAIN: sorted(again), **changes.announcement(olds, change)}, []

    def _failed(self, news: Props) -> dict[str, str]:
        """Return the services whose newest deployment has failed or runs another image, each with the reason."""
        session = self.session()
        rows = [row for row in news["services"] if not has_unknown([row.get("serviceId"), row.get("deploymentId")])]
        # The deployments of this run are still under way.
        rows = [row for row in rows if row.get("deploymentId") not in session.fresh]
        if not rows:
            return {}
        snapshot = session.living(news, subject="deployments")
        found = {}
        for row in rows:
            newest = _followed(session, snapshot, row)
            image = "" if is_unknown(row.get("image")) else str(row.get("image") or "")
            # A deployment that is not in the state was just made by somebody else, and the one of a service that this
            # update has changed was unknown in the preview: no preview has announced that either is repeated.
            is_known = newest is not None and newest.id == row.get("deploymentId")
            is_known = is_known and row["serviceId"] not in session.updated
            # A removed deployment is not repeated: an update leaves only failed ones behind, so somebody removed it.
            is_known = is_known and newest is not None and newest.status != "REMOVED"
            ruling = verdict(newest, image) if newest is not None and is_known else Verdict.WAIT
            if newest is not None and ruling in (Verdict.BAD, Verdict.RUNS_ANOTHER):
                found[str(row["name"])] = newest.status if ruling is Verdict.BAD else "runs another image"
        return found

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """A new deployment or image needs a new wait, and so does a deployment that a refresh saw under way."""
        del id_
        plain = difference(olds, news, ("services",), ("projectId", "environmentId"))
        if (olds.get(UNSETTLED) or None) == (news.get(UNSETTLED) or None) and not changes.is_announced(olds, news):
            return plain
        return DiffResult(changes=True, replaces=plain.replaces, stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Wait, unless the services were taken over as found and this update has deployed none of them."""
        names = ",".join(sorted(row["name"] for row in props["services"]))
        fresh = self.session().fresh
        is_found = props.get(AS_FOUND) and not any(row.get("deploymentId") in fresh for row in props["services"])
        outputs = self._found(props) if is_found else self._waited(props)
        return CreateResult(f"{props['environmentId']}/{names}", outputs)

    def _found(self, props: Props) -> Props:
        snapshot = self.session().living(props, subject="deployments")
        states = {row["name"]: snapshot.latest_deployment(row["serviceId"]) for row in props["services"]}
        return {**props, "deployed": {name: _shown(one) for name, one in sorted(states.items()) if one is not None}}

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Wait for what is new."""
        del id_, olds
        return UpdateResult(self._waited(news))

    def _waited(self, props: Props) -> Props:
        session = self.session()
        names = ", ".join(row["name"] for row in props["services"])
        snapshot = session.living(props, subject=names)
        awaited = [_awaited(session, snapshot, props, row) for row in props["services"]]
        states = wait(session.poll, session.client, awaited, float(props["timeoutSeconds"]))
        session.snapshots.forget(props["environmentId"])
        ids = {str(row["name"]): row["serviceId"] for row in props["services"]}
        for name, asked in sorted((props.get(READINESS) or {}).items()):
            if is_asked(states[name]):
                recorded = [states[name].url, str(asked["url"])]
                base = address_now(session, {**props, "serviceId": ids[name]}, recorded, settle=True)
                wait_until_ready(session.client, name, base, asked)
        return {**props, "deployed": {name: _shown(state) for name, state in sorted(states.items())}}

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the deployments; one that is still under way shows as drift, and the next update waits for it."""
        try:
            snapshot = self.session().refreshed(props, subject="deployments")
        except Gone:
            return ReadResult("", {})
        deployed = dict(props.get("deployed") or {})
        moving = {}
        for row in props["services"]:
            state = snapshot.latest_deployment(row["serviceId"])
            if state is not None:
                deployed[row["name"]] = _shown(state)
                if state.status in MOVING:
                    moving[row["name"]] = state.status
        found = {UNSETTLED: moving} if moving else {}
        kept = {key: value for key, value in props.items() if key != UNSETTLED}
        return ReadResult(id_, {**kept, "deployed": deployed, **found}, {**inputs_of(kept, _INPUTS), **found})

    def deleted(self, id_: str, props: Props) -> None:
        """Do nothing: Railway deletes deployments together with their service."""
        del id_
        self.session().assert_readable(props, subject="deployments")


def _awaited(session: Session, snapshot: Snapshot, props: Props, row: Mapping[str, Any]) -> Awaited:
    followed = _followed(session, snapshot, row)
    deployment_id = followed.id if followed is not None else str(row.get("deploymentId") or "")
    if not deployment_id:
        raise InfraError(row["name"], "Railway has no deployment of it", "run pulumi up again")
    values = live_variables(snapshot.service(row["serviceId"]) or {})
    return Awaited(
        service=row["name"],
        service_id=row["serviceId"],
        environment_id=props["environmentId"],
        deployment_id=deployment_id,
        status=followed.status if followed is not None else "",
        image=str(row.get("image") or ""),
        may_redeploy=row["name"] in (props.get(AGAIN) or ()) and deployment_id not in session.fresh,
        # A path such as /app appears in many log lines, and is not a secret.
        references={name: value for name, value in values.items() if value and REFERENCE in value},
        secrets=tuple(value for value in values.values() if value and not value.startswith("/")),
    )


def _followed(session: Session, snapshot: Snapshot, row: Mapping[str, Any]) -> DeploymentState | None:
    """Return the newest deployment; the serving one if that was skipped, None if this run's own does not show yet."""
    deployment_id = str(row.get("deploymentId") or "")
    latest = snapshot.latest_deployment(row["serviceId"])
    if latest is None or (deployment_id in session.fresh and latest.id != deployment_id):
        # Reads lag behind: the one that was just made may not show yet.
        return None
    return (snapshot.serving_deployment(row["serviceId"]) or latest) if latest.status == "SKIPPED" else latest


def _shown(state: DeploymentState) -> dict[str, str]:
    return {"id": state.id, "status": state.status, "image": state.image, "url": state.url, "mode": state.mode}


class Deployment(Resource, module="railway", name="Deployment"):
    """The wait for deployments of one environment."""

    deployed: pulumi.Output[Mapping[str, Any]]

    def __init__(self, name: str, args: DeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        services = [
            {"name": row.name, "serviceId": row.service_id, "deploymentId": row.deployment_id, "image": row.image}
            for row in args.services
        ]
        asked = {row.name: row.readiness.properties() for row in args.services if row.readiness is not None}
        marked = pulumi.ResourceOptions(additional_secret_outputs=[READINESS])
        super().__init__(
            DeploymentProvider(),
            name,
            {
                "projectId": args.project_id,
                "environmentId": args.environment_id,
                "services": services,
                READINESS: pulumi.Output.secret(asked) if asked else None,
                "timeoutSeconds": args.timeout_seconds,
                AS_FOUND: args.as_found or None,
                "deployed": None,
            },
            pulumi.ResourceOptions.merge(opts, marked),
        )
