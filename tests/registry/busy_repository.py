"""A repository that is cleaned while somebody works in it: what they do at which deletion."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.packages import Packages
from convos_infra.registry.retention import RetentionPlan, Rules, StoredManifest
from tests.registry.gate import Canned, Gate
from tests.registry.github import TOKEN, GitHub
from tests.registry.pushing import AMD64, Pushed, Repository

if TYPE_CHECKING:
    from convos_infra.registry.reference import ImageReference

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(newest=0, younger_than=timedelta(days=7))


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Scene:
    """A repository with an image in use and old ones, of which somebody takes one up while the others go.

    Attributes:
        by_tags: whether the registry itself deletes, instead of GitHub's packages API.
        pushed: what is in the repository, by digest.
        said: the lines of the run.
        in_use: the keep-list.
        planned: the plan that is carried out.
    """

    repository: Repository
    github: GitHub
    api: Gate
    registry: Gate
    by_tags: bool
    pushed: dict[str, Pushed] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    in_use: list[ImageReference] = field(default_factory=list)
    planned: RetentionPlan = field(init=False)

    def add(self, days: int, *parts: Pushed, tag: str = "") -> None:
        for number, part in enumerate(parts):
            self.pushed[part.digest] = part
            self.github.add(part.digest, days_ago(days), *([tag] if tag and number == 0 else []))

    def tag(self, digest: str, tag: str) -> None:
        """Point a tag to a manifest, as a promotion or a push of the same content does."""
        one = self.pushed[digest]
        self.repository.manifest(json.loads(one.content), one.media_type, tag)
        for version in self.github.versions.values():
            version.tags = [other for other in version.tags if other != tag] + [tag] * (version.digest == digest)

    def push_again(self, digest: str) -> None:
        """Push what a repository had, byte for byte."""
        one = self.pushed[digest]
        self.repository.manifest(json.loads(one.content), one.media_type)

    def index(self, child: str, tag: str = "") -> str:
        """Push an index that lists a manifest, under a tag or only by its digest."""
        made = self.repository.index("", {AMD64: self.pushed[child]}, annotations={"of": tag})
        self.add(0, made)
        if tag:
            self.tag(made.digest, tag)
        return made.digest

    def plan(self) -> RetentionPlan:
        client = RegistryClient(self.registry.host)
        listed = None if self.by_tags else self.packages.versions()
        self.planned = plan_for(client, self.repository.name, self.in_use, RULES, listed=listed, now=NOW)
        return self.planned

    @property
    def packages(self) -> Packages:
        return Packages(self.repository.name, TOKEN, api=self.api.host)

    def run(self, plan: RetentionPlan, acts: dict[int, Callable[[], object]]) -> int:
        """Execute a plan; somebody acts when so many requests to delete were answered."""
        deletions = itertools.count(1)

        def watched(answer: Callable[[str, str, str], Canned]) -> Callable[[str, str, str], Canned]:
            def answered(method: str, path: str, authorization: str) -> Canned:
                given = answer(method, path, authorization)
                if method == "DELETE":
                    acts.get(next(deletions), lambda: None)()
                    if -1 in acts and len(self.left()) == 1:
                        acts.pop(-1)()
                return given

            return answered

        self.api.instead = watched(self.github.answer)
        self.registry.instead = watched(lambda method, path, _: self.registry._pass_on(method, path))
        client = RegistryClient(self.registry.host)
        store = None if self.by_tags else self.packages
        before, name = list(self.in_use), self.repository.name
        acts.get(0, lambda: None)()
        return carry_out(client, name, plan, before, self.said.append, store, in_use_now=lambda: self.in_use)

    def lines(self, verb: str) -> dict[str, str]:
        """Return what the run says of each digest after a verb."""
        rows = [line.split(maxsplit=2) for line in self.said if line.startswith(verb)]
        return {row[1].rstrip(":"): row[2] if len(row) > 2 else "" for row in rows}

    def left(self) -> list[StoredManifest]:
        """Return what the run still deletes, in its order."""
        done = self.lines("deleted").keys() | self.lines("kept").keys()
        left = [manifest for manifest in self.planned.doomed if manifest.digest not in done]
        # The line of a deletion comes after its answer, in which somebody acts.
        return [manifest for manifest in left if self.repository.pulls(manifest.digest)]

    def check(self) -> None:
        """Check that each manifest of the plan is either said to be kept, and pulls whole, or gone."""
        assert self.repository.pulls("scaling")
        kept = self.lines("kept").keys()
        assert not kept & self.lines("deleted").keys()
        for manifest in self.planned.doomed:
            assert self.repository.pulls(manifest.digest) is (manifest.digest in kept), self.said
