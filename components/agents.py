"""`LivingAgents`: rolls a new image out to the agents that the pool manager owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from convos_infra.rollout.resource import BATCHES, AgentRollout, AgentRolloutArgs

if TYPE_CHECKING:
    from components.pool_manager import PoolManager


class LivingAgents(pulumi.ComponentResource):
    """The rollout over the agents of one environment.

    Args:
        name: the resource's name.
        pool_manager: owns the agents, and carries out the rollout once it is deployed.
        wait_seconds: how many seconds an update waits for the end of the rollout.
        prefix: the prefix of the names of agents' services.
    """

    def __init__(
        self,
        name: str,
        pool_manager: PoolManager,
        wait_seconds: int,
        prefix: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:Agents", name, None, opts)
        rollout = AgentRollout(
            name,
            AgentRolloutArgs(
                at=pool_manager.service.at(),
                url=pool_manager.url,
                api_key=pool_manager.api_key,
                mode=pool_manager.mode,
                variables=pool_manager.rollout_variables,
                wait_seconds=wait_seconds,
                service_owned=pool_manager.service.owned,
                agent_prefix=prefix,
                made_token=pool_manager.made_token,
            ),
            # Where the pool manager answers is unknown whenever it is deployed; the image is shown by its own record.
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[pool_manager.ready],
                hide_diffs=["url", "mode", "variables", BATCHES],
            ),
        )
        self.summary = {"rollout": rollout.state, "text": rollout.text}
        self.register_outputs(self.summary)
