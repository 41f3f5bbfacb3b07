"""What a reference resolves to, on a real registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import (
    AmbiguousError,
    DisagreementError,
    NoSuchManifestError,
    NoSuchPlatformError,
    NoSuchRepositoryError,
    NoSuchTagError,
    NotAnImageError,
    RegistryError,
    UnreachableError,
)
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import ResolvedImage, current_digest, resolve
from tests.registry.pushing import AMD64, ARM64, CREATED, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REVISION, Repository
from tests.support.ports import free_port

COMMIT = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"
LABELS = {REVISION: COMMIT, "org.opencontainers.image.version": "scaling"}


def test_a_single_image_says_all_that_a_stack_needs_to_know(repository: Repository) -> None:
    pushed = repository.image("scaling", labels=LABELS)
    image = resolve(f"{repository.location}:scaling")
    assert image.reference == f"{repository.location}:scaling"
    assert (image.registry, image.repository, image.tag) == (repository.host, repository.name, "scaling")
    assert image.digest == pushed.digest
    assert image.media_type == OCI_MANIFEST
    assert image.platforms == (AMD64,)
    assert image.revision == COMMIT
    assert image.version == "scaling"
    assert image.created == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert image.size_bytes > 0
    assert image.pinned == f"{repository.location}:scaling@{pushed.digest}"
    assert image.short_digest == pushed.digest[:15]


def test_a_docker_manifest_resolves_like_an_oci_one(repository: Repository) -> None:
    pushed = repository.image("old", labels=LABELS, docker=True)
    image = resolve(f"{repository.location}:old")
    assert (image.digest, image.platforms, image.revision) == (pushed.digest, (AMD64,), COMMIT)


def test_a_tag_that_moved_shows_the_new_digest(repository: Repository) -> None:
    before = repository.image("scaling", content="before")
    first = resolve(f"{repository.location}:scaling")
    after = repository.image("scaling", content="after")
    second = resolve(f"{repository.location}:scaling")
    assert (first.digest, second.digest) == (before.digest, after.digest)
    assert first.digest != second.digest


def test_a_digest_stays_what_it_was_when_its_tag_moves(repository: Repository) -> None:
    before = repository.image("scaling", content="before")
    repository.image("scaling", content="after")
    image = resolve(f"{repository.location}@{before.digest}")
    assert image.digest == before.digest
    assert image.pinned == f"{repository.location}@{before.digest}"


def test_a_two_platform_index_is_named_by_the_index_digest(repository: Repository) -> None:
    images = {AMD64: repository.image(labels=LABELS), ARM64: repository.image(platform=ARM64, labels=LABELS)}
    index = repository.index("scaling", images)
    image = resolve(f"{repository.location}:scaling")
    assert (image.digest, image.media_type, image.platforms) == (index.digest, OCI_INDEX, (AMD64, ARM64))
    assert image.revision == COMMIT


def test_attestation_children_are_not_platforms(repository: Repository) -> None:
    index, _, _ = repository.attested("scaling", labels=LABELS)
    image = resolve(f"{repository.location}:scaling")
    assert (image.digest, image.platforms, image.revision) == (index.digest, (AMD64,), COMMIT)


def test_a_deleted_attestation_does_not_stop_a_deploy(repository: Repository) -> None:
    _, _, statement = repository.attested("scaling", labels=LABELS)
    repository.delete(statement.digest)
    assert resolve(f"{repository.location}:scaling").revision == COMMIT


def test_annotations_win_over_labels_that_the_base_image_left(repository: Repository) -> None:
    """Labels are inherited through FROM; the base image's revision is not the runtime's."""
    base = {REVISION: "ba5eba11ba5eba11ba5eba11ba5eba11ba5eba11"}
    repository.image("scaling", labels=base, annotations={REVISION: COMMIT})
    assert resolve(f"{repository.location}:scaling").revision == COMMIT


@pytest.mark.parametrize("kind", ["single", "attested", "attested with annotations", "by digest"])
def test_resolving_costs_at_most_three_requests(repository: Repository, kind: str) -> None:
    annotations = {REVISION: COMMIT, CREATED: "2026-11-20T10:00:00Z"} if kind.endswith("annotations") else None
    if kind == "single":
        pushed = repository.image("scaling", labels=LABELS)
    else:
        pushed, _, _ = repository.attested("scaling", labels=LABELS, index_annotations=annotations)
    version = f"@{pushed.digest}" if kind == "by digest" else ":scaling"
    client = RegistryClient(repository.host)
    assert resolve(f"{repository.location}{version}", client=client).revision == COMMIT
    print(f"{kind}: {client.requests} requests")
    assert client.requests <= (2 if kind in {"single", "attested with annotations"} else 3)


def test_the_current_digest_is_one_request(repository: Repository) -> None:
    pushed = repository.image("scaling")
    client = RegistryClient(repository.host)
    assert current_digest(parse(f"{repository.location}:scaling"), client=client) == pushed.digest
    assert client.requests == 1
    assert current_digest(parse(f"{repository.location}:never"), client=client) == ""


def line(repository: Repository, version: str, error: type[RegistryError], platform: str = AMD64) -> str:
    """Resolve what must not resolve, as the stack's `imageTag`; answer the one line."""
    with pytest.raises(error) as caught:
        resolve(parse_version(repository.location, version, "imageTag"), platform=platform, subject="imageTag")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_tag_names_the_nearest_with_its_age(repository: Repository) -> None:
    two_days_ago = (datetime.now(UTC) - timedelta(days=2, hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    repository.image("sha-1a2b3c4", created=two_days_ago)
    repository.image("scaling", content="other")
    assert line(repository, "sha-1a2b3c5", NoSuchTagError) == (
        f"imageTag: no tag sha-1a2b3c5 in {repository.location}; nearest: sha-1a2b3c4 (2 days old)"
    )


def test_a_missing_tag_that_resembles_none_says_how_many_there_are_and_names_some(repository: Repository) -> None:
    repository.image("scaling")
    assert line(repository, "production-2026", NoSuchTagError).endswith("; it has 1 tag, none like it: scaling")
    for name in ("dev", "pr-1", "pr-2"):
        repository.image(name)
    said = line(repository, "production-2026", NoSuchTagError)
    assert said.endswith("; it has 4 tags, none like it: dev, pr-1, pr-2, …")


def test_a_missing_repository_is_not_a_missing_tag(repository: Repository) -> None:
    assert line(repository, "scaling", NoSuchRepositoryError).startswith(
        f"imageTag: {repository.host} has no repository {repository.name}; check the name"
    )


def test_a_repository_whose_tags_were_all_deleted_is_empty(repository: Repository) -> None:
    repository.delete(repository.image("scaling").digest)
    assert (
        line(repository, "scaling", NoSuchTagError) == f"imageTag: no tag scaling in {repository.location}; it is empty"
    )


def test_a_deleted_digest_is_one_line(repository: Repository) -> None:
    pushed = repository.image("scaling")
    repository.image("staging", content="other")
    repository.delete(pushed.digest)
    assert line(repository, pushed.digest, NoSuchManifestError).startswith(
        f"imageTag: no digest {pushed.digest[:15]} in {repository.location}; it was deleted"
    )


def test_an_image_for_another_platform_says_what_it_is_for(repository: Repository) -> None:
    repository.image("sha-1a2b3c4", platform=ARM64)
    expected = "imageTag: sha-1a2b3c4 has no linux/amd64 image (found linux/arm64)"
    assert line(repository, "sha-1a2b3c4", NoSuchPlatformError) == expected


def test_an_index_without_the_platform_says_what_it_lists(repository: Repository) -> None:
    repository.index("sha-1a2b3c4", {ARM64: repository.image(platform=ARM64)})
    expected = "imageTag: sha-1a2b3c4 has no linux/amd64 image (found linux/arm64)"
    assert line(repository, "sha-1a2b3c4", NoSuchPlatformError) == expected


def test_an_index_that_lies_about_its_child_is_found_out(repository: Repository) -> None:
    repository.index("scaling", {AMD64: repository.image(platform=ARM64)})
    assert line(repository, "scaling", NoSuchPlatformError).endswith("(found linux/arm64)")


@pytest.mark.parametrize("deleted", [AMD64, ARM64])
def test_index_child_missing_is_found_before_the_deploy(repository: Repository, deleted: str) -> None:
    """Clean-up jobs delete untagged children, and then a tag exists that does not pull (nfrastack/db-backup#575)."""
    images = {AMD64: repository.image(content="a"), ARM64: repository.image(platform=ARM64, content="b")}
    repository.index("scaling", images)
    repository.delete(images[deleted].digest)
    text = line(repository, "scaling", NoSuchManifestError)
    assert text.startswith(f"imageTag: scaling lists {deleted} as {images[deleted].digest[:15]}, which is gone; ")


def test_a_sha_tag_whose_label_disagrees_is_refused(repository: Repository) -> None:
    pushed = repository.image("sha-9f8e7d6", labels=LABELS)
    expected = f"imageTag: sha-9f8e7d6 was built from 1a2b3c4, according to its label; pin {pushed.digest} if"
    assert line(repository, "sha-9f8e7d6", DisagreementError).startswith(expected)


def test_a_sha_tag_without_a_label_is_believed(repository: Repository) -> None:
    repository.image("sha-9f8e7d6")
    assert resolve(f"{repository.location}:sha-9f8e7d6").revision == ""


@pytest.mark.parametrize("typed", ["sha-1a2b", "sha-1a2b3c4d5e", f"sha-{COMMIT}"])
def test_a_commit_written_shorter_or_longer_finds_its_only_tag(repository: Repository, typed: str) -> None:
    repository.image("sha-1a2b3c4", labels=LABELS)
    image: ResolvedImage = resolve(f"{repository.location}:{typed}")
    assert (image.tag, image.reference) == ("sha-1a2b3c4", f"{repository.location}:{typed}")


def test_a_longer_commit_must_be_the_one_of_the_label(repository: Repository) -> None:
    repository.image("sha-1a2b3c4", labels=LABELS)
    assert "was built from 1a2b3c4" in line(repository, "sha-1a2b3c4ffff", DisagreementError)


def test_an_ambiguous_prefix_names_all_it_may_be(repository: Repository) -> None:
    repository.image("sha-1a2b3c4", content="a")
    repository.image("sha-1a2b9d9", content="b")
    candidates = f"sha-1a2b3c4, sha-1a2b9d9 in {repository.location}"
    expected = f"imageTag: sha-1a2b may be {candidates}; write more digits of the commit"
    assert line(repository, "sha-1a2b", AmbiguousError) == expected


def test_tag_and_digest_that_disagree_are_refused(repository: Repository) -> None:
    before = repository.image("scaling", content="before")
    after = repository.image("scaling", content="after")
    assert line(repository, f"scaling@{before.digest}", DisagreementError) == (
        f"imageTag: tag scaling is {after.digest[:15]} now, not {before.digest[:15]}; "
        "write only the tag, or only the digest"
    )


def test_tag_and_digest_agree_also_when_the_tag_is_gone(repository: Repository) -> None:
    pushed = repository.image("scaling")
    assert resolve(f"{repository.location}:scaling@{pushed.digest}").digest == pushed.digest
    assert resolve(f"{repository.location}:gone@{pushed.digest}").digest == pushed.digest


def test_an_index_without_children_is_no_image(repository: Repository) -> None:
    repository.index("scaling", {})
    assert line(repository, "scaling", NotAnImageError).endswith("is an index that lists no image")


def test_something_else_under_the_name_is_no_image(repository: Repository) -> None:
    chart = {"mediaType": "application/vnd.cncf.helm.config.v1+json", **repository.blob(b"{}")}
    repository.manifest(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": chart, "layers": []}, OCI_MANIFEST, "v1"
    )
    assert "vnd.cncf.helm.config" in line(repository, "v1", NotAnImageError)


def test_a_manifest_that_names_no_media_type_is_read_by_its_content_type(repository: Repository) -> None:
    config = {"mediaType": OCI_CONFIG, **repository.blob(b'{"os":"linux","architecture":"amd64"}')}
    repository.manifest({"schemaVersion": 2, "config": config, "layers": []}, OCI_MANIFEST, "bare")
    assert resolve(f"{repository.location}:bare").platforms == (AMD64,)


def test_a_registry_that_is_down_says_which_and_what_to_check() -> None:
    port = free_port()
    with pytest.raises(UnreachableError) as caught:
        resolve(f"127.0.0.1:{port}/convos/runtime:scaling", subject="imageTag")
    assert str(caught.value) == (
        f"imageTag: cannot reach 127.0.0.1:{port}: connection refused; start the registry, or correct its port"
    )
