"""Resolves a reference to the image that it names now, and checks that it can be deployed, before anything changes.

The number of HTTP requests (plus one for a login, plus one if the registry must first ask for it, which GHCR need not,
plus one for a redirect if the registry keeps its blobs elsewhere):

    single manifest                                    2   manifest, config
    index of one platform, with attestations           3   index, manifest, config
    the same, revision and created as annotations      2   index, manifest
    each further platform                              1   HEAD

The first request is a GET, as a HEAD would always be followed by the same GET. `current_digest` sends the HEAD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convos_infra.registry import manifest as manifests
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import (
    AmbiguousError,
    DisagreementError,
    NoSuchManifestError,
    NoSuchPlatformError,
    NoSuchTagError,
    NotAnImageError,
    RegistryError,
)
from convos_infra.registry.nearest import commit_of, nearest, same_commit
from convos_infra.registry.reference import ImageReference, parse, short_digest

if TYPE_CHECKING:
    from convos_infra.registry.token import RegistryCredentials

DEFAULT_PLATFORM = "linux/amd64"
SHORT_REVISION = 7
_TAGS_SHOWN = 3
_TIMES = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True)
class ResolvedImage:
    """An image as it is in the registry.

    Attributes:
        reference: as typed.
        tag: the tag by which it was found; completed if a unique prefix of a `sha-` tag was typed.
        digest: the digest behind the tag: of the index if there is one.
        platforms: the platforms that it is built for, without attestations.
        labels: the image's labels, overridden by the annotations of index and manifest. The labels are not read if the
            index has revision and created as annotations.
        revision: the commit it was built from; empty if the image does not tell.
        created: None if the image does not tell, or has the epoch as reproducible builds do.
        size_bytes: the size of a pull for the platform.
    """

    reference: str
    registry: str
    repository: str
    tag: str
    digest: str
    media_type: str
    platforms: tuple[str, ...]
    labels: Mapping[str, str]
    revision: str
    created: datetime | None
    version: str
    size_bytes: int

    @property
    def location(self) -> str:
        """The repository with its registry."""
        return f"{self.registry}/{self.repository}"

    @property
    def pinned(self) -> str:
        """`repo:tag@sha256:…`, the reference that is deployed."""
        return ImageReference(self.registry, self.repository, self.tag, self.digest).name

    @property
    def short_digest(self) -> str:
        """`sha256:` and 8 characters."""
        return short_digest(self.digest)


def resolve(
    reference: ImageReference | str,
    *,
    platform: str = DEFAULT_PLATFORM,
    credentials: RegistryCredentials | None = None,
    subject: str = "image",
    client: RegistryClient | None = None,
) -> ResolvedImage:
    """Resolve a reference at the registry, and refuse an image that cannot be deployed.

    Args:
        reference: a tag, a digest, or both. If it has both and the tag still exists, they must agree.
        platform: the required platform, `os/arch[/variant]`.
        credentials: for the registry of the reference.
        subject: the subject of errors, in the user's words.
        client: an existing client, with its own credentials and subject.

    Raises:
        RegistryError: one of the errors in `errors.py`.
    """
    wanted = parse(reference, subject) if isinstance(reference, str) else reference
    client = client or RegistryClient(wanted.registry, credentials=credentials, subject=subject)
    named, top = _top(client, wanted)
    if named.tag and named.digest:
        _check_tag_agrees(client, named)
    image = _image(client, named, top, platform)
    _check_revision(client.subject, wanted, image)
    return image


def current_digest(
    reference: ImageReference,
    *,
    credentials: RegistryCredentials | None = None,
    client: RegistryClient | None = None,
    subject: str = "image",
) -> str:
    """Return only the digest that a tag names now, with one HEAD request. Empty if the tag does not exist."""
    client = client or RegistryClient(reference.registry, credentials=credentials, subject=subject)
    return client.digest(reference.repository, reference.tag or reference.digest)


def age(created: datetime | None, now: datetime | None = None) -> str:
    """Return `2 days old`, or the empty string if the age is unknown."""
    if created is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - created).total_seconds()
    for unit, length in _TIMES:
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} old"
    return "just built"


def _top(client: RegistryClient, wanted: ImageReference) -> tuple[ImageReference, manifests.Manifest]:
    """Return the manifest behind the reference. For a `sha-` tag that does not exist, use its only possible match."""
    try:
        return wanted, client.manifest(wanted.repository, wanted.version)
    except NoSuchManifestError:
        tags = client.tags(wanted.repository)
        if wanted.digest:
            raise _no_digest(client, wanted) from None
    candidates = same_commit(wanted.tag, tags)
    if len(candidates) > 1:
        problem = f"{wanted.tag} may be {', '.join(candidates[:5])} in {wanted.location}"
        raise AmbiguousError(client.subject, problem, "write more digits of the commit")
    if not candidates:
        raise _no_tag(client, wanted, tags)
    found = replace(wanted, tag=candidates[0])
    return found, client.manifest(found.repository, found.tag)


def _image(client: RegistryClient, named: ImageReference, top: manifests.Manifest, platform: str) -> ResolvedImage:
    if top.is_index:
        single, annotations = _chosen_child(client, named, top, platform)
        said = top.platforms
    else:
        single, annotations, said = top, dict(top.annotations), ()
    if single.config_media_type not in manifests.IMAGE_CONFIGS:
        what = single.config_media_type[:80] or "no media type"
        raise NotAnImageError(client.subject, f"{named} is not a container image (its config is {what})")
    config = None
    if not (said and manifests.REVISION in annotations and manifests.CREATED in annotations):
        config = client.config(named.repository, single.config)
        _check_platform(client.subject, named, platform, (config.platform,))
    # Labels are inherited from the base image, including its revision; annotations are not. So annotations win, and
    # `created` of the config comes before the label.
    labels = {**(config.labels if config else {}), **annotations}
    created = annotations.get(manifests.CREATED) or (config.created if config else "")
    return ResolvedImage(
        reference=str(named),
        registry=named.registry,
        repository=named.repository,
        tag=named.tag,
        digest=top.digest,
        media_type=top.media_type,
        platforms=said or ((config.platform,) if config else ()),
        labels=labels,
        revision=labels.get(manifests.REVISION, ""),
        created=manifests.parse_created(created),
        version=labels.get(manifests.VERSION, ""),
        size_bytes=single.size_bytes,
    )


def _chosen_child(
    client: RegistryClient, named: ImageReference, index: manifests.Manifest, platform: str
) -> tuple[manifests.Manifest, dict[str, str]]:
    """Return the platform's manifest and all annotations above it; check that all other platforms can be pulled."""
    if not index.images:
        raise NotAnImageError(client.subject, f"{named} is an index that lists no image")
    _check_platform(client.subject, named, platform, index.platforms)
    chosen = next(child for child in index.images if manifests.matches(platform, child.platform))
    try:
        single = client.manifest(named.repository, chosen.digest)
    except NoSuchManifestError:
        raise _gone(client.subject, named, chosen) from None
    for child in index.images:
        if child.digest != chosen.digest and not client.digest(named.repository, child.digest):
            raise _gone(client.subject, named, child)
    return single, {**index.annotations, **chosen.annotations, **single.annotations}


