"""Retention while somebody works: what gets a tag, an index or a deployment between plan and deletion stays."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator

import pytest

from convos_infra.errors import InfraError
from convos_infra.registry import delete
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out
from convos_infra.registry.errors import BadAnswerError, BusyError, DisagreementError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import ImageReference, parse
from convos_infra.registry.retention import StoredManifest
from tests.registry.busy_repository import Scene, days_ago
from tests.registry.gate import Canned, Gate
from tests.registry.github import GitHub
from tests.registry.pushing import AMD64, Pushed, Repository

OLD, DOOMED = 3, 5
MOMENTS: list[tuple[int, ...]] = [(0, 1, -1)]
"""After how many deletions somebody acts; -1 is before the last one."""
if os.environ.get("RETENTION_EVERY_REQUEST"):
    MOMENTS += [(number,) for number in range(DOOMED)]


@pytest.fixture(params=["github", "tags"])
def scene(repository: Repository, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One image in use, and old ones, of which one is an index with an attestation."""
    github = GitHub(repository)
    with Gate(repository.host) as api, Gate(repository.host) as registry:
        github.serve(api)
        made = Scene(repository, github, api, registry, by_tags=request.param == "tags")
        made.add(90, repository.image("scaling", content="used", created=days_ago(90)), tag="scaling")
        for number in range(OLD):
            tag, created = f"old-{number}", days_ago(60 + number)
            if number == 1:
                parts: tuple[Pushed, ...] = repository.attested(tag, content=tag, created=created)
            else:
                parts = (repository.image(tag, content=tag, created=created),)
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


@pytest.mark.parametrize("scene", ["tags"], indirect=True)
def test_a_new_index_over_what_is_gone_already_is_said_with_what_to_do(scene: Scene) -> None:
    """Its push was under way while the child went."""
    plan = scene.plan()
    child = next(manifest for manifest in plan.doomed if not manifest.children)
    position = plan.doomed.index(child)

    def push_late() -> None:
        # The registry takes an index only while its children are there.
        scene.push_again(child.digest)
        scene.index(child.digest, "late")
        scene.repository.delete(child.digest)

    with pytest.raises(DisagreementError, match=r"was deleted just now, and .* late .*references it; .*restore it"):
        scene.run(plan, {position + 1: push_late})
    assert scene.said[-1] == f"stopped after {position + 1} of {len(plan.doomed)}: the next run continues"
    assert all(scene.repository.pulls(manifest.digest) for manifest in plan.doomed[position + 1 :])


@pytest.mark.parametrize("scene", ["tags"], indirect=True)
def test_what_is_pushed_again_after_it_went_is_not_lost(scene: Scene) -> None:
    plan = scene.plan()
    child = next(manifest for manifest in plan.doomed if not manifest.children)

    def push() -> None:
        scene.push_again(child.digest)
        scene.index(child.digest, "again")

    scene.run(plan, {plan.doomed.index(child) + 1: push})
    assert scene.repository.pulls("again")


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


@pytest.mark.parametrize("scene", ["github"], indirect=True)
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


@pytest.mark.parametrize("scene", ["tags"], indirect=True)
def test_what_is_signed_or_listed_two_levels_down_since_the_plan_stays(scene: Scene) -> None:
    """A signature by the name of its tag, and an index in an index; both were pushed after the plan."""
    plan = scene.plan()
    signed, inside = plan.doomed[1], plan.doomed[-1]
    repository = scene.repository

    def push() -> None:
        repository.image(f"{signed.digest.replace(':', '-')}.sig", content="a signature")
        inner = repository.index("", {AMD64: scene.pushed[inside.digest]})
        repository.index("outer", {AMD64: inner})

    scene.run(plan, {1: push})
    scene.check()
    assert {signed.digest, inside.digest} <= scene.lines("kept").keys()
    assert repository.pulls("outer")


@pytest.mark.parametrize("scene", ["github"], indirect=True)
def test_a_look_that_fails_stops_the_run_and_the_next_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate limit at the look at one version, at the list, and Railway that cannot be asked at the next step."""
    monkeypatch.setattr(delete, "STEP", 1)
    plan = scene.plan()
    limit = Canned(403, {"X-RateLimit-Remaining": "0"}, b'{"message":"API rate limit exceeded"}')
    path = f"GET /orgs/{scene.repository.name.replace('/', '/packages/container/')}/versions"
    for start in (f"{path}/{plan.doomed[1].handle}", f"{path}?"):
        use_up = functools.partial(scene.api.can, start, limit)
        with pytest.raises(BusyError, match="the next run continues"):
            scene.run(scene.plan(), {1: use_up})
    assert [line.split()[0] for line in scene.said] == ["deleted", "stopped"] * 2

    def unread() -> list[ImageReference]:
        raise InfraError("images of production", "Railway does not answer")

    left = scene.plan()
    with pytest.raises(InfraError, match="images of production"):
        carry_out(
            RegistryClient(scene.registry.host),
            scene.repository.name,
            left,
            scene.in_use,
            scene.said.append,
            scene.packages,
            in_use_now=unread,
        )
    assert scene.said[-1] == f"stopped after 0 of {len(left.doomed)}: the next run continues"
    assert scene.run(left, {}) == len(left.doomed) == DOOMED - 2


@pytest.mark.parametrize("scene", ["github"], indirect=True)
def test_a_list_that_still_shows_what_is_gone_is_no_use_of_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's list may be some seconds behind its deletions: an index that is gone lists nothing any more."""
    monkeypatch.setattr(delete, "STEP", 1)
    plan = scene.plan()
    before = scene.packages.versions()
    monkeypatch.setattr(Packages, "versions", lambda _: before)
    assert scene.run(plan, {}) == len(plan.doomed)
    assert scene.lines("kept") == {}
