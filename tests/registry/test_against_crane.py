"""Our answers equal those of a well-known OCI client on the same registry."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from convos_infra.registry.client import RegistryClient
from convos_infra.registry.manifest import digest_of
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import current_digest, resolve
from tests.registry.pushing import AMD64, ARM64, REVISION, Repository

if TYPE_CHECKING:
    from pathlib import Path

LABELS = {REVISION: "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b", "org.opencontainers.image.version": "scaling"}
Crane = Callable[..., str]


def push(repository: Repository, kind: str) -> str:
    if kind == "single":
        repository.image("scaling", labels=LABELS)
    elif kind == "docker":
        repository.image("scaling", labels=LABELS, docker=True)
    elif kind == "two platforms":
        images = {AMD64: repository.image(labels=LABELS), ARM64: repository.image(platform=ARM64, labels=LABELS)}
        repository.index("scaling", images)
    else:
        repository.attested("scaling", labels=LABELS)
    return f"{repository.location}:scaling"


@pytest.mark.parametrize("kind", ["single", "docker", "two platforms", "attested"])
def test_crane_gives_the_same_digest_manifest_and_config(repository: Repository, crane: Crane, kind: str) -> None:
    text = push(repository, kind)
    image = resolve(text)
    theirs: dict[str, Any] = json.loads(crane("manifest", text))
    config: dict[str, Any] = json.loads(crane("config", "--platform", AMD64, text))
    single: dict[str, Any] = json.loads(crane("manifest", "--platform", AMD64, text))

    assert image.digest == crane("digest", text).strip() == digest_of(crane("manifest", text).encode())
    assert current_digest(parse(text)) == image.digest
    assert image.media_type == theirs["mediaType"]
    assert dict(image.labels) == config["config"]["Labels"]
    assert image.created is not None
    assert image.created.isoformat().replace("+00:00", "Z") == config["created"]
    assert image.size_bytes == sum(part["size"] for part in (single["config"], *single["layers"]))
    if "manifests" in theirs:
        platforms = [f"{child['platform']['os']}/{child['platform']['architecture']}" for child in theirs["manifests"]]
        assert list(image.platforms) == [platform for platform in platforms if platform != "unknown/unknown"]
    else:
        assert image.platforms == (f"{config['os']}/{config['architecture']}",)


@pytest.mark.parametrize("kind", ["single", "two platforms", "attested"])
def test_crane_pulls_what_we_pin(repository: Repository, crane: Crane, kind: str, tmp_path: Path) -> None:
    image = resolve(push(repository, kind))
    crane("pull", "--platform", AMD64, image.pinned, str(tmp_path / "image.tar"))
    assert tarfile.is_tarfile(tmp_path / "image.tar")
    assert crane("digest", image.pinned).strip() == image.digest


def test_crane_lists_the_same_tags(repository: Repository, crane: Crane) -> None:
    for tag in ("scaling", "sha-1a2b3c4", "pr-7"):
        repository.image(tag)
    assert sorted(RegistryClient(repository.host).tags(repository.name)) == sorted(
        crane("ls", repository.location).split()
    )
