"""Waits for a rollout that the pool manager executes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoAnswer
from railway_api.progress import WaitStage

if TYPE_CHECKING:
    from convos_infra.rollout.pool_api import PoolApi

FIRST_PAUSE, LONGEST_PAUSE = 0.3, 5.0
REPEAT_SECONDS = 15.0
"""How often, in seconds, unchanged progress is printed again, to show that the wait goes on."""
GOALS = ("held", "done", "waiting")
ROLLING = "rolling"


@dataclass(frozen=True)
class Outcome:
    """The result of a wait.

    Attributes:
        state: `held`, `done`, `waiting` (for claimed agents), or `rolling` if the wait ended first.
        text: for people.
    """

    state: str
    text: str


@dataclass(frozen=True)
class Wait:
    """The longest duration and the output of a wait.

    Attributes:
        seconds: the longest duration, in seconds.
        progress: called with each line of progress.
        sleep, clock: injected by tests.
    """

    seconds: float
    progress: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def wait(api: PoolApi, image: str, policy: str, how: Wait) -> Outcome:
    """Wait until a rollout has reached its policy's goal, or only claimed agents are left.

    Args:
        api: the pool manager.
        image: the new image. A pool manager that still has another one is being replaced.
        policy: the new policy.
        how: the longest duration and the output.

    Raises:
        InfraError: the rollout has stopped; the error names the batch and its agents.
    """
    began, said, said_at = how.clock(), "", 0.0
    pause = FIRST_PAUSE
    while True:
        state, text = _asked(api, image, policy)
        elapsed = how.clock() - began
        if text != said or how.clock() - said_at >= REPEAT_SECONDS:
            how.progress(WaitStage("agents", text, elapsed))
            said, said_at = text, how.clock()
        if state == "aborted":
            raise InfraError("agents", text, "pin an image that works, or push a fixed one, and run pulumi up")
        if state in GOALS:
            return Outcome(state, text)
        if elapsed + pause > how.seconds:
            how.progress("agents: the pool manager continues without us; the next pulumi up waits again")
            return Outcome(ROLLING, text)
        how.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _asked(api: PoolApi, image: str, policy: str) -> tuple[str, str]:
    try:
        found = api.rollout()
    except NoAnswer as error:
        return "", error.problem
    if found.get("image") != image:
        return "", "the pool manager does not have the new image yet"
    if found.get("policy") != policy:
        return "", f"the pool manager does not have the policy {policy} yet"
    state, text, problem = (str(found.get(key) or "") for key in ("state", "text", "problem"))
    if problem or (state == "held" and policy != "hold"):
        # The obstacle may be temporary: a database that restarts, or one of Railway's limits.
        return "", problem or text
    return state, text
