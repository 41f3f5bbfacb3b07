"""The keys of a stack's config that decide what a new image does to living agents, and their variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from convos_infra.rollout.retire_on_destroy import ON_DESTROY, VARIABLE
from stack import reading
from stack.problem import ConfigError, Problem
from stack.section import OneOf, Section, Text, Whole, config_keys, key, key_of_variable, values_of

HOLD, _, DRAIN_AND_REPLACE = KINDS = values_of("POOL_ROLLOUT_POLICY")
_, REPLACE = CLAIMED = values_of("POOL_ROLLOUT_CLAIMED")
_SECOND_MS = 1000
_DAY = 86_400


class RolloutPolicy(Section):
    """What happens to living agents when the image changes."""

    kind: Annotated[Text, OneOf(KINDS)] = key_of_variable(
        "rolloutPolicy",
        "POOL_ROLLOUT_POLICY",
        "What a new image does to living agents - hold (nothing), redeploy-idle, or drain-and-replace (claimed ones"
        " once they are released).",
    )
    canary: Whole = key_of_variable(
        "rolloutCanary", "POOL_ROLLOUT_CANARY", "How many agents the first batch of a rollout has."
    )
    batch: Whole = key_of_variable("rolloutBatch", "POOL_ROLLOUT_BATCH", "How many agents each later batch has.")
    max_unavailable: Whole = key_of_variable(
        "rolloutMaxUnavailable", "POOL_ROLLOUT_MAX_UNAVAILABLE", "How many agents may be moving at once."
    )
    bake_seconds: Whole = key_of_variable(
        "rolloutBake",
        "POOL_ROLLOUT_BAKE_MS",
        "How many seconds a moved agent must stay ready before the next batch.",
        units=_SECOND_MS,
    )
    ready_seconds: Whole = key_of_variable(
        "rolloutReady",
        "POOL_ROLLOUT_READY_TIMEOUT_MS",
        "How many seconds a moved agent may take to get ready before the rollout stops and its batch is rolled back.",
        units=_SECOND_MS,
    )
    deadline_seconds: Whole = key_of_variable(
        "rolloutDeadline",
        "POOL_ROLLOUT_DEADLINE_MS",
        "How many seconds from its start a rollout waits for claimed agents.",
        units=_SECOND_MS,
    )
    claimed: Annotated[Text, OneOf(CLAIMED)] = key_of_variable(
        "rolloutClaimed", "POOL_ROLLOUT_CLAIMED", "What happens to agents that are still claimed after rolloutDeadline."
    )
    wait_seconds: Whole = key(
        "rolloutWait",
        "How many seconds an update waits for a rollout; afterwards the pool manager continues it without the update.",
        3600,
        lowest=0,
        highest=_DAY,
    )
    on_destroy: Annotated[Text, OneOf(ON_DESTROY)] = key(
        "agentsOnDestroy",
        "What pulumi destroy does if an agent is claimed - refuse to begin, or delete those agents too; idle"
        f" agents are always deleted. {VARIABLE} overrides it.",
        "refuse",
    )

    def problems(self) -> Iterator[Problem]:
        """Yield batches that are larger than rolloutMaxUnavailable."""
        for name, size in (("rolloutCanary", self.canary), ("rolloutBatch", self.batch)):
            if size > self.max_unavailable:
                what = f"{size} agents at once are more than rolloutMaxUnavailable ({self.max_unavailable})"
                yield Problem(name, what, "lower it, or raise rolloutMaxUnavailable")

    def variables(self) -> dict[str, str]:
        """Return the pool manager's variables, in its units."""
        own = self.model_dump(by_alias=True)
        return {
            declared.variable: str(own[declared.name] * declared.units if declared.units else own[declared.name])
            for declared in config_keys(RolloutPolicy)
            if declared.variable
        }


def rollout_policy(values: Mapping[str, Any]) -> RolloutPolicy:
    """Return the rollout policy of a stack's config; other keys are not read.

    Raises:
        ConfigError: a key of the rollout policy is invalid.
    """
    keys = {declared.name: declared for declared in config_keys(RolloutPolicy)}
    found, wrong = reading.read(RolloutPolicy, reading.given(keys, "", values, {}, {}), {})
    if wrong:
        raise ConfigError(wrong)
    return found
