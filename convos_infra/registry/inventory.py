"""Takes inventory of a repository: all of it at first, and later what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from convos_infra.registry import manifest as manifests
from convos_infra.registry.descriptors import UnreadableError, named_by
from convos_infra.registry.errors import DisagreementError, NoSuchManifestError, NotAnImageError
from convos_infra.registry.retention import StoredManifest

if TYPE_CHECKING:
    from datetime import datetime

    from convos_infra.registry.client import RegistryClient


class VersionStore(Protocol):
    """A registry's own API of versions: it knows the tags of each, and those without a tag (`Packages`)."""

    def versions(self) -> list[StoredManifest]:
        """Return all versions, without their children."""

    def version(self, known: StoredManifest) -> StoredManifest | None:
        """Return a version as it is now; None if the store does not show it."""

    def delete(self, version: StoredManifest) -> bool:
        """Delete a version with all its tags; return False if the store does not show it."""


def take_stock(client: RegistryClient, repository: str, also: Iterable[str] = ()) -> list[StoredManifest]:
    """Return every manifest that a tag points to, and those of the digests in `also`, with everything they reference.

    A registry lists only tags. A manifest that lost its tag and is not in `also` is not found, and so is not deleted.

    Raises:
        RegistryError: a read failed; an incomplete inventory would lead to wrong deletions. A digest in `also` may be
            missing: the plan reports it.
    """
    tags: dict[str, list[str]] = {}
    found: dict[str, StoredManifest] = {}
    for version in client.tags(repository):
        top = _read(client, repository, version)
        found.setdefault(top.digest, top)
        tags.setdefault(top.digest, []).append(version)
    for digest in also:
        try:
            found.setdefault(digest, found.get(digest) or _read(client, repository, digest))
        except NoSuchManifestError:
            continue
    stock = {
        digest: replace(top, tags=tuple(sorted(tags.get(digest, ()))), created=_created(client, repository, digest))
        for digest, top in found.items()
    }
    return _with_parts(client, repository, stock)


def take_stock_of(client: RegistryClient, repository: str, versions: Iterable[StoredManifest]) -> list[StoredManifest]:
    """Return the versions that another API lists, completed by the content of their manifests.

    Raises:
        DisagreementError: the registry serves a tag that the list lacks.
        RegistryError: a version cannot be read, so its children are unknown and nothing may be deleted.
    """
    versions = list(versions)
    _check_complete(client, client.tags(repository), versions)
    return [_completed(version, _read(client, repository, version.digest)) for version in versions]


def take_stock_again(
    client: RegistryClient, repository: str, known: Mapping[str, StoredManifest], store: VersionStore | None
) -> list[StoredManifest]:
    """Return what is there now: all tags are read anew, and of the manifests only those that are not known yet.

    Args:
        client: the registry's client.
        repository: its name, without the registry.
        known: the manifests of an earlier inventory, by digest; their content cannot change.
        store: lists the versions; None uses the tags, and then a known manifest without a tag is listed as well.

    Raises:
        RegistryError: as `take_stock` and `take_stock_of`.
    """
    served = client.tags(repository)
    if store is not None:
        # Listed after the tags: whatever is pushed in between is in this list alone, which is no contradiction.
        versions = store.versions()
        _check_complete(client, served, versions)
        return [
            _completed(version, known.get(version.digest) or _read(client, repository, version.digest))
            for version in versions
        ]
    tags: dict[str, list[str]] = {}
    for tag in served:
        if digest := client.digest(repository, tag):  # otherwise it was deleted since it was listed
            tags.setdefault(digest, []).append(tag)
    stock = {digest: replace(manifest, tags=()) for digest, manifest in known.items()}
    for digest, found in tags.items():
        stock[digest] = replace(known.get(digest) or _read(client, repository, digest), tags=tuple(sorted(found)))
    return _with_parts(client, repository, stock)


def _with_parts(client: RegistryClient, repository: str, stock: dict[str, StoredManifest]) -> list[StoredManifest]:
    """Return the manifests with everything that they reference, at any depth."""
    waiting = [child for manifest in stock.values() for child in manifest.children]
    while waiting:
        digest = waiting.pop()
        if digest in stock:
            continue
        try:
            child = _read(client, repository, digest)
        except NoSuchManifestError:  # deleted elsewhere meanwhile; it cannot reference anything that we delete
            child = StoredManifest(digest)
        stock[digest] = replace(child, created=None)
        waiting += child.children
    return list(stock.values())


def _check_complete(client: RegistryClient, served: Iterable[str], versions: Iterable[StoredManifest]) -> None:
    """Compare two lists of one repository: every tag that the registry serves must be in the list of versions."""
    listed = {tag for version in versions for tag in version.tags}
    if absent := [tag for tag in served if tag not in listed]:
        problem = f"the list of versions lacks tag {absent[0]}, which the registry has ({len(absent)} tags)"
        raise DisagreementError(
            client.subject, problem, "nothing is deleted after this: run it again, in case of a push meanwhile"
        )


def _completed(version: StoredManifest, read: StoredManifest) -> StoredManifest:
    """Return a version of another API with what its manifest says."""
    return replace(version, children=read.children, subject=read.subject, aliases=read.aliases)


def _read(client: RegistryClient, repository: str, version: str) -> StoredManifest:
    document = client.document(repository, version)
    try:
        named = named_by(document.body)
    except UnreadableError as error:
        step = "nothing is deleted while it cannot be read: delete it by hand if it is unused"
        raise NotAnImageError(client.subject, f"{repository}@{version} {error}", step) from None
    return StoredManifest(
        manifests.digest_of(document.body), children=named.children, subject=named.subject, aliases=named.aliases
    )


def _created(client: RegistryClient, repository: str, digest: str) -> datetime | None:
    """Return when an image was built; None if that is unknown, and then it never counts as old."""
    try:
        top = client.manifest(repository, digest)
        if said := top.annotations.get(manifests.CREATED):
            return manifests.parse_created(said)
        single = client.manifest(repository, top.images[0].digest) if top.images else top
        if single.config_media_type not in manifests.IMAGE_CONFIGS:
            return None
        return manifests.parse_created(client.config(repository, single.config).created)
    except (NoSuchManifestError, NotAnImageError):
        return None
