"""`Image`: the resolved image, recorded in Pulumi's state, so that a preview shows `digest: old => new`.

It sends no request: `resolve` did, in the program, before anything changes. A tag that moved since the last update must
show as a change of *inputs* in the next preview, not as drift. The module path and the class names are part of the
state's format.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import pulumi  # Pulumi reads the annotations of outputs at run time
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.checkout import commits_between
from convos_infra.provider import Props, Provider, is_unknown
from convos_infra.registry.pin import history
from convos_infra.registry.reference import is_digest

ID = "recorded"
PINNED_BY = frozenset({"follow", "pin", "build"})
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ImageArgs:
    """The inputs of an `Image`; its outputs have the same names.

    Attributes:
        repository: the repository, with its registry.
        tag: the tag, for people; empty for a bare digest.
        digest: `sha256:…`; unknown in the preview of a build.
        pinned: `repository:tag@digest`, the reference that is deployed.
        revision: the commit, or empty.
        created: RFC 3339, or empty.
        pinned_by: how the image was chosen: `follow` a tag, `pin` one, or `build` it.
    """

    repository: pulumi.Input[str]
    tag: pulumi.Input[str]
    digest: pulumi.Input[str]
    pinned: pulumi.Input[str]
    revision: pulumi.Input[str]
    created: pulumi.Input[str]
    pinned_by: pulumi.Input[str]


_FIELDS = tuple(field.name for field in fields(ImageArgs))


class ImageProvider(Provider):
    """Only records: nothing outside of the state is created, read or deleted."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Refuse an inexact reference; add `history`, the commits from the previous image to this one.

        The program does not know the previous image, but the provider does, and an added property shows in the preview.
        It stays the same as long as the revision does, so that it never causes a change itself.
        """
        failures = []
        digest, pinned_by = news.get("digest"), news.get("pinned_by")
        if not is_unknown(digest) and not is_digest(str(digest)):
            failures.append(CheckFailure("digest", f"must be sha256:<64 hex digits>, not {str(digest)[:80]!r}"))
        if not is_unknown(pinned_by) and pinned_by not in PINNED_BY:
            failures.append(CheckFailure("pinned_by", f"must be one of {', '.join(sorted(PINNED_BY))}"))
        return {**news, **_history(olds, news)}, failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare all fields; never replace, as there is nothing outside to replace."""
        del id_
        differs = any(is_unknown(news.get(name)) or olds.get(name) != news.get(name) for name in _FIELDS)
        return DiffResult(changes=differs, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Record the inputs."""
        return CreateResult(ID, props)

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is recorded."""
        return ReadResult(id_, props, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Record the new inputs."""
        del id_, olds
        return UpdateResult(news)

    def deleted(self, id_: str, props: Props) -> None:
        """Remove the record: images are deleted by retention, never by a stack."""
        del id_, props


def _history(olds: Props, news: Props) -> Props:
    before, after = olds.get("revision"), news.get("revision")
    if before == after or is_unknown(before) or is_unknown(after):
        return {"history": olds["history"]} if "history" in olds else {}
    text = history(commits_between(CHECKOUT, str(before or ""), str(after or "")))
    return {"history": text} if text else {}


class Image(Resource, module="registry", name="Image"):
    """The image that a stack deploys."""

    repository: pulumi.Output[str]
    tag: pulumi.Output[str]
    digest: pulumi.Output[str]
    pinned: pulumi.Output[str]
    revision: pulumi.Output[str]
    created: pulumi.Output[str]
    pinned_by: pulumi.Output[str]

    def __init__(self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # A new dict: the base class writes `__provider` into the one that it gets.
        super().__init__(ImageProvider(), name, {field: getattr(args, field) for field in _FIELDS}, opts)
