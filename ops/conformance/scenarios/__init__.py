"""All scenarios, in the order in which they are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.conformance.scenarios import (
    change_sets,
    deployments,
    network,
    patches,
    projects,
    protocol,
    services,
    tokens,
    variables,
    volumes,
)

if TYPE_CHECKING:
    from ops.conformance.scenario import Scenario

ALL: tuple[Scenario, ...] = (
    *protocol.SCENARIOS,
    *tokens.SCENARIOS,
    *services.SCENARIOS,
    *variables.SCENARIOS,
    *patches.SCENARIOS,
    *change_sets.SCENARIOS,
    *volumes.SCENARIOS,
    *network.SCENARIOS,
    *deployments.SCENARIOS,
    *projects.SCENARIOS,
)


def checked() -> dict[str, tuple[str, ...]]:
    """Return the names of the scenarios that check each belief."""
    ids = sorted({id_ for one in ALL for id_ in one.beliefs})
    return {id_: tuple(one.name for one in ALL if id_ in one.beliefs) for id_ in ids}
