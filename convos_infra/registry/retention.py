"""Decides which manifests of a repository may be deleted. Pure: makes a plan from an inventory and a keep-list.

It is a mark and sweep. The roots are the images in use, the newest and the young ones. Everything that a root lists
(platforms, attestations) and everything attached to something kept (signatures) is kept too, and so is an index whose
child is in use by its own digest. A clean-up by "untagged and old" would delete the children of indexes in use, as they
have no tag (snok/container-retention-policy#97).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from convos_infra.registry.reference import ImageReference, short_digest

# cosign's tags (`sha256-<hex>.sig`), and OCI's fallback for registries without the referrers API (`sha256-<hex>`).
_ATTACHED_TAG = re.compile(r"(?P<algorithm>sha256|sha512)-(?P<hex>[0-9a-f]{64})(?:[0-9a-f]{64})?(?:\..+)?")


@dataclass(frozen=True)
class StoredManifest:
    """One manifest of a repository.

    Attributes:
        tags: all of its tags; empty for children and for manifests that lost their tag.
        created: None if unknown; then its age is never a reason to delete it.
        children: the digests of all manifests that it references, attestations included; of any algorithm.
        subject: the digest that it is attached to, if any.
        handle: its id in the store, if that is not the digest.
        aliases: its digests by other algorithms, which may be used in references.
    """

    digest: str
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    children: tuple[str, ...] = ()
    subject: str = ""
    handle: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def attached_to(self) -> str:
        """The digest it is attached to, by its subject or by the name of its tag; empty for images."""
        if self.subject:
            return self.subject
        matches = [_ATTACHED_TAG.fullmatch(tag) for tag in self.tags]
        return f"{matches[0]['algorithm']}:{matches[0]['hex']}" if matches and all(matches) and matches[0] else ""


@dataclass(frozen=True)
class Rules:
    """The rules that keep images that are not in use.

    Attributes:
        newest: how many of the newest tagged images are kept.
        younger_than: images that were built more recently are kept.
    """

    newest: int = 10
    younger_than: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class RetentionPlan:
    """The manifests that are kept, with the reasons, and those that may be deleted.

    Attributes:
        kept: the reason by digest.
        doomed: in the order of deletion: an index goes before its children, so that an interrupted run never leaves a
            manifest that exists but cannot be pulled.
        missing: references in use that are not in the registry; if there are any, nothing is deleted.
        names: the tags by digest.
        needed: the digests of images in use and of their parts: each must be pullable before and after.
        inventory: all manifests that it was made of.
    """

    kept: Mapping[str, str]
    doomed: tuple[StoredManifest, ...]
    missing: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    inventory: tuple[StoredManifest, ...] = field(default=(), repr=False)

    def lines(self) -> list[str]:
        """Return the plan for people: each kept image with its reason, each manifest to delete, and the totals."""
        lines = [
            f"keep    {self._name(digest)}  {reason}" for digest, reason in sorted(self.kept.items(), key=_by_reason)
        ]
        lines += [f"delete  {self._name(gone.digest)}  {_when(gone.created)}" for gone in self.doomed]
        lines += [f"missing {name}  in use, but not in the registry" for name in self.missing]
        return [*lines, f"{len(self.kept)} kept, {len(self.doomed)} to delete, {len(self.missing)} missing"]

    def _name(self, digest: str) -> str:
        return " ".join((short_digest(digest), *self.names.get(digest, ())))


def plan(
    inventory: Iterable[StoredManifest], in_use: Iterable[ImageReference], rules: Rules, now: datetime
) -> RetentionPlan:
    """Plan the deletions.

    Args:
        inventory: all known manifests; others are neither deleted nor followed.
        in_use: references to this repository; if one has a tag and a digest, both are kept.
        rules: the rules that keep other images.
        now: the time, with a time zone.
    """
    manifests = _by_one_name(inventory)
    used, missing = _in_use(manifests, in_use)
    needed = _consists_of(manifests, used)
    roots = used | {digest: reason for digest, reason in _above(manifests, used).items() if digest not in used}
    for digest, reason in _by_rules(manifests, rules, now).items():
        roots.setdefault(digest, reason)
    kept = _with_all_they_need(manifests, roots)
    doomed = _parents_first([manifest for digest, manifest in manifests.items() if digest not in kept])
    names = {digest: found.tags for digest, found in manifests.items()}
    return RetentionPlan(kept, tuple(doomed), missing, names, needed, tuple(manifests.values()))


def keep_more(
    what: RetentionPlan,
    inventory: Iterable[StoredManifest],
    in_use: Iterable[ImageReference],
    also: Mapping[str, str],
) -> RetentionPlan:
    """Return a plan without what came into use since it was made; nothing is added to what it deletes.

    Args:
        what: the plan.
        inventory: what is there now.
        in_use: the keep-list now.
        also: further digests that stay, with the reasons.
    """
    manifests = _by_one_name(inventory)
    used, missing = _in_use(manifests, in_use)
    roots = dict(also) | used | _tagged_since(what, manifests)
    roots = _above(manifests, roots) | roots
    for digest in manifests.keys() - what.names.keys():
        roots.setdefault(digest, "new since the plan")
    kept = {**_with_all_they_need(manifests, roots), **what.kept}
    return replace(
        what,
        kept=kept,
        doomed=tuple(manifest for manifest in what.doomed if manifest.digest not in kept),
        missing=missing,
        needed=tuple(dict.fromkeys((*what.needed, *_consists_of(manifests, used)))),
    )


def _tagged_since(what: RetentionPlan, manifests: Mapping[str, StoredManifest]) -> dict[str, str]:
    """Return what the plan deletes and somebody has given a tag: they mean to use it."""
    found: dict[str, str] = {}
    for manifest in what.doomed:
        now = manifests.get(manifest.digest)
        if now and (tags := [tag for tag in now.tags if tag not in manifest.tags]):
            found[manifest.digest] = f"has had the tag {tags[0]} since the plan was made"
    return found


def _by_one_name(inventory: Iterable[StoredManifest]) -> dict[str, StoredManifest]:
    """Return the manifests by digest; in their references, aliases are replaced by the digest that is stored."""
    listed = list(inventory)
    stored_as = {alias: manifest.digest for manifest in listed for alias in manifest.aliases}
    return {
        manifest.digest: replace(
            manifest,
            children=tuple(stored_as.get(child, child) for child in manifest.children),
            subject=stored_as.get(manifest.attached_to, manifest.attached_to),
        )
        for manifest in listed
    }


def _consists_of(manifests: Mapping[str, StoredManifest], roots: Iterable[str]) -> tuple[str, ...]:
    found = dict.fromkeys(roots)
    waiting = list(found)
    while waiting:
        manifest = manifests.get(waiting.pop())
        for child in manifest.children if manifest else ():
            if child not in found:
                found[child] = None
                waiting.append(child)
    return tuple(found)


def _above(manifests: Mapping[str, StoredManifest], used: Iterable[str]) -> dict[str, str]:
    """Return every index above something in use, at any depth."""
    parents: dict[str, list[str]] = {}
    for manifest in manifests.values():
        for child in manifest.children:
            parents.setdefault(child, []).append(manifest.digest)
    found: dict[str, str] = {}
    waiting = list(used)
    while waiting:
        child = waiting.pop()
        for parent in parents.get(child, ()):
            if parent not in found:
                found[parent] = f"lists {short_digest(child)}, which is in use"
                waiting.append(parent)
    return found


def _in_use(
    manifests: Mapping[str, StoredManifest], in_use: Iterable[ImageReference]
) -> tuple[dict[str, str], tuple[str, ...]]:
    by_tag = {tag: manifest.digest for manifest in manifests.values() for tag in manifest.tags}
    roots: dict[str, str] = {}
    missing: list[str] = []
    for reference in in_use:
        found = {reference.digest} if reference.digest in manifests else set()
        if reference.tag in by_tag:
            found.add(by_tag[reference.tag])
        if (reference.digest and reference.digest not in manifests) or not found:
            missing.append(str(reference))
        roots |= {digest: f"in use as {reference.tag or short_digest(digest)}" for digest in found}
    return roots, tuple(dict.fromkeys(missing))


def _by_rules(manifests: Mapping[str, StoredManifest], rules: Rules, now: datetime) -> dict[str, str]:
    listed = {child for manifest in manifests.values() for child in manifest.children}
    images = [m for m in manifests.values() if not m.attached_to and (m.tags or m.digest not in listed)]
    reasons: dict[str, str] = {}
    dated = [image for image in images if image.created and image.tags]
    for image in sorted(dated, key=_newest_first)[: rules.newest]:
        reasons[image.digest] = f"one of the {rules.newest} newest"
    for image in images:
        if image.created is None:
            reasons.setdefault(image.digest, "its age is not known")
        elif now - image.created < rules.younger_than:
            reasons.setdefault(image.digest, f"younger than {rules.younger_than.days} days")
    return reasons


def _with_all_they_need(manifests: Mapping[str, StoredManifest], roots: Mapping[str, str]) -> dict[str, str]:
    attached: dict[str, list[str]] = {}
    for manifest in manifests.values():
        if manifest.attached_to:
            attached.setdefault(manifest.attached_to, []).append(manifest.digest)
    kept = dict(roots)
    waiting = list(roots)
    while waiting:
        digest = waiting.pop()
        known = manifests.get(digest)
        because = dict.fromkeys(known.children if known else (), "part of")
        because |= dict.fromkeys(attached.get(digest, ()), "attached to")
        if known and known.attached_to in manifests:
            because.setdefault(known.attached_to, "the subject of")
        for needed, how in because.items():
            if needed not in kept:
                kept[needed] = f"{how} {short_digest(digest)}"
                waiting.append(needed)
    return kept


def _parents_first(manifests: list[StoredManifest]) -> list[StoredManifest]:
    """Order so that an index goes before its children, whatever lists whatever; otherwise the oldest first."""
    manifests = sorted(manifests, key=_newest_first, reverse=True)
    by_digest = {manifest.digest: manifest for manifest in manifests}
    done: dict[str, StoredManifest] = {}
    entered: set[str] = set()
    # Not recursive: indexes may be nested more deeply than Python's stack.
    waiting = list(manifests)
    while waiting:
        manifest = waiting[-1]
        below = () if manifest.digest in entered else manifest.children
        entered.add(manifest.digest)
        inside = [by_digest[child] for child in below if child in by_digest and child not in entered]
        waiting += reversed(inside)
        if not inside:
            done.setdefault(manifest.digest, waiting.pop())
    return list(reversed(done.values()))


def _newest_first(manifest: StoredManifest) -> tuple[float, str]:
    return (-manifest.created.timestamp() if manifest.created else 0.0, manifest.digest)


def _by_reason(item: tuple[str, str]) -> tuple[bool, str, str]:
    digest, reason = item
    return (reason.startswith(("part of", "attached to", "the subject of")), reason, digest)


def _when(created: datetime | None) -> str:
    return f"built {created:%Y-%m-%d}" if created else "listed by nothing that stays"
