"""The stack's policy and the pool manager's variables are the same thing, said twice."""

from __future__ import annotations

from pool.convos_pool.settings import image_and_policy
from pool_contract.policy import Policy
from stack.rollout import RolloutPolicy


def test_the_defaults_of_the_stack_are_those_of_the_pool_manager() -> None:
    image, found = image_and_policy(RolloutPolicy().variables())
    assert image == "ghcr.io/xmtplabs/convos-runtime:scaling"
    assert found == image_and_policy({})[1] == Policy()


def test_every_setting_reaches_the_pool_manager_in_its_units() -> None:
    policy = RolloutPolicy(
        kind="drain-and-replace",
        canary=2,
        batch=3,
        max_unavailable=4,
        bake_seconds=5,
        ready_seconds=6,
        deadline_seconds=7,
        claimed="replace",
    )
    assert image_and_policy(policy.variables())[1] == Policy("drain-and-replace", 2, 3, 4, 5.0, 6.0, True, 7.0)
