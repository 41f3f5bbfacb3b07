"""Takes inventory of a repository, and executes a plan of deletions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convos_infra.registry import manifest as manifests
from convos_infra.registry.descriptors import UnreadableError, named_by
from convos_infra.registry.errors import (
    DisagreementError,
    NoSuchManifestError,
    NotAnImageError,
    RefusedError,
    RegistryError,
)
from convos_infra.registry.reference import short_digest
from convos_infra.registry.retention import RetentionPlan, Rules, StoredManifest, plan

if TYPE_CHECKING:
    from convos_infra.registry.client import RegistryClient
    from convos_infra.registry.reference import ImageReference

STEP = 50
"""How many manifests are deleted between two checks of the images in use."""


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
    waiting = [child for manifest in found.values() for child in manifest.children]
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


def plan_for(
    client: RegistryClient,
    repository: str,
    in_use: Iterable[ImageReference],
    rules: Rules,
    *,
    listed: Iterable[StoredManifest] | None = None,
    now: datetime | None = None,
) -> RetentionPlan:
    """Take inventory of a repository and plan its deletions; nothing is deleted here.

    Args:
        client: the registry's client.
        repository: its name, without the registry.
        in_use: the images that stacks and living agents use; of references to other repositories, only the digests
            count: a mirror or another name of this registry may serve the same image.
        rules: the rules that keep other images.
        listed: the versions from the registry's own API (`Packages.versions`); None uses the tags.
        now: the time, with a time zone.

    Raises:
        RegistryError: a read failed, so it is unknown what is needed; or the keep-list contains no image of this
            repository, which more likely means that the list is incomplete than that no image is in use.
    """
    in_use = list(in_use)
    mine = [ref for ref in in_use if (ref.registry, ref.repository) == (client.registry, repository)]
    if not mine:
        problem = f"the keep-list contains no image of {client.registry}/{repository}"
        raise RegistryError(client.subject, problem, "nothing is deleted without one: collect it from the stacks")
    if listed is None:
        stock = take_stock(client, repository, [ref.digest for ref in mine if ref.digest])
    else:
        versions = list(listed)
        _check_complete(client, repository, versions)
        stock = [_completed(client, repository, version) for version in versions]
    there = {manifest.digest for manifest in stock}
    mine += [ref for ref in in_use if ref not in mine and ref.digest in there]
    return plan(stock, mine, rules, now or datetime.now(UTC))


def carry_out(
    client: RegistryClient,
    repository: str,
    what: RetentionPlan,
    in_use: Iterable[ImageReference],
    say: Callable[[str], None],
    delete: Callable[[StoredManifest], bool] | None = None,
    *,
    most: int | None = None,
) -> int:
    """Execute a plan and return how many manifests were deleted. Running it again after a crash is safe.

    Args:
        client: the registry's client.
        repository: its name, without the registry.
        what: the plan.
        in_use: the keep-list again: one of its tags may have moved.
        say: called with one line for each manifest.
        delete: deletes one manifest (`Packages.delete`); None uses the distribution API.
        most: the most manifests to delete; the next run continues.

    Raises:
        DisagreementError: an image in use is missing, or its tag has moved since the plan. Nothing was deleted if this
            is found at the start; later it stops the run.
        UnsupportedError: the registry does not support deletion.
        RefusedError: some deletions were refused; all others were executed.
    """
    in_use = list(in_use)
    doomed = what.doomed[:most]
    check_in_use(client, repository, what, in_use)
    refused: list[RefusedError] = []
    count = 0
    for start in range(0, len(doomed), STEP):
        if start:
            check_in_use(client, repository, what, in_use)
        for manifest in doomed[start : start + STEP]:
            try:
                gone = _delete(client, repository, manifest, delete)
            except RefusedError as error:  # one that is always refused must not keep all others forever
                refused.append(error)
                say(f"refused {_named(manifest)}")
                continue
            except RegistryError:
                say(f"stopped after {count} of {len(what.doomed)}: the next run continues")
                raise
            count += gone
            say(f"{'deleted' if gone else 'gone   '} {_named(manifest)}")
    if doomed:
        check_in_use(client, repository, what, in_use)
    if left := len(what.doomed) - len(doomed):
        say(f"{left} left for the next run: one run deletes at most {most}")
    if refused:
        problem = f"{count} deleted, {len(refused)} refused; the first: {refused[0].problem}"
        raise RefusedError(client.subject, problem, refused[0].next_step)
    return count


def check_in_use(
    client: RegistryClient, repository: str, what: RetentionPlan, in_use: Iterable[ImageReference]
) -> None:
    """Check that everything in use still exists, is complete, and has the digest that the plan assumed.

    Raises:
        DisagreementError: something is missing, or a promotion, a rollback or a push happened after the plan.
    """
    if what.missing:
        problem = f"{what.missing[0]} is in use, but not in the registry"
        raise DisagreementError(client.subject, problem, "nothing is deleted: restore it, or stop using it")
    for reference in in_use:
        if (reference.registry, reference.repository) != (client.registry, repository) or not reference.tag:
            continue
        now = client.digest(repository, reference.tag)
        if now not in what.needed:
            problem = f"tag {reference.tag} moved to {short_digest(now) or 'nothing'} since the plan"
            raise DisagreementError(client.subject, problem, "deletion stops here: make a new plan")
    for digest in what.needed:
        if not client.digest(repository, digest):
            problem = f"{short_digest(digest)} is in use, or part of an image in use, and cannot be pulled"
            raise DisagreementError(client.subject, problem, "deletion stops here: restore it (docs/ci.md, Retention)")


def _delete(
    client: RegistryClient, repository: str, manifest: StoredManifest, delete: Callable[[StoredManifest], bool] | None
) -> bool:
    gone = delete(manifest) if delete else client.delete(repository, manifest.digest)
    if not gone and client.digest(repository, manifest.digest):
        # GitHub answers 404, not 403, to a token that may read but not delete.
        problem = f"{short_digest(manifest.digest)} was reported as gone, but can still be pulled"
        raise RefusedError(client.subject, problem, "check that the token may delete")
    return gone


def _named(manifest: StoredManifest) -> str:
    version = f"(version {manifest.handle})" if manifest.handle else ""
    return " ".join(part for part in (manifest.digest, *manifest.tags, version) if part)


def _check_complete(client: RegistryClient, repository: str, versions: Iterable[StoredManifest]) -> None:
    """Compare two lists of one repository: every tag that the registry serves must be in the list of versions."""
    listed = {tag for version in versions for tag in version.tags}
    if absent := [tag for tag in client.tags(repository) if tag not in listed]:
        problem = f"the list of versions lacks tag {absent[0]}, which the registry has ({len(absent)} tags)"
        raise DisagreementError(
            client.subject, problem, "nothing is deleted: run it again, in case of a push meanwhile"
        )


def _completed(client: RegistryClient, repository: str, version: StoredManifest) -> StoredManifest:
    """Complete a version from another API by the content of its manifest.

    Raises:
        NoSuchManifestError, BadAnswerError: it cannot be read, so its children are unknown and nothing may be deleted.
    """
    read = _read(client, repository, version.digest)
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
