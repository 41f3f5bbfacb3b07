"""A scenario: a belief as a small program with an observation, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


AS_EXPECTED = object()
"""The default of `otherwise`: nothing that the scenario observes is disputed."""


@dataclass(frozen=True)
class Scenario:
    """One check.

    Attributes:
        name: unique, in kebab case.
        beliefs: the ids of what it checks.
        observe: plays it, and returns an observation that JSON can hold and that has no ids, times or names in it.
        expected: the observation on the emulator.
        otherwise: the observation if every disputed belief is the other way round; by default, the same as `expected`.
        deployments: how many deployments it starts at most.
        ends_project: whether it deletes the project; such a scenario is played last.
    """

    name: str
    beliefs: tuple[str, ...]
    observe: Callable[[Sandbox], Any]
    expected: Any
    deployments: int = 0
    ends_project: bool = False
    otherwise: Any = AS_EXPECTED
