"""What a reference names right now, and whether it can be deployed: asked once, before anything changes.

What it costs in HTTP requests (a login is one more; GHCR's needs no question first; a registry that keeps its blobs
elsewhere answers a config with a redirect, one more):

    single manifest                                    2   manifest, config
    index of one platform, with attestations           3   index, manifest, config
    the same, revision and created as annotations      2   index, manifest
    each further platform                              1   HEAD

The first request is a GET: a HEAD would only be followed by the same GET. `current_digest` is the HEAD.
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
_TIMES = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True)
class ResolvedImage:
    """An image as the registry has it.

    Attributes:
        reference: as typed.
        tag: the tag it was found by; the whole one where a unique beginning of a `sha-` tag was typed.
        digest: of what the tag names: the index where there is one.
        platforms: what it is built for, attestations not counted.
        labels: the image's labels, with the annotations of index and manifest over them; labels of an index that
            carries revision and created as annotations are not read.
        revision: the commit it was built from; empty where it does not say.
        created: None where it does not say, or claims the epoch as reproducible builds do.
        size_bytes: what a pull for the platform moves.
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
        """`repo:tag@sha256:…`: what is deployed."""
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
    thing: str = "image",
    client: RegistryClient | None = None,
) -> ResolvedImage:
    """Ask the registry what a reference names, and refuse what could not be deployed.

    Args:
        reference: a tag, a digest, or both: then they must agree, if the tag still exists.
        platform: `os/arch[/variant]` that must be there.
        credentials: for the registry of the reference.
        thing: what errors are about, in the user's words.
        client: one that is in use already; it brings its own credentials and thing.

    Raises:
        RegistryError: one of `errors.py`, in one line.
    """
    wanted = parse(reference, thing) if isinstance(reference, str) else reference
    client = client or RegistryClient(wanted.registry, credentials=credentials, thing=thing)
    named, top = _top(client, wanted)
    if named.tag and named.digest:
        _check_tag_agrees(client, named)
    image = _image(client, named, top, platform)
    _check_revision(client.thing, wanted, image)
    return image


def current_digest(
    reference: ImageReference,
    *,
    credentials: RegistryCredentials | None = None,
    client: RegistryClient | None = None,
    thing: str = "image",
) -> str:
    """Return what a tag names right now, and no more: one HEAD. Empty where the tag is not there."""
    client = client or RegistryClient(reference.registry, credentials=credentials, thing=thing)
    return client.digest(reference.repository, reference.tag or reference.digest)


def age(created: datetime | None, now: datetime | None = None) -> str:
    """Return `2 days old`, or the empty string where it is not known."""
    if created is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - created).total_seconds()
    for unit, length in _TIMES:
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} old"
    return "just built"


def _top(client: RegistryClient, wanted: ImageReference) -> tuple[ImageReference, manifests.Manifest]:
    """Return the manifest behind the reference; for a `sha-` tag that is not there, behind the one it can only mean."""
    try:
        return wanted, client.manifest(wanted.repository, wanted.version)
    except NoSuchManifestError:
        tags = client.tags(wanted.repository)
        if wanted.digest:
            raise _no_digest(client, wanted) from None
    candidates = same_commit(wanted.tag, tags)
    if len(candidates) > 1:
        problem = f"{wanted.tag} may be {', '.join(candidates[:5])} in {wanted.location}"
        raise AmbiguousError(client.thing, problem, "write more of the commit's digits")
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
        raise NotAnImageError(client.thing, f"{named} is no container image (its config is {what})")
    config = None
    if not (said and manifests.REVISION in annotations and manifests.CREATED in annotations):
        config = client.config(named.repository, single.config)
        _check_platform(client.thing, named, platform, (config.platform,))
    # Labels are inherited from the base image, its revision included; annotations are not. So annotations win, and
    # `created` is taken from the config before the label.
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
    """Return the platform's manifest and all annotations above it; every other platform must still pull as well."""
    if not index.images:
        raise NotAnImageError(client.thing, f"{named} is an index that lists no image")
    _check_platform(client.thing, named, platform, index.platforms)
    chosen = next(child for child in index.images if manifests.matches(platform, child.platform))
    try:
        single = client.manifest(named.repository, chosen.digest)
    except NoSuchManifestError:
        raise _gone(client.thing, named, chosen) from None
    for child in index.images:
        if child.digest != chosen.digest and not client.digest(named.repository, child.digest):
            raise _gone(client.thing, named, child)
    return single, {**index.annotations, **chosen.annotations, **single.annotations}


def _check_platform(thing: str, named: ImageReference, platform: str, found: tuple[str, ...]) -> None:
    if not any(manifests.matches(platform, offered) for offered in found):
        listed = ", ".join(offered for offered in found if offered) or "none that it names"
        raise NoSuchPlatformError(thing, f"{_called(named)} has no {platform} image (found {listed})")


def _check_tag_agrees(client: RegistryClient, named: ImageReference) -> None:
    current = client.digest(named.repository, named.tag)
    if current and current != named.digest:
        problem = f"tag {named.tag} is {short_digest(current)} now, not {short_digest(named.digest)}"
        raise DisagreementError(client.thing, problem, "write the tag alone, or the digest alone")


def _check_revision(thing: str, wanted: ImageReference, image: ResolvedImage) -> None:
    commit = commit_of(wanted.tag)
    if not commit or not image.revision:
        return
    if not (image.revision.startswith(commit) or commit.startswith(image.revision)):
        problem = f"{wanted.tag} was built from {image.revision[:SHORT_REVISION]}, says its label"
        step = f"pin {image.digest} if that is the image you mean"
        raise DisagreementError(thing, problem, step)


def _gone(thing: str, named: ImageReference, child: manifests.Child) -> NoSuchManifestError:
    problem = f"{_called(named)} lists {child.platform or 'an image'} as {short_digest(child.digest)}, which is gone"
    return NoSuchManifestError(thing, problem, "a clean-up deleted it: build and push again, or pin another tag")


def _no_digest(client: RegistryClient, wanted: ImageReference) -> NoSuchManifestError:
    problem = f"no digest {short_digest(wanted.digest)} in {wanted.location}"
    return NoSuchManifestError(client.thing, problem, "it was deleted, or never pushed there: pin a tag that exists")


def _no_tag(client: RegistryClient, wanted: ImageReference, tags: list[str]) -> NoSuchTagError:
    problem = f"no tag {wanted.tag} in {wanted.location}"
    near = nearest(wanted.tag, tags)
    if not near:
        return NoSuchTagError(
            client.thing, problem, f"it has {len(tags)} tags, none like it" if tags else "it is empty"
        )
    how_old = age(_created(client, wanted, near[0]))
    first = f"{near[0]} ({how_old})" if how_old else near[0]
    return NoSuchTagError(client.thing, problem, f"nearest: {', '.join([first, *near[1:]])}")


def _created(client: RegistryClient, wanted: ImageReference, tag: str) -> datetime | None:
    """Return when a tag was built; None whatever is wrong with it, since it only adorns another error."""
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
