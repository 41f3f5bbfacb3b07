"""Retention while somebody works: what gets a tag, an index or a deployment between plan and deletion stays."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.registry import delete
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.errors import BadAnswerError, DisagreementError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import ImageReference, parse
from convos_infra.registry.retention import RetentionPlan, Rules, StoredManifest
from tests.registry.gate import Canned, Gate
from tests.registry.github import TOKEN, GitHub
from tests.registry.pushing import AMD64, Pushed, Repository

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(newest=0, younger_than=timedelta(days=7))
OLD, DOOMED = 3, 5
MOMENTS: list[tuple[int, ...]] = [(0, 1, -1)]
"""After how many deletions somebody acts; -1 is before the last one."""
if os.environ.get("RETENTION_EVERY_REQUEST"):
    MOMENTS += [(number,) for number in range(DOOMED)]


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


@pytest.fixture(params=["github", "tags"])
def scene(repository: Repository, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One image in use, and old ones, of which one is an index with an attestation."""
    github = GitHub(repository)
    with Gate(repository.host) as api, Gate(repository.host) as registry:
        github.serve(api)
        made = Scene(repository, github, api, registry, by_tags=request.param == "tags")
        made.add(90, repository.image("scaling", content="used", created=days_ago(90)), tag="scaling")
        for number in range(OLD):
            tag, content = f"old-{number}", {"content": f"old-{number}", "created": days_ago(60 + number)}
            parts = repository.attested(tag, **content) if number == 1 else (repository.image(tag, **content),)
            made.add(60 + number, *parts, tag=tag)
        made.in_use = [parse(f"{registry.host}/{repository.name}:scaling")]
        yield made


@pytest.mark.parametrize("moments", MOMENTS)
def test_what_gets_a_new_tag_right_before_its_deletion_stays(scene: Scene, moments: tuple[int, ...]) -> None:
    """Before the first deletion, a middle and the last one, all within one step."""
    plan = scene.plan()
    assert len(plan.doomed) == DOOMED
    tagged: list[StoredManifest] = []

    def tag() -> None:
        tagged.append(scene.left()[0])
        scene.tag(tagged[-1].digest, f"incident-{len(tagged)}")

    count = scene.run(plan, dict.fromkeys(moments, tag))
    scene.check()
    assert len(tagged) == len(moments)
    assert count == len(plan.doomed) - len(scene.lines("kept"))
    for number, manifest in enumerate(tagged, 1):
        assert scene.repository.pulls(f"incident-{number}")
        assert f"has had the tag incident-{number} since the plan" in scene.lines("kept")[manifest.digest]
        assert set(manifest.children) <= scene.lines("kept").keys()


@pytest.mark.parametrize("moments", MOMENTS)
def test_a_tag_that_moves_onto_it_keeps_it(
    scene: Scene, moments: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tag is known, so that a list of names does not show it; a registry of tags alone shows it at a step."""
    monkeypatch.setattr(delete, "STEP_BY_TAGS", 1)
    scene.tag(next(iter(scene.pushed)), "moves")
    plan = scene.plan()
    scene.run(plan, dict.fromkeys(moments, lambda: scene.tag(scene.left()[0].digest, "moves")))
    scene.check()
    assert scene.repository.pulls("moves")
    assert len(scene.lines("kept")) >= len(moments), "who has had the tag for a moment stays as well"


@pytest.mark.parametrize("moments", MOMENTS)
def test_what_a_new_index_lists_stays(scene: Scene, moments: tuple[int, ...]) -> None:
    """A build whose image is byte for byte that of an old one pushes an index of its own over it."""
    plan = scene.plan()
    made: list[str] = []
    scene.run(
        plan, dict.fromkeys(moments, lambda: made.append(scene.index(scene.left()[0].digest, f"new-{len(made)}")))
    )
    scene.check()
    assert len(made) == len(moments)
    assert all(scene.repository.pulls(digest) for digest in made)


@pytest.mark.parametrize("scene", ["github"], indirect=True)  # a registry lists nothing that has no tag
def test_an_index_without_a_tag_is_seen_at_the_next_step(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "STEP", 4)
    plan = scene.plan()
    made: list[str] = []
    scene.run(plan, {1: lambda: made.append(scene.index(plan.doomed[-1].digest))})
    scene.check()
    assert scene.repository.pulls(made[0])


def test_a_new_index_over_what_is_gone_already_is_said_with_what_to_do(scene: Scene) -> None:
    """Its push was under way while the child went."""
    plan = scene.plan()
    child = next(manifest for manifest in plan.doomed if not manifest.children)
    position = plan.doomed.index(child)

    def push_late() -> None:
        # The registry takes an index only while its children are there.
        one = scene.pushed[child.digest]
        scene.repository.manifest(json.loads(one.content), one.media_type)
        scene.index(child.digest, "late")

    with pytest.raises(DisagreementError, match=r"was deleted just now, and .* late .*references it; .*restore it"):
        scene.run(plan, {position + 1: push_late})
    assert scene.said[-1] == f"stopped after {position + 1} of {len(plan.doomed)}: the next run continues"
    assert all(scene.repository.pulls(manifest.digest) for manifest in plan.doomed[position + 1 :])


def test_what_a_deployment_names_since_the_plan_stays(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its tag and digest, as services name it, and by the digest under another name of the registry."""
    monkeypatch.setattr(delete, "STEP", 1)
    monkeypatch.setattr(delete, "STEP_BY_TAGS", 1)
    plan = scene.plan()
    named: list[StoredManifest] = []

    def deploy(name: str) -> None:
        named.append(scene.left()[0])
        tag = "".join(f":{tag}" for tag in named[-1].tags)
        scene.in_use.append(parse(name.format(tag=tag, digest=named[-1].digest)))

    here = f"{scene.in_use[0].location}{{tag}}@{{digest}}"
    scene.run(plan, {0: lambda: deploy(here), 1: lambda: deploy("mirror.example/x/y@{digest}")})
    scene.check()
    assert len(named) == 2
    assert all("in use as" in scene.lines("kept")[manifest.digest] for manifest in named)


def test_a_deployment_of_what_is_gone_already_stops_the_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "STEP", 2)
    monkeypatch.setattr(delete, "STEP_BY_TAGS", 2)
    plan = scene.plan()
    gone = parse(f"{scene.in_use[0].location}@{plan.doomed[0].digest}")
    with pytest.raises(DisagreementError, match="is in use, but not in the registry"):
        scene.run(plan, {1: lambda: scene.in_use.append(gone)})
    assert len(scene.lines("deleted")) == 2


@pytest.mark.parametrize("scene", ["github"], indirect=True)
def test_a_version_that_is_answered_as_another_stops_the_run(scene: Scene) -> None:
    """What a proxy answers from its cache says nothing about this version's tags."""
    plan = scene.plan()
    one, other = plan.doomed[:2]
    answers = [Canned(200, {}, json.dumps({"id": other.handle, "name": other.digest}).encode())]
    answers += [Canned(200, {}, body) for body in (b"[]", b"<", b'{"name": null}')]
    path = f"/orgs/{scene.repository.name.replace('/', '/packages/container/')}/versions/{one.handle}"
    for answer in answers:
        scene.api.can(f"GET {path}", answer)
        with pytest.raises(BadAnswerError, match=f"answers 200 instead of version {one.handle}"):
            scene.run(plan, {})
    assert not [seen for seen in scene.api.seen if seen.method == "DELETE"]
