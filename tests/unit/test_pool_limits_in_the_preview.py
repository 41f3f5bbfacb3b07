"""A preview warns of a pool that does not fit into its project."""

from __future__ import annotations

import pytest

from stack.pool_limits import warnings
from stack.settings import read


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
    found = warnings(min_idle, keys, services=3, volumes=1)
    assert len(found) == len(named)
    assert all(part in line for part, line in zip(named, found, strict=True))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (3, 1)),
        ({"databaseMountPath": "none", "poolVolume": "/state"}, (3, 1)),
        ({"manageCanary": False, "databaseUrl": "postgresql://u:p@db.example/d"}, (1, 0)),
        ({"manageDatabase": False, "databaseServiceUrl": "${{db.URL}}"}, (2, 0)),
        (
            {
                "databases": {
                    name: {"image": "redis:7", "mountPath": path} for name, path in (("a", "/data"), ("b", "none"))
                }
            },
            (5, 2),
        ),
    ],
)
def test_the_services_and_volumes_of_the_stack_itself_are_counted(
    config: dict[str, object], expected: tuple[int, int]
) -> None:
    found = read("dev", {"poolImage": "ghcr.io/a/b:1", "railwayToken": "t", **config}, {})
    assert (len(found.service_names), found.volume_count) == expected
