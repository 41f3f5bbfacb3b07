"""Make images in a test, blob by blob, and push them over the distribution API: no builder, no daemon."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
IN_TOTO = "application/vnd.in-toto+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

AMD64 = "linux/amd64"
ARM64 = "linux/arm64"
REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True)
class Pushed:
    """One manifest in the registry."""

    digest: str
    media_type: str
    size: int
    content: bytes

    def descriptor(self, platform: str = "", annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The entry of it in an index."""
        entry: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if platform:
            entry["platform"] = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        if annotations:
            entry["annotations"] = dict(annotations)
        return entry


@dataclass(frozen=True)
class Repository:
    """A repository of a registry on loopback, to push to."""

    host: str
    name: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def location(self) -> str:
        return f"{self.host}/{self.name}"

    def blob(self, content: bytes) -> dict[str, Any]:
        """Push a blob, answer its descriptor without a media type."""
        digest = digest_of(content)
        begun = self.session.post(f"http://{self.host}/v2/{self.name}/blobs/uploads/", timeout=10)
        begun.raise_for_status()
        joint = "&" if "?" in begun.headers["Location"] else "?"
        headers = {"Content-Type": "application/octet-stream"}
        url = urljoin(begun.url, f"{begun.headers['Location']}{joint}digest={digest}")
        self.session.put(url, data=content, headers=headers, timeout=10).raise_for_status()
        return {"digest": digest, "size": len(content)}

    def manifest(self, document: Mapping[str, Any], media_type: str, tag: str = "") -> Pushed:
        """Push a manifest or index, under a tag or only by its digest."""
        content = json.dumps(document, indent=1).encode()
        digest = digest_of(content)
        url = f"http://{self.host}/v2/{self.name}/manifests/{tag or digest}"
        answer = self.session.put(url, data=content, headers={"Content-Type": media_type}, timeout=10)
        assert answer.status_code == 201, answer.text
        return Pushed(digest, media_type, len(content), content)

    def image(
        self,
        tag: str = "",
        *,
        platform: str = AMD64,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        created: str = "2026-11-20T10:00:00Z",
        content: str = "hello",
        docker: bool = False,
    ) -> Pushed:
        """Push a single-platform image with one layer."""
        layer = _layer(content)
        system, _, architecture = platform.partition("/")
        config = {
            "created": created,
            "os": system,
            "architecture": architecture,
            "config": {"Labels": dict(labels or {}), "Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(gzip.decompress(layer))]},
        }
        media_types = (DOCKER_MANIFEST, DOCKER_CONFIG) if docker else (OCI_MANIFEST, OCI_CONFIG)
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_types[0],
            "config": {"mediaType": media_types[1], **self.blob(json.dumps(config).encode())},
            "layers": [{"mediaType": OCI_LAYER, **self.blob(layer)}],
        }
        if annotations:
            document["annotations"] = dict(annotations)
        return self.manifest(document, media_types[0], tag)

    def attestation(self, of: Pushed) -> Pushed:
        """Push what BuildKit pushes beside an image: a manifest with a provenance statement."""
        statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": of.digest}]})
        layer = self.blob(statement.encode())
        config = {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, **self.blob(json.dumps(config).encode())},
            "layers": [{"mediaType": IN_TOTO, **layer}],
        }
        return self.manifest(document, OCI_MANIFEST)

    def index(
        self,
        tag: str,
        images: Mapping[str, Pushed],
        attestations: Sequence[tuple[Pushed, Pushed]] = (),
        annotations: Mapping[str, str] | None = None,
    ) -> Pushed:
        """Push an index: images by platform, then (attestation, image it is about) pairs."""
        entries = [image.descriptor(platform) for platform, image in images.items()]
        for statement, image in attestations:
            about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest}
            entries.append(statement.descriptor("unknown/unknown", about))
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        if annotations:
            document["annotations"] = dict(annotations)
        return self.manifest(document, OCI_INDEX, tag)

    def attested(self, tag: str, **image: Any) -> tuple[Pushed, Pushed, Pushed]:
        """Push what `docker buildx build --push` makes today: index, image, attestation."""
        annotations = image.pop("index_annotations", None)
        single = self.image(**image)
        statement = self.attestation(single)
        return self.index(tag, {AMD64: single}, [(statement, single)], annotations), single, statement

    def delete(self, digest: str) -> None:
        """Delete a manifest behind everybody's back, as a clean-up job does."""
        self.session.delete(f"http://{self.host}/v2/{self.name}/manifests/{digest}", timeout=10).raise_for_status()

    def pulls(self, version: str) -> bool:
        """Tell whether the registry still serves a tag or digest, with every child that an index lists."""
        accept = {"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"}
        answer = self.session.get(f"http://{self.host}/v2/{self.name}/manifests/{version}", headers=accept, timeout=10)
        if answer.status_code == 404:
            return False
        answer.raise_for_status()
        return all(self.pulls(child["digest"]) for child in answer.json().get("manifests", []))


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("hello.txt")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)
