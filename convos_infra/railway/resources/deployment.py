"""`Deployment`: the wait until what was deployed runs, a resource of its own.

A wait that fails must leave the service in the state; inside `ServiceInstance` it would take its record along (a
create that raises leaves none). Several services wait in one: a wait holds one of the provider's four threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.provider import Props, is_unknown
from convos_infra.railway import rules
from convos_infra.railway.deployment import DeploymentState, parsed
from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.resources.properties import difference, inputs_of
from convos_infra.railway.session import DEFAULT_TIMEOUT_SECONDS, RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from convos_infra.railway.waiter import Awaited, wait

_INPUTS = ("projectId", "environmentId", "services", "timeoutSeconds")


@dataclass(frozen=True)
class DeployedService:
    """One service whose deployment is waited for.

    Attributes:
        name: the service's name.
        service_id: its id.
        deployment_id: the deployment that its `ServiceInstance` caused.
        image: what it must run; None takes any.
    """

    name: str
    service_id: pulumi.Input[str]
    deployment_id: pulumi.Input[str]
    image: pulumi.Input[str] | None = None


@dataclass(frozen=True)
class DeploymentArgs:
    """The inputs of a `Deployment`.

    Attributes:
        project_id, environment_id: where.
        services: whose deployments are waited for, together.
        timeout_seconds: for all of them, from the beginning of the wait.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    services: Sequence[DeployedService]
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS


class DeploymentProvider(RailwayProvider):
    """Waits; makes a deployment only where an earlier run left a failed one, and then one."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the time limit."""
        del olds
        seconds = news.get("timeoutSeconds")
        if not is_unknown(seconds) and not (rules.number(seconds) or 0) > 0:
            return news, [CheckFailure("timeoutSeconds", f"must be more than 0 seconds, not {seconds!r}")]
        return news, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Another deployment or image is another wait."""
        del id_
        return difference(olds, news, ("services",), ("projectId", "environmentId"))

    def created(self, props: Props) -> CreateResult:
        """Wait."""
        names = ",".join(sorted(row["name"] for row in props["services"]))
        return CreateResult(f"{props['environmentId']}/{names}", self._waited(props))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Wait for what is new."""
        del id_, olds
        return UpdateResult(self._waited(news))

    def _waited(self, props: Props) -> Props:
        session = self.session()
        names = ", ".join(row["name"] for row in props["services"])
        snapshot = session.living(props, thing=names)
        awaited = [_awaited(session, snapshot, props, row) for row in props["services"]]
        states = wait(session.poll, session.client, awaited, float(props["timeoutSeconds"]))
        session.snapshots.forget(props["environmentId"])
        return {**props, "deployed": {name: _shown(state) for name, state in sorted(states.items())}}

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read what runs now; a deployment that somebody else made since shows as drift."""
        try:
            snapshot = self.session().read(props, thing="deployments")
        except Gone:
            return ReadResult("", {})
        deployed = dict(props.get("deployed") or {})
        for row in props["services"]:
            state = parsed((snapshot.instances.get(row["serviceId"]) or {}).get("latestDeployment"))
            if state is not None:
                deployed[row["name"]] = _shown(state)
        return ReadResult(id_, {**props, "deployed": deployed}, inputs_of(props, _INPUTS))

    def deleted(self, id_: str, props: Props) -> None:
        """Leave it: a deployment goes with its service."""
        del id_
        self.session().prove_sight(props, thing="deployments")


def _awaited(session: Session, snapshot: Snapshot, props: Props, row: Mapping[str, Any]) -> Awaited:
    deployment_id = str(row.get("deploymentId") or "")
    latest = snapshot.latest_deployment(row["serviceId"])
    if not deployment_id and latest is not None:
        deployment_id = latest.id
    if not deployment_id:
        raise InfraError(row["name"], "Railway has no deployment of it", "run pulumi up again")
    values = live_variables(snapshot.service(row["serviceId"]) or {})
    return Awaited(
        service=row["name"],
        service_id=row["serviceId"],
        environment_id=props["environmentId"],
        deployment_id=deployment_id,
        image=str(row.get("image") or ""),
        may_redeploy=deployment_id not in session.fresh,
        # A path such as /app stands in every other log line, and opens nothing.
        secrets=tuple(value for value in values.values() if value and not value.startswith("/")),
    )


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
        super().__init__(
            DeploymentProvider(),
            name,
            {
                "projectId": args.project_id,
                "environmentId": args.environment_id,
                "services": services,
                "timeoutSeconds": args.timeout_seconds,
                "deployed": None,
            },
            opts,
        )
