"""A preview warns of a pool that does not fit into its project."""

from __future__ import annotations

import pytest

from stack.pool_limits import warnings


@pytest.mark.parametrize(
    ("min_idle", "keys", "named"),
    [
        (3, {}, []),
        (18, {}, []),
        (19, {}, ["20 in a project; set keys.POOL_VOLUME_LIMIT"]),
        (19, {"POOL_AGENT_VOLUME": "none"}, []),
        (96, {"POOL_AGENT_VOLUME": "none"}, []),
        (97, {"POOL_AGENT_VOLUME": "none"}, ["100 in a project; set keys.POOL_SERVICE_LIMIT"]),
        (97, {"POOL_VOLUME_LIMIT": "500", "POOL_SERVICE_LIMIT": "500"}, []),
        (500, {"POOL_VOLUME_LIMIT": "500", "POOL_SERVICE_LIMIT": "500"}, ["502 volumes", "504 services"]),
        (19, {"POOL_VOLUME_LIMIT": "0"}, ["21 volumes"]),
        (500, {"POOL_AGENT_PROJECTS": "per-agent"}, []),
        (98, {"POOL_AGENT_PROJECTS": "per-agent", "POOL_PROJECT_LIMIT": "100"}, []),
        (99, {"POOL_AGENT_PROJECTS": "per-agent", "POOL_PROJECT_LIMIT": "100"}, ["101 projects"]),
        (500, {"POOL_AGENT_PROJECTS": "shared", "POOL_PROJECT_LIMIT": "1", "POOL_AGENT_VOLUME": "none"}, ["services"]),
    ],
)
def test_each_limit_that_warm_agents_reach_is_a_line(min_idle: int, keys: dict[str, str], named: list[str]) -> None:
    found = warnings(min_idle, keys)
    assert len(found) == len(named)
    assert all(part in line for part, line in zip(named, found, strict=True))
