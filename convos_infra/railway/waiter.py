"""The wait for deployments: one query a round for all that are under way, whoever waits for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convos_infra.railway import operations
from convos_infra.railway.deployment import BAD, GOOD, LOG_LINES, DeploymentFailed, DeploymentState, parsed, runs
from convos_infra.railway.errors import NotFound, RailwayError
from convos_infra.redact import redact

if TYPE_CHECKING:
    from convos_infra.railway.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
REPEAT_SECONDS = 15.0
"""How often a status that does not change is said again, so that a person sees that it lives."""


@dataclass(frozen=True)
class Awaited:
    """One deployment that is waited for.

    Attributes:
        service: its name, for people.
        service_id, environment_id: where a new deployment would be made.
        deployment_id: which one.
        image: what it must run; empty takes any.
        may_redeploy: whether it may be deployed once more where the deployment that is there has already failed, or
            runs something else: True for one that an earlier run left behind, False for one that this run has made.
        secrets: values that no log line may show.
    """

    service: str
    service_id: str
    environment_id: str
    deployment_id: str
    image: str = ""
    may_redeploy: bool = False
    secrets: tuple[str, ...] = ()


def wait(client: Client, awaited: Sequence[Awaited], timeout_seconds: float) -> dict[str, DeploymentState]:
    """Wait until every deployment is good; returns their states by service name.

    Args:
        client: asks Railway.
        awaited: what is waited for, all in one query a round.
        timeout_seconds: how long, from now.

    Raises:
        DeploymentFailed: the first that ended badly, or that was not good in time.
    """
    began = client.clock()
    pending = {item.service: item for item in awaited}
    done: dict[str, DeploymentState] = {}
    said: dict[str, tuple[str, float]] = {}
    pause = FIRST_PAUSE
    while True:
        states = read_states(client, list(pending.values()))
        elapsed = client.clock() - began
        for item in list(pending.values()):
            state = states.get(item.service)
            if state is None:
                continue
            _say(client.progress, said, item.service, state, elapsed)
            if state.status in GOOD and runs(state, item.image):
                done[item.service] = state
                del pending[item.service]
            elif state.status in BAD or state.status in GOOD:
                pending[item.service] = _another(client, item, state, elapsed)
        if not pending:
            return done
        if elapsed > timeout_seconds:
            item = next(iter(pending.values()))
            state = states.get(item.service) or DeploymentState(item.deployment_id, "unknown")
            raise DeploymentFailed(item.service, state, seconds=elapsed, lines=last_lines(client, item), timed_out=True)
        client.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def read_states(client: Client, awaited: Sequence[Awaited]) -> dict[str, DeploymentState]:
    """Return the deployments' states by service name, in one query."""
    variables = {f"d{index}": item.deployment_id for index, item in enumerate(awaited)}
    names = ", ".join(item.service for item in awaited)
    data = client.query(operations.deployments(len(awaited)), variables, thing=names)
    states = {item.service: parsed(data.get(f"d{index}")) for index, item in enumerate(awaited)}
    return {name: state for name, state in states.items() if state is not None}


def last_lines(client: Client, item: Awaited) -> list[str]:
    """Return the last log lines of a deployment, secrets taken out; nothing where they cannot be read."""
    lines: list[str] = []
    for document, name in ((operations.DEPLOYMENT_LOGS, "deploymentLogs"), (operations.BUILD_LOGS, "buildLogs")):
        try:
            data = client.query(document, {"id": item.deployment_id, "limit": LOG_LINES}, thing=item.service)
        except RailwayError:
            continue
        rows: Sequence[Mapping[str, str]] = data.get(name) or []
        lines = [" ".join(str(row.get("message") or "").split()) for row in rows][-LOG_LINES:]
        if lines:
            break
    return [redact(line, item.secrets)[:300] for line in lines]


def _another(client: Client, item: Awaited, state: DeploymentState, elapsed: float) -> Awaited:
    """Deploy the stored config once more, where that is allowed; else the wait has failed."""
    if not item.may_redeploy:
        raise DeploymentFailed(item.service, state, seconds=elapsed, lines=last_lines(client, item), timed_out=False)
    what = f"{state.status} and runs another image" if state.status in GOOD else state.status
    client.progress(f"{item.service}: deployment {state.id} is {what}; deploying the stored configuration again")
    made = deploy(client, item)
    return replace(item, deployment_id=made, may_redeploy=False)


def deploy(client: Client, item: Awaited) -> str:
    """Deploy the stored config, once; returns the deployment's id.

    Each call makes a deployment, so one whose answer was lost is looked for before anything is sent again.
    """
    variables = {"serviceId": item.service_id, "environmentId": item.environment_id}
    before = _latest_id(client, item)

    def made() -> str | None:
        latest = _latest_id(client, item)
        return latest if latest and latest != before else None

    data, seen = client.mutate(operations.DEPLOY, variables, thing=item.service, observe=made, settle=True)
    found = seen or str((data or {}).get("serviceInstanceDeployV2") or "")
    if not found:
        raise NotFound(item.service, "Railway made no deployment", "run pulumi up again")
    return found


def _latest_id(client: Client, item: Awaited) -> str:
    variables = {"serviceId": item.service_id, "environmentId": item.environment_id}
    data = client.query(operations.LATEST_DEPLOYMENT, variables, thing=item.service)
    return str(((data.get("serviceInstance") or {}).get("latestDeployment") or {}).get("id") or "")


def _say(
    progress: Callable[[str], None], said: dict[str, tuple[str, float]], service: str, state: DeploymentState, at: float
) -> None:
    before, when = said.get(service, ("", -REPEAT_SECONDS))
    if state.status == before and at - when < REPEAT_SECONDS:
        return
    said[service] = (state.status, at)
    arrow = f"{before} -> {state.status}" if before and before != state.status else state.status
    note = " (simulated)" if state.mode == "simulated" else ""
    progress(f"{service}: {arrow}{note}, {at:.0f} s")
