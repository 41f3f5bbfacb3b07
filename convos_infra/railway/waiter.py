"""The wait for deployments: each round has one query for all deployments under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.railway.deployment import (
    GOOD,
    LOG_LINES,
    MOVING,
    DeploymentFailed,
    DeploymentState,
    Verdict,
    telling_line,
    verdict,
)
from railway_api import documents
from railway_api.errors import NotFound, RailwayError
from railway_api.printable import escaped
from railway_api.progress import WaitStage, record
from railway_api.redact import redact

if TYPE_CHECKING:
    from convos_infra.railway.poll import Found, Poll
    from railway_api.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 0.3, 5.0
LATE = 0.5
"""How late the end of a deployment may be seen, as a share of the time that it took."""
REPEAT_SECONDS = 15.0
"""How often an unchanged status is printed again, in seconds, as a sign of life."""


@dataclass(frozen=True)
class Awaited:
    """One deployment that is waited for.

    Attributes:
        service: its name, for people.
        service_id, environment_id: where a new deployment would be made.
        deployment_id: its id.
        status: the status that was read a moment ago; empty if none was.
        image: the image that it must run; empty for any.
        may_redeploy: whether the service may be deployed once more if the existing deployment has already failed or
            runs something else: True for one that an earlier run left behind, False for one of this run.
        secrets: values that no log line may show.
        references: stored values that are references, by variable.
    """

    service: str
    service_id: str
    environment_id: str
    deployment_id: str
    status: str = ""
    image: str = ""
    may_redeploy: bool = False
    secrets: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)


def wait(poll: Poll, client: Client, awaited: Sequence[Awaited], timeout_seconds: float) -> dict[str, DeploymentState]:
    """Wait until every deployment has succeeded; return their states by service name.

    Args:
        poll: asks for these and for all other deployments that this process waits for.
        client: reads logs, and deploys again if that is allowed.
        awaited: the deployments to wait for.
        timeout_seconds: the time limit, from now.

    Raises:
        DeploymentFailed: the first deployment that failed, or that did not succeed in time.
    """
    return _Wait(poll, client, timeout_seconds).done(awaited)


class _Wait:
    """One wait: what is pending, since when, and what was printed about it."""

    def __init__(self, poll: Poll, client: Client, timeout_seconds: float) -> None:
        self._poll, self._client, self._timeout = poll, client, timeout_seconds
        self._began = client.clock()
        self._said: dict[str, tuple[str, float]] = {}
        self._missing: dict[str, float] = {}

    def done(self, awaited: Sequence[Awaited]) -> dict[str, DeploymentState]:
        """Wait for all."""
        pending = {item.service: item for item in awaited}
        done: dict[str, DeploymentState] = {}
        last: dict[str, DeploymentState] = {}
        pause = FIRST_PAUSE
        with ExitStack() as watching:
            for item in awaited:
                watching.enter_context(self._poll.watching(item.deployment_id))
            if all(item.status in MOVING for item in awaited):
                self._client.sleep(pause)
            while True:
                found = self._poll.states(pause, subject=", ".join(pending))
                for item in list(pending.values()):
                    state = self._state(item, found)
                    if state is None:
                        continue
                    last[item.service] = state
                    ruling = self._ruling(item, state)
                    if ruling is Verdict.GOOD:
                        done[item.service] = state
                        del pending[item.service]
                    elif ruling is not Verdict.WAIT:
                        pending[item.service] = self._another(item, state)
                        watching.enter_context(self._poll.watching(pending[item.service].deployment_id))
                if not pending:
                    return done
                self._check_time(pending, last)
                pause = min(max(FIRST_PAUSE, self._elapsed * LATE), LONGEST_PAUSE)
                self._client.sleep(pause)

    @property
    def _elapsed(self) -> float:
        return self._client.clock() - self._began

    def _state(self, item: Awaited, found: Found) -> DeploymentState | None:
        state = found.get(item.deployment_id)
        if not isinstance(state, RailwayError):
            self._missing.pop(item.deployment_id, None)
            return state
        # A new deployment may not be visible yet (fact: read-lag).
        since = self._missing.setdefault(item.deployment_id, self._client.clock())
        if self._client.clock() - since < self._client.timing.settle_seconds:
            return None
        problem = f'deployment {item.deployment_id} cannot be found any more: Railway says "{state.message}"'
        raise InfraError(item.service, problem, "run pulumi up again") from state

    def _ruling(self, item: Awaited, state: DeploymentState) -> Verdict:
        before, when = self._said.get(item.service, ("", -REPEAT_SECONDS))
        if state.status != before or self._elapsed - when >= REPEAT_SECONDS:
            self._said[item.service] = (state.status, self._elapsed)
            arrow = f"{before} -> {state.status}" if before and before != state.status else state.status
            note = " (simulated)" if state.mode == "simulated" else ""
            self._client.progress(WaitStage(item.service, f"{arrow}{note}", self._elapsed))
        return verdict(state, item.image)

    def _another(self, item: Awaited, state: DeploymentState) -> Awaited:
        """Deploy the stored config once more if that is allowed; otherwise the wait has failed."""
        if not item.may_redeploy:
            raise DeploymentFailed(
                item.service,
                state,
                seconds=self._elapsed,
                lines=self._last_lines(item, state),
                timed_out=False,
                empty=empty_references(self._client, item),
            )
        what = f"{state.status} and runs another image" if state.status in GOOD else state.status
        self._client.progress(
            f"{item.service}: deployment {state.id} is {what}; deploying the stored configuration again"
        )
        return replace(item, deployment_id=deploy(self._client, item), may_redeploy=False)

    def _check_time(self, pending: Mapping[str, Awaited], last: Mapping[str, DeploymentState]) -> None:
        if self._elapsed <= self._timeout:
            return
        item, *others = pending.values()
        state = last.get(item.service) or DeploymentState(item.deployment_id, "unknown")
        raise DeploymentFailed(
            item.service,
            state,
            seconds=self._elapsed,
            lines=self._last_lines(item, state),
            timed_out=True,
            others=[other.service for other in others],
        )

    def _last_lines(self, item: Awaited, state: DeploymentState) -> list[str]:
        lines = last_lines(self._client, item)
        record(item.service, f"{state.status}: {telling_line(lines)}" if lines else state.status)
        return lines


def last_lines(client: Client, item: Awaited) -> list[str]:
    """Return the last log lines of a deployment without secrets; nothing if they cannot be read."""
    lines: list[str] = []
    for document, name in ((documents.DEPLOYMENT_LOGS, "deploymentLogs"), (documents.BUILD_LOGS, "buildLogs")):
        try:
            data = client.query(document, {"id": item.deployment_id, "limit": LOG_LINES}, subject=item.service)
        except RailwayError:
            continue
        rows: Sequence[Mapping[str, str]] = data.get(name) or []
        lines = [" ".join(str(row.get("message") or "").split()) for row in rows][-LOG_LINES:]
        if lines:
            break
    return [escaped(redact(line, item.secrets)[:300]) for line in lines]


def empty_references(client: Client, item: Awaited) -> dict[str, str]:
    """Return the references that were empty in a deployment; nothing if that cannot be read."""
    if not item.references:
        return {}
    try:
        data = client.query(documents.details(1, 0), {"d0": item.deployment_id}, subject=item.service)
    except RailwayError:
        return {}
    given = (data.get("d0") or {}).get("variables")
    values: Mapping[str, object] = given if isinstance(given, Mapping) else {}
    return {name: text for name, text in item.references.items() if values.get(name) == ""}


def deploy(client: Client, item: Awaited) -> str:
    """Deploy the stored config once; return the deployment's id.

    Each call makes a deployment. If the answer is lost, look for the deployment before sending again.
    """
    variables = {"serviceId": item.service_id, "environmentId": item.environment_id}
    before = _latest_id(client, item)

    def made() -> str | None:
        latest = _latest_id(client, item)
        return latest if latest and latest != before else None

    data, seen = client.mutate(documents.DEPLOY, variables, subject=item.service, observe=made, settle=True)
    found = seen or str((data or {}).get("serviceInstanceDeployV2") or "")
    if not found:
        raise NotFound(item.service, "Railway made no deployment", "run pulumi up again")
    return found


def _latest_id(client: Client, item: Awaited) -> str:
    variables = {"serviceId": item.service_id, "environmentId": item.environment_id}
    data = client.query(documents.LATEST_DEPLOYMENT, variables, subject=item.service)
    return str(((data.get("serviceInstance") or {}).get("latestDeployment") or {}).get("id") or "")
