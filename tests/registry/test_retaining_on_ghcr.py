"""Retention where the registry itself does not delete: GitHub's packages API in front of a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from convos_infra.registry import packages
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.errors import NoSuchRepositoryError, RefusedError, UnauthorizedError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import parse
from convos_infra.registry.retention import Rules, StoredManifest
from tests.registry.gate import Gate
from tests.registry.github import TOKEN, GitHub

if TYPE_CHECKING:
    from tests.registry.pushing import Pushed, Repository

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(newest=1, younger_than=timedelta(days=7))


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def github(repository: Repository) -> GitHub:
    return GitHub(repository)


@pytest.fixture
def api(repository: Repository, github: GitHub) -> Iterator[Gate]:
    with Gate(repository.host) as gate:
        github.serve(gate)
        yield gate


def push(github: GitHub, tag: str, days: int) -> tuple[Pushed, Pushed, Pushed]:
    """Push an attested image: three versions on GitHub, of which one has a tag."""
    pushed = github.repository.attested(tag, content=tag, created=days_ago(days))
    for part, tags in zip(pushed, ([tag], [], []), strict=True):
        github.add(part.digest, days_ago(days), *tags)
    return pushed


class ReadOnly(Packages):
    """GitHub as a token sees it that may read and not delete."""

    def delete(self, version: StoredManifest) -> bool:
        del version
        return False


def silent(text: str) -> None:
    del text


def test_untagged_children_of_what_is_in_use_stay_and_old_orphans_go(
    repository: Repository, github: GitHub, api: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "PAGE", 4)
    used, old, newest = push(github, "scaling", 90), push(github, "old", 80), push(github, "new", 30)
    orphan = repository.image(content="its index is gone")
    github.add(orphan.digest, days_ago(60))
    young_orphan = repository.image(content="being pushed right now")
    github.add(young_orphan.digest, days_ago(0))

    client, versions = RegistryClient(repository.host), Packages(repository.name, TOKEN, api=api.host)
    in_use = [parse(f"{repository.location}:scaling")]
    plan = plan_for(client, repository.name, in_use, RULES, listed=versions.versions(), now=NOW)
    assert carry_out(client, repository.name, plan, in_use, silent, versions) == 4
    assert all(repository.pulls(part.digest) for part in (*used, *newest, young_orphan))
    assert not any(repository.pulls(part.digest) for part in (*old, orphan))


def test_one_that_github_keeps_does_not_keep_the_others(repository: Repository, github: GitHub, api: Gate) -> None:
    push(github, "scaling", 5)
    popular, _, _ = push(github, "popular", 90)
    other, _, _ = push(github, "other", 80)
    next(version for version in github.versions.values() if version.digest == popular.digest).is_popular = True
    client, versions = RegistryClient(repository.host), Packages(repository.name, TOKEN, api=api.host)
    in_use = [parse(f"{repository.location}:scaling")]
    plan = plan_for(client, repository.name, in_use, RULES, listed=versions.versions(), now=NOW)
    with pytest.raises(RefusedError) as caught:
        carry_out(client, repository.name, plan, in_use, silent, versions)
    assert "3 deleted, 1 refused; the first: GitHub does not delete" in str(caught.value)
    assert "more than 5000 downloads" in str(caught.value)
    assert not repository.pulls(other.digest)
    assert repository.pulls(popular.digest), "with its children, which are of no other use"


def test_the_last_tagged_version_is_refused_in_githubs_words(repository: Repository, github: GitHub, api: Gate) -> None:
    push(github, "only", 90)
    versions = Packages(repository.name, TOKEN, api=api.host)
    tagged = next(version for version in versions.versions() if version.tags)
    with pytest.raises(RefusedError, match="You cannot delete the last tagged version of a package"):
        versions.delete(tagged)


def test_a_version_that_is_gone_already_is_no_error(repository: Repository, github: GitHub, api: Gate) -> None:
    push(github, "scaling", 5)
    versions = Packages(repository.name, TOKEN, api=api.host)
    untagged = next(version for version in versions.versions() if not version.tags)
    assert versions.delete(untagged)
    assert not versions.delete(untagged)


def test_a_token_that_may_read_and_not_delete_is_found_out(repository: Repository, github: GitHub, api: Gate) -> None:
    """GitHub answers 404 to a DELETE that is not this token's to do."""
    push(github, "scaling", 5)
    old, _, _ = push(github, "old", 90)
    client, versions = RegistryClient(repository.host), Packages(repository.name, TOKEN, api=api.host)
    in_use = [parse(f"{repository.location}:scaling")]
    plan = plan_for(client, repository.name, in_use, RULES, listed=versions.versions(), now=NOW)
    with pytest.raises(RefusedError, match=r"0 deleted, 1 refused; .* was reported as gone, but can still be pulled"):
        carry_out(client, repository.name, plan, in_use, silent, ReadOnly(repository.name, TOKEN, api=api.host))
    assert repository.pulls(old.digest)


def test_a_token_that_may_not_is_one_line_without_the_token(repository: Repository, github: GitHub, api: Gate) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        Packages(repository.name, "secret-token-of-nobody", api=api.host).versions()
    assert "secret-token-of-nobody" not in str(caught.value)
    assert '"Bad credentials"; it needs read:packages and delete:packages' in str(caught.value)


def test_a_package_that_is_not_there_is_one_line(repository: Repository, github: GitHub, api: Gate) -> None:
    with pytest.raises(NoSuchRepositoryError, match="GitHub shows no package convos/other to this token"):
        Packages("convos/other", TOKEN, api=api.host).versions()
