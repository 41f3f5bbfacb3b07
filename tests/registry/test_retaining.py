"""Retention on a real registry: what is in use still pulls afterwards, the others are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.errors import DisagreementError, RegistryError
from convos_infra.registry.reference import ImageReference, parse
from convos_infra.registry.retention import Rules
from tests.registry.pushing import AMD64, Pushed, Repository

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(newest=3, younger_than=timedelta(days=7))


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def keep_list(repository: Repository, *versions: str) -> list[ImageReference]:
    return [parse(f"{repository.location}{version}") for version in versions]


def silent(text: str) -> None:
    del text


def test_fifty_old_versions_go_and_every_digest_in_use_still_pulls(repository: Repository) -> None:
    """50 attested versions, as `docker buildx build --push` makes them; children have no tags of their own."""
    versions: list[tuple[Pushed, Pushed, Pushed]] = [
        repository.attested(f"sha-{number:07x}", content=f"v{number}", created=days_ago(30 + 50 - number))
        for number in range(50)
    ]
    young = repository.attested("pr-7", content="young", created=days_ago(1))
    production = repository.index("production", {AMD64: versions[5][1]})  # a promoted one: shares its child
    untagged = repository.attested("scaling", content="was scaling", created=days_ago(60))
    scaling = repository.attested("scaling", content="is scaling", created=days_ago(40))
    in_use = keep_list(
        repository, ":scaling", ":production", f"@{untagged[0].digest}", f":sha-0000011@{versions[17][0].digest}"
    )
    kept = [*versions[17], *untagged, *scaling, *young, production, versions[5][1]]
    kept += [pushed for version in versions[48:] for pushed in version]  # the three newest: pr-7 and two of these

    client = RegistryClient(repository.host)
    plan = plan_for(client, repository.name, in_use, RULES, now=NOW)
    asked = client.requests
    count = carry_out(client, repository.name, plan, in_use, silent)

    for pushed in kept:
        assert repository.pulls(pushed.digest)
    for version in (":scaling", ":production", ":pr-7", ":sha-0000011", ":sha-0000030", ":sha-0000031"):
        assert repository.pulls(version[1:])
    gone = [pushed for number, version in enumerate(versions) if number not in {17, 48, 49} for pushed in version]
    gone = [pushed for pushed in gone if pushed.digest != versions[5][1].digest]
    assert not [pushed for pushed in gone if repository.pulls(pushed.digest)]
    assert count == len(gone) == 140
    print(
        f"{len(plan.kept)} stayed, {count} deleted; {asked} requests to take stock, {client.requests - asked} to delete"
    )


def test_a_second_run_finds_nothing_to_do(repository: Repository) -> None:
    for number in range(6):
        repository.attested(f"sha-{number:07x}", content=f"v{number}", created=days_ago(30 - number))
    in_use = keep_list(repository, ":sha-0000005")
    client = RegistryClient(repository.host)
    carry_out(client, repository.name, plan_for(client, repository.name, in_use, RULES, now=NOW), in_use, silent)
    assert plan_for(client, repository.name, in_use, RULES, now=NOW).doomed == ()


def test_a_digest_that_is_in_use_under_another_name_of_the_registry_stays(repository: Repository) -> None:
    """A service may have been given a mirror's name, or the registry's address in place of its name."""
    used, gone = (repository.image(f"old-{name}", content=name, created=days_ago(90)) for name in ("used", "gone"))
    repository.image("scaling", content="new", created=days_ago(20))
    elsewhere = parse(f"mirror.example/{repository.name}:old-used@{used.digest}")
    nowhere = parse(f"mirror.example/{repository.name}@sha256:{'f' * 64}")
    in_use = [*keep_list(repository, ":scaling"), elsewhere, nowhere]
    client = RegistryClient(repository.host)
    plan = plan_for(client, repository.name, in_use, Rules(newest=1), now=NOW)
    carry_out(client, repository.name, plan, in_use, silent)
    assert repository.pulls(used.digest)
    assert not repository.pulls(gone.digest)


def test_a_plan_alone_deletes_nothing(repository: Repository) -> None:
    old, _, _ = repository.attested("old", created=days_ago(300))
    repository.image("scaling", content="new", created=days_ago(20))
    client = RegistryClient(repository.host)
    plan = plan_for(client, repository.name, keep_list(repository, ":scaling"), Rules(newest=1), now=NOW)
    assert [line.split()[0] for line in plan.lines()] == ["keep", "delete", "delete", "delete", "1"]
    assert plan.lines()[-1] == "1 kept, 3 to delete, 0 missing"
    assert repository.pulls(old.digest)


def test_a_run_that_stopped_half_way_is_finished_by_the_next(repository: Repository) -> None:
    for number in range(3):
        repository.attested(f"old-{number}", content=f"v{number}", created=days_ago(300 - number))
    repository.image("scaling", content="new", created=days_ago(20))
    in_use = keep_list(repository, ":scaling")
    client = RegistryClient(repository.host)
    plan = plan_for(client, repository.name, in_use, Rules(newest=1), now=NOW)
    for manifest in plan.doomed[:4]:
        client.delete(repository.name, manifest.digest)
    assert carry_out(client, repository.name, plan, in_use, silent) == len(plan.doomed) - 4
    assert client.tags(repository.name) == ["scaling"]


def test_a_tag_that_moved_since_the_plan_stops_the_deletion(repository: Repository) -> None:
    old, _, _ = repository.attested("old", created=days_ago(300))
    repository.image("scaling", content="new", created=days_ago(20))
    in_use = keep_list(repository, ":scaling")
    client = RegistryClient(repository.host)
    plan = plan_for(client, repository.name, in_use, Rules(newest=1), now=NOW)
    repository.attested("scaling", created=days_ago(300))  # a rollback by tag, to the same old image
    with pytest.raises(DisagreementError, match="tag scaling moved to sha256:[0-9a-f]{8} since the plan"):
        carry_out(client, repository.name, plan, in_use, silent)
    assert repository.pulls(old.digest)


@pytest.mark.parametrize("in_use", [[], ["ghcr.io/example/other:scaling"]])
def test_without_a_keep_list_nothing_is_planned(repository: Repository, in_use: list[str]) -> None:
    repository.image("old", created=days_ago(300))
    with pytest.raises(RegistryError, match="the keep-list contains no image of"):
        plan_for(RegistryClient(repository.host), repository.name, [parse(text) for text in in_use], RULES, now=NOW)


def test_a_digest_in_use_that_is_gone_is_reported(repository: Repository) -> None:
    gone = repository.image("scaling", created=days_ago(300))
    repository.image("staging", content="other", created=days_ago(300))
    repository.delete(gone.digest)
    plan = plan_for(
        RegistryClient(repository.host), repository.name, keep_list(repository, f"@{gone.digest}"), RULES, now=NOW
    )
    assert plan.missing == (f"{repository.location}@{gone.digest}",)
