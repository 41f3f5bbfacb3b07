"""The rollout policy in the pool manager's variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pool_contract.keys import declaration_of


@dataclass(frozen=True)
class Policy:
    """What happens to living agents when the image changes.

    Attributes:
        kind: `hold` moves no agent, `redeploy-idle` moves idle agents, and `drain-and-replace` also waits for claimed
            ones, until they are gone or, with `replace_claimed`, are moved at the deadline.
        canary: the size of the first batch.
        batch: the size of every later batch.
        max_unavailable: how many agents may be moving at once.
        bake_seconds: how long a ready agent is watched before it counts.
        ready_seconds: how long a moved agent may take to get ready before its batch counts as unhealthy.
        replace_claimed: whether claimed agents are moved once their deadline has passed.
        deadline_seconds: how long after the start of the rollout claimed agents are replaced.
    """

    kind: str = "hold"
    canary: int = 1
    batch: int = 10
    max_unavailable: int = 10
    bake_seconds: float = 60.0
    ready_seconds: float = 300.0
    replace_claimed: bool = False
    deadline_seconds: float = 86_400.0


def policy_of(values: Mapping[str, str]) -> Policy:
    """Return the policy of variables that `keys.problems` has accepted."""

    def text(name: str) -> str:
        return values.get(f"POOL_ROLLOUT_{name}") or declaration_of(f"POOL_ROLLOUT_{name}").default

    return Policy(
        kind=text("POLICY"),
        canary=int(text("CANARY")),
        batch=int(text("BATCH")),
        max_unavailable=int(text("MAX_UNAVAILABLE")),
        bake_seconds=int(text("BAKE_MS")) / 1000,
        ready_seconds=int(text("READY_TIMEOUT_MS")) / 1000,
        replace_claimed=text("CLAIMED") == "replace",
        deadline_seconds=int(text("DEADLINE_MS")) / 1000,
    )


def variables_of(policy: Policy) -> dict[str, str]:
    """Return the pool manager's variables for a policy."""
    return {
        "POOL_ROLLOUT_POLICY": policy.kind,
        "POOL_ROLLOUT_CANARY": str(policy.canary),
        "POOL_ROLLOUT_BATCH": str(policy.batch),
        "POOL_ROLLOUT_MAX_UNAVAILABLE": str(policy.max_unavailable),
        "POOL_ROLLOUT_BAKE_MS": str(round(policy.bake_seconds * 1000)),
        "POOL_ROLLOUT_READY_TIMEOUT_MS": str(round(policy.ready_seconds * 1000)),
        "POOL_ROLLOUT_CLAIMED": "replace" if policy.replace_claimed else "leave",
        "POOL_ROLLOUT_DEADLINE_MS": str(round(policy.deadline_seconds * 1000)),
    }
