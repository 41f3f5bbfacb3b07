"""Runs the steps of a first deploy; completed ones are skipped, so that an interrupted run continues. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from ops.first_deploy.interview import Interview


@dataclass(frozen=True)
class WalkStep:
    """One step.

    Attributes:
        name: what it is about.
        done: returns what exists already; empty if the step has to be done.
        act: performs the step, and asks for what it needs.
        by_hand: how to do it by hand, for the documentation and for the error.
    """

    name: str
    done: Callable[[], str]
    act: Callable[[Interview], None]
    by_hand: str


def walk(steps: Sequence[WalkStep], interview: Interview) -> None:
    """Do each step that is not done, and check it afterwards.

    Raises:
        InfraError: a step is not done after its act.
        Failure: an act, or the check after it, failed.
    """
    for number, step in enumerate(steps, 1):
        there = step.done()
        head = f"{number}/{len(steps)} {step.name}:"
        if not there:
            interview.say(f"{head} to do")
            step.act(interview)
            there = step.done()
        if not there:
            raise InfraError(step.name, "is still not done", step.by_hand)
        interview.say(f"{head} {there}")
