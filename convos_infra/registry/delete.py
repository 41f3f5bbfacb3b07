"""Taking stock of a repository, and deleting what a plan says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convos_infra.registry import manifest as manifests
from convos_infra.registry.errors import (
    DisagreementError,
    NoSuchManifestError,
    NotAnImageError,
    RefusedError,
    RegistryError,
)
from convos_infra.registry.reference import short_digest
from convos_infra.registry.retention import Plan, Rules, StoredManifest, plan

if TYPE_CHECKING:
    from convos_infra.registry.client import Client
    from convos_infra.registry.reference import ImageReference


def take_stock(client: Client, repository: str, also: Iterable[str] = ()) -> list[StoredManifest]:
    """Return every manifest that a tag leads to, and those of the digests in `also`, with all their children.

    A registry lists tags only: what lost its tag and is not in `also` is not seen, and so not deleted.

    Raises:
        RegistryError: a read failed; an inventory with holes would be a licence to delete.
    """
    tags: dict[str, list[str]] = {}
    found: dict[str, manifests.Manifest | None] = {}
    for version in [*client.tags(repository), *also]:
        top = _read(client, repository, version)
        digest = top.digest if top else client.digest(repository, version)
        if not digest:
            continue
        found[digest] = top
        if version != digest:
            tags.setdefault(digest, []).append(version)
    stock = {
        digest: StoredManifest(
            digest,
            tuple(sorted(tags.get(digest, ()))),
            _created(client, repository, top) if top else None,
            tuple(child.digest for child in top.children) if top else (),
            top.subject if top else "",
        )
        for digest, top in found.items()
    }
    for manifest in list(stock.values()):
        for child in manifest.children:
            stock.setdefault(child, StoredManifest(child))
    return list(stock.values())


def plan_for(
    client: Client,
    repository: str,
    in_use: Iterable[ImageReference],
    rules: Rules,
    *,
    listed: Iterable[StoredManifest] | None = None,
    now: datetime | None = None,
) -> Plan:
    """Take stock of a repository and work out what may be deleted; nothing is deleted here.

    Args:
        client: of the registry.
        repository: without the registry.
        in_use: what stacks and living agents use; references of other repositories are left aside.
        rules: what stays beside them.
        listed: what the registry's own API lists (`Packages.versions`); None goes by the tags.
        now: with a time zone.

    Raises:
        RegistryError: a read failed, or nothing of this repository is said to be in use, which is more likely a
            keep-list that was not gathered than a fleet without an image.
    """
    mine = [ref for ref in in_use if (ref.registry, ref.repository) == (client.registry, repository)]
    if not mine:
        problem = f"the keep-list names no image of {client.registry}/{repository}"
        raise RegistryError(client.thing, problem, "nothing is deleted without one: gather it from the stacks")
    if listed is None:
        stock = take_stock(client, repository, [ref.digest for ref in mine if ref.digest])
    else:
        stock = [_with_children(client, repository, version) for version in listed]
    return plan(stock, mine, rules, now or datetime.now(UTC))


def carry_out(
    client: Client,
    repository: str,
    what: Plan,
    in_use: Iterable[ImageReference],
    say: Callable[[str], None],
    delete: Callable[[StoredManifest], bool] | None = None,
) -> int:
    """Delete what a plan says and return how many manifests went. Running it again after a crash is safe.

    Args:
        client: of the registry.
        repository: without the registry.
        what: the plan.
        in_use: the keep-list again: a tag of it may have moved.
        say: takes one line for each manifest.
        delete: how (`Packages.delete`); None uses the distribution API.

    Raises:
        DisagreementError: a tag in use has moved to something that the plan deletes; nothing was deleted.
        UnsupportedError: the registry does not delete.
        RefusedError: some were refused; all others are gone.
    """
    _check_tags_stayed(client, repository, what, in_use)
    refused: list[RefusedError] = []
    count = 0
    for manifest in what.doomed:
        try:
            gone = delete(manifest) if delete else client.delete(repository, manifest.digest)
            if not gone and client.digest(repository, manifest.digest):
                # GitHub answers 404, not 403, to a token that may read and not delete.
                problem = f"{short_digest(manifest.digest)} is said to be gone, and still pulls"
                raise RefusedError(client.thing, problem, "check that the token may delete")  # noqa: TRY301
        except RefusedError as error:  # one that can never go must not keep all others for ever
            refused.append(error)
            say(f"refused {manifest.digest} {' '.join(manifest.tags)}".rstrip())
            continue
        count += gone
        say(f"{'deleted' if gone else 'gone   '} {manifest.digest} {' '.join(manifest.tags)}".rstrip())
    if refused:
        problem = f"{count} deleted, {len(refused)} refused; the first: {refused[0].problem}"
        raise RefusedError(client.thing, problem, refused[0].next_step)
    return count


def _check_tags_stayed(client: Client, repository: str, what: Plan, in_use: Iterable[ImageReference]) -> None:
    """Refuse a plan that a promote or a rollback has overtaken: it would delete what is in use now."""
    doomed = {manifest.digest for manifest in what.doomed}
    for reference in in_use:
        if (reference.registry, reference.repository) != (client.registry, repository) or not reference.tag:
            continue
        if client.digest(repository, reference.tag) in doomed:
            problem = f"tag {reference.tag} moved to an image that the plan deletes"
            raise DisagreementError(client.thing, problem, "nothing was deleted: make a new plan")


def _with_children(client: Client, repository: str, version: StoredManifest) -> StoredManifest:
    """Complete what another API lists by what the manifest itself says; one that we cannot read is never old."""
    top = _read(client, repository, version.digest)
    if top is None:
        return replace(version, created=None)
    return replace(version, children=tuple(child.digest for child in top.children), subject=top.subject)


def _read(client: Client, repository: str, version: str) -> manifests.Manifest | None:
    """Return a manifest, or None for one that is gone or that is no image; what we do not understand is never old."""
    try:
        return client.manifest(repository, version)
    except (NoSuchManifestError, NotAnImageError):
        return None


def _created(client: Client, repository: str, top: manifests.Manifest) -> datetime | None:
    if said := top.annotations.get(manifests.CREATED):
        return manifests.parse_created(said)
    single: manifests.Manifest | None = top
    if top.is_index:
        single = next((child for image in top.images if (child := _read(client, repository, image.digest))), None)
    if single is None or single.config_media_type not in manifests.IMAGE_CONFIGS:
        return None
    try:
        return manifests.parse_created(client.config(repository, single.config).created)
    except (NoSuchManifestError, NotAnImageError):
        return None