def _check_platform(subject: str, named: ImageReference, platform: str, found: tuple[str, ...]) -> None:
    if not any(manifests.matches(platform, offered) for offered in found):
        listed = ", ".join(offered for offered in found if offered) or "none with a name"
        raise NoSuchPlatformError(subject, f"{_called(named)} has no {platform} image (found {listed})")


def _check_tag_agrees(client: RegistryClient, named: ImageReference) -> None:
    current = client.digest(named.repository, named.tag)
    if current and current != named.digest:
        problem = f"tag {named.tag} is {short_digest(current)} now, not {short_digest(named.digest)}"
        raise DisagreementError(client.subject, problem, "write only the tag, or only the digest")


def _check_revision(subject: str, wanted: ImageReference, image: ResolvedImage) -> None:
    commit = commit_of(wanted.tag)
    if not commit or not image.revision:
        return
    if not (image.revision.startswith(commit) or commit.startswith(image.revision)):
        problem = f"{wanted.tag} was built from {image.revision[:SHORT_REVISION]}, according to its label"
        step = f"pin {image.digest} if that is the image you mean"
        raise DisagreementError(subject, problem, step)


def _gone(subject: str, named: ImageReference, child: manifests.Child) -> NoSuchManifestError:
    problem = f"{_called(named)} lists {child.platform or 'an image'} as {short_digest(child.digest)}, which is gone"
    return NoSuchManifestError(subject, problem, "a clean-up deleted it: build and push again, or pin another tag")


def _no_digest(client: RegistryClient, wanted: ImageReference) -> NoSuchManifestError:
    problem = f"no digest {short_digest(wanted.digest)} in {wanted.location}"
    return NoSuchManifestError(client.subject, problem, "it was deleted, or never pushed there: pin a tag that exists")


def _no_tag(client: RegistryClient, wanted: ImageReference, tags: list[str]) -> NoSuchTagError:
    problem = f"no tag {wanted.tag} in {wanted.location}"
    near = nearest(wanted.tag, tags)
    if not near:
        some = ", ".join(sorted(tags)[:_TAGS_SHOWN]) + (", …" if len(tags) > _TAGS_SHOWN else "")
        count = f"it has {len(tags)} tag{'s' * (len(tags) > 1)}, none like it: {some}" if tags else "it is empty"
        return NoSuchTagError(client.subject, problem, count)
    how_old = age(_created(client, wanted, near[0]))
    first = f"{near[0]} ({how_old})" if how_old else near[0]
    return NoSuchTagError(client.subject, problem, f"nearest: {', '.join([first, *near[1:]])}")


def _created(client: RegistryClient, wanted: ImageReference, tag: str) -> datetime | None:
    """Return when a tag was built; None after any error, as it only decorates another error."""
    try:
        top = client.manifest(wanted.repository, tag)
        if created := manifests.parse_created(top.annotations.get(manifests.CREATED, "")):
            return created
        single = client.manifest(wanted.repository, top.images[0].digest) if top.images else top
        return manifests.parse_created(client.config(wanted.repository, single.config).created)
    except RegistryError:
        return None


def _called(named: ImageReference) -> str:
    return named.tag or short_digest(named.digest)
