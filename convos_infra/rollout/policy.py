"""A stack's rollout policy, and the variables of the pool manager that say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convos_infra.rollout.leaving import ON_DESTROY, REFUSE

HOLD, REDEPLOY_IDLE, DRAIN_AND_REPLACE = "hold", "redeploy-idle", "drain-and-replace"
KINDS = (HOLD, REDEPLOY_IDLE, DRAIN_AND_REPLACE)
LEAVE, REPLACE = "leave", "replace"
CLAIMED = (LEAVE, REPLACE)


@dataclass(frozen=True)
class RolloutPolicy:
    """What happens to living agents when the image changes.

    Attributes:
        kind: `hold` touches nothing, `redeploy-idle` moves idle agents, `drain-and-replace` claimed ones too, once they
            are released or their deadline has passed.
        canary: the size of the first batch.
        batch: the size of every later one.
        max_unavailable: how many agents may be on their way at once.
        bake_seconds: how long a ready agent is watched before it counts.
        ready_seconds: how long a moved agent may take to get ready before its batch counts as unhealthy.
        deadline_seconds: how long claimed agents are waited for, from the start of the rollout.
        claimed: what happens to those that are still claimed then, `leave` or `replace`.
        wait_seconds: how long `pulumi up` waits; the pool manager goes on by itself.
        on_destroy: whether a destroy stops where somebody has an agent, `refuse`, or deletes those too, `delete`.
    """

    kind: str = HOLD
    canary: int = 1
    batch: int = 10
    max_unavailable: int = 10
    bake_seconds: int = 60
    ready_seconds: int = 300
    deadline_seconds: int = 86_400
    claimed: str = LEAVE
    wait_seconds: int = 3_600
    on_destroy: str = REFUSE

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """Yield what cannot be: attribute, what is wrong, what to do."""
        for name, value, allowed in (
            ("kind", self.kind, KINDS),
            ("claimed", self.claimed, CLAIMED),
            ("on_destroy", self.on_destroy, ON_DESTROY),
        ):
            if value not in allowed:
                yield name, f"must be one of {', '.join(allowed)}, not {value!r}", ""
        for name, size in (("canary", self.canary), ("batch", self.batch)):
            if size > self.max_unavailable:
                problem = f"{size} agents at once are more than rolloutMaxUnavailable ({self.max_unavailable})"
                yield name, problem, "lower it, or raise rolloutMaxUnavailable"

    def variables(self) -> dict[str, str]:
        """Return the pool manager's variables, in its units."""
        return {
            "POOL_ROLLOUT_POLICY": self.kind,
            "POOL_ROLLOUT_CANARY": str(self.canary),
            "POOL_ROLLOUT_BATCH": str(self.batch),
            "POOL_ROLLOUT_MAX_UNAVAILABLE": str(self.max_unavailable),
            "POOL_ROLLOUT_BAKE_MS": str(self.bake_seconds * 1000),
            "POOL_ROLLOUT_READY_TIMEOUT_MS": str(self.ready_seconds * 1000),
            "POOL_ROLLOUT_DEADLINE_MS": str(self.deadline_seconds * 1000),
            "POOL_ROLLOUT_CLAIMED": self.claimed,
        }
