"""Agents with projects of their own, as the emulator has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from convos_pool.agent_homes import marked_agent
from convos_pool.project_per_agent import PAGE
from convos_pool.serve import Service
from convos_pool.settings import read

from tests.emulator.world import nodes

if TYPE_CHECKING:
    from tests.pool.pool_process import Pool
    from tests.pool.surroundings import Surroundings

PER_AGENT = {"POOL_AGENT_PROJECTS": "per-agent"}
PROJECTS = """
query projects { projects(first: 5000) { edges { node { id name description
  environments(first: 5) { edges { node { id name
    serviceInstances(first: 5) { edges { node { serviceId serviceName source { image }
      domains { serviceDomains { domain } } latestDeployment { id status } } } }
    volumeInstances(first: 5) { edges { node { volumeId serviceId deletedAt } } } } } } } } } }"""


@dataclass(frozen=True)
class AgentProjects:
    """The projects of the agents of one pool."""

    around: Surroundings

    def all(self) -> list[dict[str, Any]]:
        """Return every project of the workspace."""
        found: list[dict[str, Any]] = nodes(self.around.world.run(PROJECTS)["projects"])
        return found

    def pages(self) -> int:
        """Return how many calls it takes to list them; tests of this worker that ran before have left projects."""
        return ceil(len(self.all()) / PAGE)

    def own(self) -> dict[str, dict[str, Any]]:
        """Return this pool's by the agent's id; two of one agent are a mistake."""
        marked = [(marked_agent(one["description"], self.around.environment_id), one) for one in self.all()]
        found = [(id_, one) for id_, one in marked if id_]
        assert len({id_ for id_, _ in found}) == len(found), "two projects of one agent"
        return dict(found)

    def strangers(self) -> dict[str, dict[str, Any]]:
        """Return all others, by their id."""
        mine = {one["id"] for one in self.own().values()}
        return {one["id"]: one for one in self.all() if one["id"] not in mine}

    def services(self) -> list[dict[str, Any]]:
        """Return the agents' services."""
        return [row for one in self.own().values() for row in services_of(one)]

    def images(self) -> Counter[str]:
        return Counter((row["source"] or {}).get("image", "") for row in self.services())

    @contextmanager
    def pool(self, **more: str) -> Iterator[Pool]:
        with self.around.pool(**{**PER_AGENT, **more}) as found:
            yield found

    def service(self, **more: str) -> Service:
        """Return a pool manager of this process, that ticks when it is told to."""
        return Service(read(self.around.variables(**{**PER_AGENT, **more})))

    def end(self) -> None:
        """Delete what a test has left, so that the next one sees its own."""
        for one in self.own().values():
            self.around.world.run("mutation d($id: String!) { projectDelete(id: $id) }", id=one["id"])


def services_of(project: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for environment in nodes(project["environments"]) for row in nodes(environment["serviceInstances"])]


def volumes_of(project: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for environment in nodes(project["environments"]) for row in nodes(environment["volumeInstances"])]
