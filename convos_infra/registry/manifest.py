"""Parses manifests and indexes, OCI's and Docker's. Pure.

An index lists one manifest for each platform. BuildKit adds an entry for each attestation (provenance, SBOM) with
platform `unknown/unknown`, which turns a single-platform image into an index (docker/build-push-action#755). These
entries are not platforms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from convos_infra.registry.reference import is_digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)

IMAGE_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"
VERSION = "org.opencontainers.image.version"

_INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
_REFERENCE_TYPE = "vnd.docker.reference.type"
_UNKNOWN = "unknown/unknown"
# Reproducible builds use the epoch or a date near it, which is not the build's date.
_FIRST_YEAR = 2000


class ManifestError(ValueError):
    """The content is not a manifest that a container can be started from; the message says what it is."""


@dataclass(frozen=True)
class Child:
    """One entry of an index.

    Attributes:
        platform: `os/arch[/variant]`; empty if the entry has none.
    """

    digest: str
    media_type: str
    platform: str = ""
    is_attestation: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, with the digest of its content.

    Attributes:
        children: the entries of an index; empty for a single manifest.
        config: the digest of the image's config; empty for an index.
        size_bytes: the compressed size of config and layers; 0 for an index.
        subject: the digest of the manifest that this one is attached to, if any.
    """

    digest: str
    media_type: str
    annotations: Mapping[str, str]
    children: tuple[Child, ...] = ()
    config: str = ""
    config_media_type: str = ""
    size_bytes: int = 0
    subject: str = ""

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in _INDEXES

    @property
    def images(self) -> tuple[Child, ...]:
        """The entries of an index from which a container can be started."""
        return tuple(child for child in self.children if not child.is_attestation)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of an index, sorted and without duplicates."""
        return tuple(sorted({child.platform for child in self.images if child.platform}))


@dataclass(frozen=True)
class ImageConfig:
    """The parts of an image's config that we use."""

    platform: str
    labels: Mapping[str, str]
    created: str


def digest_of(content: bytes) -> str:
    """Return the sha256 digest of the bytes, in the format of registries."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parse_manifest(content: bytes, content_type: str = "") -> Manifest:
    """Parse a manifest or an index.

    Args:
        content: the exact bytes that the registry sent; the digest is computed from them.
        content_type: the header, for bodies without a media type (OCI makes that optional).

    Raises:
        ManifestError: it is something else, which the message names.
    """
    document = _document(content, content_type)
    if document.get("schemaVersion") == 1:
        raise ManifestError(
            "is a schema 1 manifest, which Docker dropped in 2019; push it again with a current builder"
        )
    media_type = _media_type(document, content_type)
    annotations = _texts(document.get("annotations"))
    if media_type in _INDEXES:
        children = tuple(_child(entry) for entry in _mappings(document.get("manifests")))
        return Manifest(digest_of(content), media_type, annotations, children, subject=_subject(document))
    config = document.get("config")
    if not isinstance(config, Mapping):
        raise ManifestError("is a manifest without a config")
    layers = _mappings(document.get("layers"))
    return Manifest(
        digest_of(content),
        media_type,
        annotations,
        config=_digest(config),
        config_media_type=_text(config.get("mediaType")),
        size_bytes=sum(_size(part) for part in (config, *layers)),
        subject=_subject(document),
    )


def parse_config(content: bytes) -> ImageConfig:
    """Parse an image's config.

    Raises:
        ManifestError: it is something else.
    """
    document = _document(content, "")
    labels = document.get("config")
    return ImageConfig(
        platform(document),
        _texts(labels.get("Labels") if isinstance(labels, Mapping) else None),
        _text(document.get("created")),
    )


def platform(document: Mapping[str, Any]) -> str:
    """Return `os/arch[/variant]` of a config or of an index entry's platform; empty if there is none."""
    parts = [_text(document.get(key)) for key in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part) if parts[0] and parts[1] else ""


def matches(wanted: str, offered: str) -> bool:
    """Tell whether an image for `offered` runs on `wanted`: `linux/arm64/v8` runs on `linux/arm64`."""
    return offered == wanted or offered.startswith(f"{wanted}/")


def parse_created(text: str) -> datetime | None:
    """Parse RFC 3339, including nanoseconds; None if it is missing, malformed, or the epoch."""
    head, dot, tail = text.partition(".")
    if dot:  # Python 3.11 reads up to 6 digits of a second, BuildKit writes 9
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        return None
    return created if created.tzinfo and created.year >= _FIRST_YEAR else None


def _document(content: bytes, content_type: str) -> Mapping[str, Any]:
    start = content.lstrip()[:1]
    if "html" in content_type.lower() or start == b"<":
        raise ManifestError("is HTML, not a manifest; is that a registry, or a login page in front of it?")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ManifestError("is not JSON") from None
    if not isinstance(document, Mapping):
        raise ManifestError("is JSON, but not a manifest")
    return document


def _media_type(document: Mapping[str, Any], content_type: str) -> str:
    named = _text(document.get("mediaType")) or content_type.partition(";")[0].strip().lower()
    if named in ACCEPTED:
        return named
    if document.get("schemaVersion") != 2:
        raise ManifestError("is JSON, but not a manifest")
    if named not in {"", "application/json", "text/plain", "application/octet-stream"}:
        raise ManifestError(f"has media type {named[:80]!r}, which is not an image")
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _child(entry: Mapping[str, Any]) -> Child:
    annotations = _texts(entry.get("annotations"))
    named = entry.get("platform")
    offered = platform(named) if isinstance(named, Mapping) else ""
    is_attestation = _REFERENCE_TYPE in annotations or offered == _UNKNOWN
    return Child(
        _digest(entry),
        _text(entry.get("mediaType")),
        "" if is_attestation else offered,
        is_attestation,
        annotations,
    )


def _subject(document: Mapping[str, Any]) -> str:
    subject = document.get("subject")
    return _digest(subject) if isinstance(subject, Mapping) else ""


def _digest(descriptor: Mapping[str, Any]) -> str:
    digest = _text(descriptor.get("digest"))
    if not is_digest(digest):  # it becomes part of a URL
        raise ManifestError(f"names {digest[:80]!r} where a sha256 digest belongs")
    return digest


def _size(descriptor: Mapping[str, Any]) -> int:
    size = descriptor.get("size")
    return size if isinstance(size, int) and size > 0 else 0


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, str)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
