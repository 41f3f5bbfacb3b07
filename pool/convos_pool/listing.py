"""Describes the pool manager's agents for its API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pool_contract.answers import Agents, AgentSummary, Counts, ListedInstance, PoolStatus, RolloutState, Status

from . import agents
from .errors import UnavailableError

if TYPE_CHECKING:
    from .agents import Agent
    from .claim import ClaimDetails
    from .inventory import PoolSnapshot
    from .serve import Service

TEAM_STATUS: dict[str, Status] = {
    "idle": "idle",
    "starting": "starting",
    "unfinished": "starting",
    "claimed": "claimed",
    "released": "claimed",
    "unknown": "crashed",
    "sleeping": "sleeping",
    "crashed": "crashed",
    "dead": "dead",
}
"""Our states in the terms of the team's pool manager. `unknown` becomes `crashed`, which a person can dismiss."""


def last_read(service: Service) -> PoolSnapshot:
    """Return the last read of the agents; callers without the key get this, because they must not trigger requests.

    Raises:
        UnavailableError: there is none yet.
    """
    found = service.pool.latest
    if found is None:
        raise UnavailableError("the agents have not been read yet; try again in a moment")
    return found


def counts(service: Service, made: int = 0) -> Counts:
    """Return how many agents are in each state.

    Args:
        service: the pool manager.
        made: how many agents were created since the last read.
    """
    snapshot = last_read(service)
    living = snapshot.agents.values()
    found = agents.counts(living, service.settings.runtime_image, service.key_check.behind(living))
    for name in ("starting", "total", "latest"):
        found[name] += made
    return Counts(**found)


def status(service: Service) -> PoolStatus:
    """Return everything about the agents, without secrets.

    Raises:
        UnavailableError: Railway and the database were not read yet.
    """
    snapshot = service.pool.latest or service.pool.refresh()
    living = list(snapshot.agents.values())
    step = service.tick.rollout
    return PoolStatus(
        counts=counts(service),
        instances=_instances(service, living, with_details=True),
        environment=service.settings.environment,
        image=service.settings.runtime_image,
        minIdle=service.settings.min_idle,
        database=service.database.check(),
        seenAt=snapshot.at,
        agents=[_summary(service, agent) for agent in living],
        rollout=RolloutState(state=step.state, text=step.text),
        problem=service.problem,
    )


def claimed_and_crashed(service: Service, *, with_details: bool) -> Agents:
    """Return the claimed and the crashed agents.

    Args:
        service: the pool manager.
        with_details: whether names, addresses, instructions, conversations and invites are included. They give access
            to conversations, so only callers with the key get them.
    """
    snapshot = last_read(service)
    shown = _instances(service, [one for one in snapshot.agents.values() if _is_in_use(one)], with_details=with_details)
    return Agents(
        claimed=[one for one in shown if one.status == "claimed"],
        crashed=[one for one in shown if one.status != "claimed"],
    )


def _is_in_use(agent: Agent) -> bool:
    return agent.claimed or TEAM_STATUS[agent.state] in {"claimed", "crashed"}


def _instances(service: Service, living: Sequence[Agent], *, with_details: bool) -> list[ListedInstance]:
    claimed = [agent.id for agent in living if agent.claimed]
    details = service.database.details(claimed) if claimed and with_details else {}
    return [_instance(service, agent, details.get(agent.id), with_details=with_details) for agent in living]


def _instance(service: Service, agent: Agent, details: ClaimDetails | None, *, with_details: bool) -> ListedInstance:
    return ListedInstance(
        serviceId=agent.instance.service_id,
        id=agent.id,
        # A claimed agent's service is named after the agent's name.
        name=agent.instance.name if with_details else agents.service_name(agent.id),
        url=service.client.address(agent.instance) if with_details else "",
        status=TEAM_STATUS[agent.state],
        createdAt=agent.instance.created_at.isoformat(),
        deployStatus=agent.instance.deployment_status,
        agentName=_or_none(details.agent_name if details else ""),
        instructions=_or_none(details.instructions if details else ""),
        inviteUrl=_or_none(details.invite_url if details else ""),
        conversationId=_or_none(details.conversation_id if details else ""),
        claimedAt=_or_none(details.claimed_at if details else ""),
        sourceBranch=_or_none(details.source_branch if details else ""),
        state=agent.state,
        image=agent.image,
        latest=agents.same_image(agent.image, service.settings.runtime_image),
        reason=_or_none(agent.reason),
        keysBehind=service.key_check.names(agent) if with_details else None,
    )


def _or_none(text: str) -> str | None:
    return text or None


def _summary(service: Service, agent: Agent) -> AgentSummary:
    return AgentSummary(
        id=agent.id,
        service=agent.instance.name,
        serviceId=agent.instance.service_id,
        state=agent.state,
        image=agent.image,
        latest=agents.same_image(agent.image, service.settings.runtime_image),
        deployment=agent.instance.deployment_status,
        url=service.client.address(agent.instance),
        createdAt=agent.instance.created_at.isoformat(),
    )
