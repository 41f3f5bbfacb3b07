"""Retention of the runtime's and the pool manager's images: the same rules, and all of both is read before a DELETE."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from convos_infra.errors import InfraError
from convos_infra.registry.reference import ImageReference, parse
from ops.ci import retention
from ops.ci.images_in_use import ImagesInUse
from tests.registry.conftest import Registry
from tests.registry.pushing import Pushed, Repository

if TYPE_CHECKING:
    from pathlib import Path

_OWNERS = iter(range(1, 100))


@pytest.fixture
def both(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> tuple[Repository, Repository]:
    """The two repositories of an owner, and scripts that run outside of any workflow."""
    for name in ("DELETE", "NEWEST", "DAYS", "WITHOUT", "MOST", "PLAN", "REGISTRY_PASSWORD", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    owner = f"owner-{next(_OWNERS)}"
    return Repository(registry.host, f"{owner}/convos-runtime"), Repository(registry.host, f"{owner}/convos-pool")


def versions(repository: Repository) -> list[Pushed]:
    """Push six images, a month old and older; `dev` is the newest."""
    now = datetime.now(UTC)
    made = []
    for number in range(6):
        created = (now - timedelta(days=60 - number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made.append(repository.image(f"sha-{number:07x}", content=f"{repository.name}{number}", created=created))
    repository.manifest(json.loads(made[-1].content), made[-1].media_type, "dev")
    return made


class Fixed(ImagesInUse):
    """A keep-list that stays as it is, without stacks and without Railway."""

    def now(self) -> tuple[ImageReference, ...]:
        return self.references


def used(monkeypatch: pytest.MonkeyPatch, *references: str) -> None:
    kept = Fixed(tuple(parse(one) for one in references))
    monkeypatch.setattr(retention, "images_in_use", lambda without: kept)


def test_pool_images_go_by_the_rules_of_runtime_images(
    both: tuple[Repository, Repository], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime, pool = both
    images = {one.name: versions(one) for one in both}
    pinned = images[pool.name][1]
    used(monkeypatch, f"{runtime.location}:dev", f"{pool.location}:dev", f"{pool.location}@{pinned.digest}")
    plan = str(tmp_path / "plan.json")
    assert retention.main(["--newest", "2", "--plan", plan]) == 0
    assert all(one.pulls(image.digest) for one in both for image in images[one.name]), "a dry run deletes nothing"
    assert retention.main(["--newest", "2", "--plan", plan, "--delete"]) == 0
    left = {one.name: [image for image in images[one.name] if one.pulls(image.digest)] for one in both}
    assert left[runtime.name] == images[runtime.name][-2:]
    assert left[pool.name] == [pinned, *images[pool.name][-2:]]


@pytest.mark.parametrize("lacks", [0, 1])
def test_what_is_missing_in_one_of_them_stops_both(
    both: tuple[Repository, Repository], monkeypatch: pytest.MonkeyPatch, lacks: int
) -> None:
    images = {one.name: versions(one) for one in both}
    gone = f"{both[lacks].location}@sha256:{'e' * 64}"
    used(monkeypatch, f"{both[0].location}:dev", f"{both[1].location}:dev", gone)
    with pytest.raises(InfraError, match="in use"):
        retention.main(["--newest", "2", "--delete"])
    assert all(one.pulls(image.digest) for one in both for image in images[one.name])


def test_a_run_deletes_at_most_so_many_of_both_together(
    both: tuple[Repository, Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {one.name: versions(one) for one in both}
    used(monkeypatch, f"{both[0].location}:dev", f"{both[1].location}:dev")
    retention.main(["--newest", "2", "--most", "5", "--delete"])
    assert sum(not one.pulls(image.digest) for one in both for image in images[one.name]) == 5
