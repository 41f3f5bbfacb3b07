"""Executes a plan of deletions, and looks again before each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convos_infra.registry.errors import DisagreementError, RefusedError, RegistryError
from convos_infra.registry.inventory import take_stock, take_stock_again, take_stock_of
from convos_infra.registry.reference import short_digest
from convos_infra.registry.retention import RetentionPlan, Rules, StoredManifest, keep_more, plan

if TYPE_CHECKING:
    from convos_infra.registry.client import RegistryClient
    from convos_infra.registry.inventory import VersionStore
    from convos_infra.registry.reference import ImageReference

STEP = 50
"""How many manifests are deleted between two complete looks at the repository and at the images in use."""
STEP_BY_TAGS = 20
"""The same for a registry that lists only tags: it cannot be asked for the tags of one manifest."""


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
    mine = [ref for ref in in_use if _is_of(client, repository, ref)]
    if not mine:
        problem = f"the keep-list contains no image of {client.registry}/{repository}"
        raise RegistryError(client.subject, problem, "nothing is deleted without one: collect it from the stacks")
    if listed is None:
        stock = take_stock(client, repository, [ref.digest for ref in mine if ref.digest])
    else:
        stock = take_stock_of(client, repository, listed)
    return plan(stock, _concerning(client, repository, in_use, stock), rules, now or datetime.now(UTC))


def carry_out(
    client: RegistryClient,
    repository: str,
    what: RetentionPlan,
    in_use: Iterable[ImageReference],
    say: Callable[[str], None],
    store: VersionStore | None = None,
    *,
    most: int | None = None,
    in_use_now: Callable[[], Iterable[ImageReference]] | None = None,
) -> int:
    """Execute a plan and return how many manifests were deleted. Running it again after a crash is safe.

    What came into use since the plan is kept, and said: what has got a tag, what an index references that is new, what
    the keep-list names now, and all that these consist of.

    Args:
        client: the registry's client.
        repository: its name, without the registry.
        what: the plan.
        in_use: the keep-list again: one of its tags may have moved.
        say: called with one line for each manifest.
        store: lists and deletes versions (`Packages`); None uses the distribution API.
        most: the most manifests to delete; the next run continues.
        in_use_now: collects the keep-list anew, at each complete look; None keeps `in_use`.

    Raises:
        DisagreementError: an image in use is missing, or its tag has moved since the plan. Nothing was deleted if this
            is found at the start; later it stops the run.
        UnsupportedError: the registry does not support deletion.
        RefusedError: some deletions were refused; all others were executed.
    """
    run = _Run(client, repository, what, list(in_use), say, store, in_use_now)
    doomed = what.doomed[:most]
    step = STEP if store else STEP_BY_TAGS
    check_in_use(client, repository, what, run.in_use)
    try:
        for start in range(0, len(doomed), step):
            run.look()
            for manifest in doomed[start : start + step]:
                run.delete(manifest)
        if doomed:
            run.look()
    except Exception:
        say(f"stopped after {run.count} of {len(what.doomed)}: the next run continues")
        raise
    if left := len(run.doomed - {manifest.digest for manifest in doomed}):
        say(f"{left} left for the next run: one run deletes at most {most}")
    if refused := run.refused:
        problem = f"{run.count} deleted, {len(refused)} refused; the first: {refused[0].problem}"
        raise RefusedError(client.subject, problem, refused[0].next_step)
    return run.count


class _Run:
    """The deletions of one plan, which shrinks whenever something of it has come into use."""

    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        what: RetentionPlan,
        in_use: Sequence[ImageReference],
        say: Callable[[str], None],
        store: VersionStore | None,
        in_use_now: Callable[[], Iterable[ImageReference]] | None,
    ) -> None:
        self.in_use = in_use
        self.count = 0
        self.refused: list[RefusedError] = []
        self._client, self._repository, self._say, self._store = client, repository, say, store
        self._in_use_now = in_use_now or (lambda: in_use)
        self._plan = what
        self._stock: Mapping[str, StoredManifest] = {manifest.digest: manifest for manifest in what.inventory}
        self._served: set[str] = set()
        self._gone: set[str] = set()

    @property
    def doomed(self) -> set[str]:
        """The digests that the plan still deletes, or has deleted."""
        return {manifest.digest for manifest in self._plan.doomed}

    def look(self) -> None:
        """Read the repository and the keep-list again, and keep what came into use.

        Raises:
            DisagreementError: what is in use is not there, or something new references what was deleted just now.
            InfraError: something cannot be read.
        """
        _check_tags(self._client, self._repository, self._plan, self.in_use)
        self.in_use = list(self._in_use_now())
        found = take_stock_again(self._client, self._repository, self._stock, self._store)
        # GitHub may list for a moment what was deleted just now.
        self._stock = {manifest.digest: manifest for manifest in found if manifest.digest not in self._gone}
        self._served = {tag for manifest in found for tag in manifest.tags}
        self._check_nothing_lost()
        self._keep({})
        _check_needed(self._client, self._plan, self._repository)

    def delete(self, manifest: StoredManifest) -> None:
        """Delete a manifest of the plan, unless a last look says that it came into use."""
        # A tag of a new name may be that of an index that lists this manifest: only a complete look tells.
        if not self._served.issuperset(self._client.tags(self._repository)):
            self.look()
        now = self._store.version(manifest) if self._store and manifest.digest in self.doomed else None
        if now and set(now.tags) - set(manifest.tags):
            self._stock = {**self._stock, manifest.digest: replace(manifest, tags=now.tags)}
            self._keep({})
        if manifest.digest not in self.doomed:
            return
        try:
            is_gone = self._delete(manifest)
        except RefusedError as error:  # one that is always refused must not keep all others forever
            self.refused.append(error)
            self._say(f"refused {_named(manifest)}")
            # What the registry keeps must stay complete: an index without its children cannot be pulled.
            self._keep({manifest.digest: "not deleted by the registry"})
            return
        self.count += is_gone
        self._gone.add(manifest.digest)
        self._say(f"{'deleted' if is_gone else 'gone   '} {_named(manifest)}")

    def _delete(self, manifest: StoredManifest) -> bool:
        client, repository = self._client, self._repository
        is_gone = self._store.delete(manifest) if self._store else client.delete(repository, manifest.digest)
        if not is_gone and client.digest(repository, manifest.digest):
            # GitHub answers 404, not 403, to a token that may read but not delete.
            problem = f"{short_digest(manifest.digest)} was reported as gone, but can still be pulled"
            raise RefusedError(client.subject, problem, "check that the token may delete")
        return is_gone

    def _keep(self, also: Mapping[str, str]) -> None:
        """Take out of the plan what is in use now, and what `also` names with its reason."""
        before = self._plan
        stock = list(self._stock.values())
        mine = _concerning(self._client, self._repository, self.in_use, stock)
        self._plan = keep_more(before, stock, mine, also)
        for manifest in before.doomed:
            is_left = manifest.digest not in self._gone and manifest.digest not in also
            if is_left and (reason := self._plan.kept.get(manifest.digest)):
                self._say(f"kept    {_named(self._stock.get(manifest.digest, manifest))}: {reason}")

    def _check_nothing_lost(self) -> None:
        doomed = self.doomed
        for manifest in self._stock.values():
            lost = [child for child in manifest.children if child in self._gone]
            if lost and manifest.digest not in doomed:
                problem = f"{short_digest(lost[0])} was deleted just now, and {_named(manifest)} references it"
                raise DisagreementError(
                    self._client.subject, problem, "deletion stops here: restore it (docs/ci.md, Retention)"
                )


def check_in_use(
    client: RegistryClient, repository: str, what: RetentionPlan, in_use: Iterable[ImageReference]
) -> None:
    """Check that everything in use still exists, is complete, and has the digest that the plan assumed.

    Raises:
        DisagreementError: something is missing, or a promotion, a rollback or a push happened after the plan.
    """
    _check_tags(client, repository, what, in_use)
    _check_needed(client, what, repository)


def _check_tags(client: RegistryClient, repository: str, what: RetentionPlan, in_use: Iterable[ImageReference]) -> None:
    for reference in in_use:
        if not _is_of(client, repository, reference) or not reference.tag:
            continue
        now = client.digest(repository, reference.tag)
        if now not in what.needed:
            problem = f"tag {reference.tag} moved to {short_digest(now) or 'nothing'} since the plan"
            raise DisagreementError(client.subject, problem, "deletion stops here: make a new plan")


def _check_needed(client: RegistryClient, what: RetentionPlan, repository: str) -> None:
    if what.missing:
        problem = f"{what.missing[0]} is in use, but not in the registry"
        raise DisagreementError(client.subject, problem, "nothing is deleted: restore it, or stop using it")
    for digest in what.needed:
        if not client.digest(repository, digest):
            problem = f"{short_digest(digest)} is in use, or part of an image in use, and cannot be pulled"
            raise DisagreementError(client.subject, problem, "deletion stops here: restore it (docs/ci.md, Retention)")


def _named(manifest: StoredManifest) -> str:
    version = f"(version {manifest.handle})" if manifest.handle else ""
    return " ".join(part for part in (manifest.digest, *manifest.tags, version) if part)


def _concerning(
    client: RegistryClient, repository: str, in_use: Iterable[ImageReference], stock: Iterable[StoredManifest]
) -> list[ImageReference]:
    """Return the references to this repository, and those of others whose digest is stored here."""
    there = {manifest.digest for manifest in stock}
    return [ref for ref in in_use if _is_of(client, repository, ref) or ref.digest in there]


def _is_of(client: RegistryClient, repository: str, reference: ImageReference) -> bool:
    return (reference.registry, reference.repository) == (client.registry, repository)
