"""The program's runtime image: followed, pinned, rolled back; a real registry, and a real git history beside it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.runtime_image import Found
from convos_infra.errors import InfraError
from convos_infra.registry import resource
from stack import images
from stack.settings import ConfigError, Settings, read
from tests.registry.gate import Gate
from tests.registry.pushing import ARM64, REVISION, Pushed, Repository

TOKENS = {"RAILWAY_API_TOKEN": "t", "POOL_RAILWAY_API_TOKEN": "t"}


def settings(location: str, *, digest: str = "", **values: str) -> Settings:
    config = {"imageRepository": location, "poolRepo": "owner/pool", **values}
    return read("scaling", config, {**TOKENS, "IMAGE_DIGEST": digest})


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, list[str]]:
    """A checkout with four commits, oldest first."""

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    commits = []
    for number in range(4):
        git("commit", "--quiet", "--allow-empty", "--message", str(number))
        commits.append(git("rev-parse", "HEAD"))
    return tmp_path, commits


def build(repository: Repository, commit: str, *tags: str, days: float = 2) -> Pushed:
    created = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for tag in (f"sha-{commit[:7]}", *tags):
        pushed = repository.image(tag, content=commit, labels={REVISION: commit}, created=created)
    return pushed


def found(location: str, checkout: Path, **values: str) -> Found:
    source = images.runtime(settings(location, **values), checkout)
    assert source.found is not None
    return source.found


def test_a_stack_follows_its_branch_tag_and_a_moved_tag_is_the_next_previews_digest(
    repository: Repository, history: tuple[Path, list[str]]
) -> None:
    checkout, commits = history
    old = build(repository, commits[0], "scaling")
    assert found(repository.location, checkout).digest == old.digest
    new = build(repository, commits[3], "scaling")
    now = found(repository.location, checkout)
    assert (now.digest, now.tag, now.revision, now.is_pinned) == (new.digest, "scaling", commits[3], False)


def test_a_pin_wins_says_what_it_is_and_how_far_the_branch_is_ahead(
    repository: Repository, history: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    checkout, commits = history
    old = build(repository, commits[0])
    build(repository, commits[3], "scaling", days=0)
    pinned = found(repository.location, checkout, imageTag=f"sha-{commits[0][:7]}")
    assert (pinned.digest, pinned.is_pinned) == (old.digest, True)
    said = capfd.readouterr().err
    tag = f"sha-{commits[0][:7]}"
    assert f"pinned: {tag} = {old.digest[:15]}, revision {commits[0][:7]}, built 2 days ago" in said
    assert "imageTag: the branch tag scaling is 3 commits ahead; a pin wins until" in said


def test_a_pin_that_is_old_is_warned_of(
    repository: Repository, history: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    checkout, commits = history
    build(repository, commits[0], "scaling", days=5)
    found(repository.location, checkout, imageTag=f"sha-{commits[0][:7]}", imagePinWarnDays="5")
    assert "is 5 days old, more than 5 days" in capfd.readouterr().err
    found(repository.location, checkout, imageTag=f"sha-{commits[0][:7]}", imagePinWarnDays="6")
    assert "more than" not in capfd.readouterr().err


def test_a_branch_tag_that_is_gone_does_not_stop_a_roll_back(
    repository: Repository, history: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    checkout, commits = history
    old = build(repository, commits[0])
    assert found(repository.location, checkout, imageTag=old.digest).digest == old.digest
    assert "not known: imageBranchTag: no tag scaling in " in capfd.readouterr().err


def test_following_costs_three_requests_at_the_most_and_a_pin_three_for_each_of_its_two_references(
    repository: Repository, history: tuple[Path, list[str]]
) -> None:
    """Canary and pool manager take the digest that was resolved here: the number of services is in no request."""
    checkout, commits = history
    build(repository, commits[0])
    repository.attested("scaling", labels={REVISION: commits[3]})
    with Gate(repository.host) as gate:
        found(f"{gate.host}/{repository.name}", checkout)
        assert len(gate.seen) <= 3, gate.seen
        gate.seen.clear()
        found(f"{gate.host}/{repository.name}", checkout, imageTag=f"sha-{commits[0][:7]}")
        assert len(gate.seen) <= 6, gate.seen


def test_what_ci_has_just_built_is_deployed_and_nothing_that_the_tag_names_later(
    repository: Repository, history: tuple[Path, list[str]]
) -> None:
    checkout, commits = history
    built = build(repository, commits[0], "scaling")
    source = images.runtime(settings(repository.location, digest=built.digest), checkout)
    assert source.found is not None
    assert (source.found.tag, source.found.digest) == ("scaling", built.digest)
    newer = build(repository, commits[3], "scaling")
    with pytest.raises(InfraError, match=f"tag scaling is {newer.digest[:15]} now, not {built.digest[:15]}"):
        images.runtime(settings(repository.location, digest=built.digest), checkout)


def test_a_digest_that_is_none_names_the_variable_it_came_in() -> None:
    with pytest.raises(ConfigError, match="^IMAGE_DIGEST: "):
        settings("ghcr.io/xmtplabs/convos-runtime", digest="sha256:abc")


def pool_settings(image: str, digest: str) -> Settings:
    config = {"imageRepository": "ghcr.io/a/b", "poolImage": image}
    return read("scaling", config, {**TOKENS, "POOL_IMAGE_DIGEST": digest})


def test_a_pool_managers_image_that_ci_has_just_built_is_deployed_by_its_digest(
    repository: Repository, history: tuple[Path, list[str]]
) -> None:
    checkout, commits = history
    built = build(repository, commits[0], "scaling")
    followed = f"{repository.location}:scaling"
    source = images.pool(pool_settings(followed, built.digest), checkout)
    assert source is not None
    assert source.found is not None
    assert (source.found.tag, source.found.digest) == ("scaling", built.digest)
    newer = build(repository, commits[3], "scaling")
    with pytest.raises(InfraError, match=f"tag scaling is {newer.digest[:15]} now, not {built.digest[:15]}"):
        images.pool(pool_settings(followed, built.digest), checkout)
    pinned = images.pool(pool_settings(f"{followed}@{newer.digest}", built.digest), checkout)
    assert pinned is not None
    assert pinned.found is not None
    assert pinned.found.digest == newer.digest, "a pin wins"


def test_a_pool_managers_digest_that_is_none_names_the_variable_it_came_in() -> None:
    with pytest.raises(ConfigError, match="^POOL_IMAGE_DIGEST: "):
        pool_settings("ghcr.io/xmtplabs/convos-pool:scaling", "sha256:abc")


@pytest.mark.parametrize("key", ["imageTag", "imageBranchTag"])
def test_every_refusal_names_its_config_key(repository: Repository, history: tuple[Path, list[str]], key: str) -> None:
    checkout, commits = history
    repository.image("arm", platform=ARM64)
    repository.image("sha-9f8e7d6", labels={REVISION: commits[0]})
    gone = repository.image(content="gone")
    repository.index("half", {"linux/amd64": gone})
    repository.delete(gone.digest)
    for tag in ("never", "arm", "sha-9f8e7d6", "half"):
        with pytest.raises(InfraError) as caught:
            found(repository.location, checkout, **{key: tag})
        assert str(caught.value).startswith(f"{key}: ")
        assert "\n" not in str(caught.value)


def test_the_record_says_how_many_commits_a_change_gains_or_loses_and_is_silent_afterwards(
    history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, commits = history
    monkeypatch.setattr(resource, "CHECKOUT", checkout)
    provider = resource.ImageProvider()
    record = {"digest": f"sha256:{'a' * 64}", "pinned_by": "pin", "revision": commits[0]}
    back = provider.check({**record, "revision": commits[3]}, record).inputs
    assert back["history"] == "3 commits back"
    assert provider.check(record, {**record, "revision": commits[2]}).inputs["history"] == "2 commits forward"
    again = provider.check(back, record).inputs
    assert again == back
    assert provider.diff("recorded", back, again).changes is False
    assert "history" not in provider.check({}, record).inputs
    assert "history" not in provider.check({**record, "revision": "main"}, record).inputs
