"""A program: steps that a seed chooses. Each means something without the others, so that a failure can get small."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.colleague.acts import ACTS, RARE

LONGEST = 7
FAULTS = ("lost_answer", "drop_before", "502", "429", "opaque", "null_data", "not_authorized", "html")


class Do(Enum):
    """What a step does."""

    EDIT = "edit"
    UP = "up"
    REFRESH = "refresh"
    DESTROY = "destroy"
    ACT = "the colleague"
    KILL = "kill"
    FAULT = "fault"


class When(Enum):
    """When the colleague acts: at once, between the next preview and its update, or during the next run."""

    NOW = "now"
    BETWEEN = "between preview and up"
    DURING = "during the next run"


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        do: what.
        seed: decides everything else that it leaves open.
        what: the colleague's mutation, or the fault.
        when: when the colleague acts.
        at: before which request of the update; at which mutation the process is killed.
    """

    do: Do
    seed: int = 0
    what: str = ""
    when: When = When.NOW
    at: int = 0

    def __str__(self) -> str:
        """Return it for people."""
        if self.do is Do.ACT:
            moment = f"{self.when.value}, before request {self.at}" if self.when is When.DURING else self.when.value
            return f"{self.what} ({moment}; choice {self.seed})"
        place = f" at {self.at}" if self.do in (Do.KILL, Do.FAULT) else ""
        return f"{self.do.value}{' ' * bool(self.what)}{self.what}{place}; choice {self.seed}"


def program(seed: int) -> list[Step]:
    """Return the steps of a seed."""
    rng = random.Random(seed)
    steps: list[Step] = []
    for _ in range(rng.randint(3, LONGEST)):
        steps += _some(rng)
    return steps


def _some(rng: random.Random) -> list[Step]:
    chance = rng.random()
    if chance < 0.6:
        return [*_acts(rng), *_up(rng)] if rng.random() < 0.6 else _acts(rng)
    if chance < 0.7:
        return [Step(Do.REFRESH)]
    if chance < 0.95:
        return _up(rng)
    return [Step(Do.DESTROY)]


def _up(rng: random.Random) -> list[Step]:
    steps = [Step(Do.EDIT, rng.randrange(1000))] if rng.random() < 0.7 else []
    trouble = rng.random()
    if trouble < 0.1:
        steps.append(Step(Do.KILL, at=rng.randrange(4)))
    elif trouble < 0.2:
        steps.append(Step(Do.FAULT, rng.choice((1, 1, 6)), rng.choice(FAULTS), at=rng.randrange(12)))
    return [*steps, Step(Do.UP)]


def _acts(rng: random.Random) -> list[Step]:
    names = sorted(ACTS)
    weights = [1 if name in RARE else 8 for name in names]
    found = []
    for name in rng.choices(names, weights, k=rng.choice((1, 1, 2))):
        when = rng.choice((When.NOW, When.NOW, When.BETWEEN, When.DURING))
        found.append(Step(Do.ACT, rng.randrange(1000), name, when, rng.randrange(1, 14) if when is When.DURING else 0))
    return found


def shrunk(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Drop steps for as long as it still fails in the same way."""
    left, size = list(steps), max(1, len(steps) // 2)
    while size:
        start = 0
        while start < len(left):
            shorter = [*left[:start], *left[start + size :]]
            if fails(shorter):
                left = shorter
            else:
                start += size
        size //= 2
    return left
