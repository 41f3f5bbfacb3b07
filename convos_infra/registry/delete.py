"""Taking stock of a repository, and deleting what a plan says."""

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
"""How many manifests are deleted between two looks at what is in use."""


def take_stock(client: RegistryClient, repository: str, also: Iterable[str] = ()) -> list[StoredManifest]:
    """Return every manifest that a tag leads to, and those of the digests in `also`, with all that they name.

    A registry lists tags only: what lost its tag and is not in `also` is not seen, and so not deleted.

    Raises:
        RegistryError: a read failed; an inventory with holes would be a licence to delete. A digest in `also` may be
            missing: the plan says so.
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
        except NoSuchManifestError:  # a clean-up elsewhere took it; what cannot be read lists nothing that we delete
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
    """Take stock of a repository and work out what may be deleted; nothing is deleted here.

    Args:
        client: of the registry.
        repository: without the registry.
        in_use: what stacks and living agents use; references of other repositories are left aside.
        rules: what stays beside them.
        listed: what the registry's own API lists (`Packages.versions`); None goes by the tags.
        now: with a time zone.

    Raises:
        RegistryError: a read failed, so that nobody knows what is needed; or the keep-list names no image of this
            repository, which is more likely a list that was not gathered than a fleet without an image.
    """
    mine = [ref for ref in in_use if (ref.registry, ref.repository) == (client.registry, repository)]
    if not mine:
        problem = f"the keep-list names no image of {client.registry}/{repository}"
        raise RegistryError(client.thing, problem, "nothing is deleted without one: gather it from the stacks")
    if listed is None:
        stock = take_stock(client, repository, [ref.digest for ref in mine if ref.digest])
    else:
        versions = list(listed)
        _check_complete(client, repository, versions)
        stock = [_completed(client, repository, version) for version in versions]
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
    """Delete what a plan says and return how many manifests went. Running it again after a crash is safe.

    Args:
        client: of the registry.
        repository: without the registry.
        what: the plan.
        in_use: the keep-list again: a tag of it may have moved.
        say: takes one line for each manifest.
        delete: how (`Packages.delete`); None uses the distribution API.
        most: delete at most this many; the next run goes on.

    Raises:
        DisagreementError: something in use is missing, or a tag in use has moved since the plan; before the first step
            nothing was deleted, and after a step no other follows.
        UnsupportedError: the registry does not delete.
        RefusedError: some were refused; all others are gone.
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
            except RefusedError as error:  # one that can never go must not keep all others for ever
                refused.append(error)
                say(f"refused {_named(manifest)}")
                continue
            except RegistryError:
                say(f"stopped after {count} of {len(what.doomed)}: the next run goes on")
                raise
            count += gone
            say(f"{'deleted' if gone else 'gone   '} {_named(manifest)}")
    if doomed:
        check_in_use(client, repository, what, in_use)
    if left := len(what.doomed) - len(doomed):
        say(f"{left} are left for the next run: at most {most} go in one")
    if refused:
        problem = f"{count} deleted, {len(refused)} refused; the first: {refused[0].problem}"
        raise RefusedError(client.thing, problem, refused[0].next_step)
    return count


def check_in_use(
    client: RegistryClient, repository: str, what: RetentionPlan, in_use: Iterable[ImageReference]
) -> None:
    """Prove that everything in use is there, whole, and is what the plan took it for.

    Raises:
        DisagreementError: something is missing, or a promote, a rollback or a push has overtaken the plan.
    """
    if what.missing:
        problem = f"{what.missing[0]} is in use, but not in the registry"
        raise DisagreementError(client.thing, problem, "nothing is deleted: restore it, or take it out of use")
    for reference in in_use:
        if (reference.registry, reference.repository) != (client.registry, repository) or not reference.tag:
            continue
        now = client.digest(repository, reference.tag)
        if now not in what.needed:
            problem = f"tag {reference.tag} moved to {short_digest(now) or 'nothing'} since the plan"
            raise DisagreementError(client.thing, problem, "no more is deleted: make a new plan")
    for digest in what.needed:
        if not client.digest(repository, digest):
            problem = f"{short_digest(digest)} is in use, or part of what is, and does not pull"
            raise DisagreementError(client.thing, problem, "no more is deleted: restore it (docs/ci.md, Retention)")


def _delete(
    client: RegistryClient, repository: str, manifest: StoredManifest, delete: Callable[[StoredManifest], bool] | None
) -> bool:
    gone = delete(manifest) if delete else client.delete(repository, manifest.digest)
    if not gone and client.digest(repository, manifest.digest):
        # GitHub answers 404, not 403, to a token that may read and not delete.
        problem = f"{short_digest(manifest.digest)} is said to be gone, and still pulls"
        raise RefusedError(client.thing, problem, "check that the token may delete")
    return gone


def _named(manifest: StoredManifest) -> str:
    version = f"(version {manifest.handle})" if manifest.handle else ""
    return " ".join(part for part in (manifest.digest, *manifest.tags, version) if part)


def _check_complete(client: RegistryClient, repository: str, versions: Iterable[StoredManifest]) -> None:
    """Compare two lists of one repository: a tag that the registry serves must be in the list of versions as well."""
    listed = {tag for version in versions for tag in version.tags}
    if absent := [tag for tag in client.tags(repository) if tag not in listed]:
        problem = f"the list of versions lacks tag {absent[0]}, which the registry has ({len(absent)} tags)"
        raise DisagreementError(client.thing, problem, "nothing is deleted: run it again, a push may have come between")


def _completed(client: RegistryClient, repository: str, version: StoredManifest) -> StoredManifest:
    """Complete what another API lists by what the manifest itself says.

    Raises:
        NoSuchManifestError, BadAnswerError: it cannot be read. What it lists is not known then, so nothing may go.
    """
    read = _read(client, repository, version.digest)
    return replace(version, children=read.children, subject=read.subject, aliases=read.aliases)


def _read(client: RegistryClient, repository: str, version: str) -> StoredManifest:
    document = client.document(repository, version)
    try:
        named = named_by(document.body)
    except UnreadableError as error:
        step = "nothing is deleted while it cannot be read: delete it by hand if nobody uses it"
        raise NotAnImageError(client.thing, f"{repository}@{version} {error}", step) from None
    return StoredManifest(
        manifests.digest_of(document.body), children=named.children, subject=named.subject, aliases=named.aliases
    )


def _created(client: RegistryClient, repository: str, digest: str) -> datetime | None:
    """Return when an image was built; None where that is not known, and then it is never old."""
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
