"""`RandomSecret`: a password that nobody typed, made once and kept encrypted in the state."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.provider import Provider

if TYPE_CHECKING:
    from convos_infra.provider import Props

_BYTES = 24


class RandomSecretProvider(Provider):
    """Makes a value at creation, and never another."""

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Nothing of it changes: a rotation is `pulumi up --replace <urn>`."""
        del id_, olds, news
        return DiffResult(changes=False, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Make it; URL-safe, since it becomes part of a database's URL."""
        return CreateResult("random", {**props, "value": secrets.token_urlsafe(_BYTES)})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is in the state: there is nothing else."""
        return ReadResult(id_, props, {})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Keep it."""
        del id_, news
        return UpdateResult(olds)

    def deleted(self, id_: str, props: Props) -> None:
        """Forget it."""
        del id_, props


class RandomSecret(Resource, module="secret", name="RandomSecret"):
    """A random secret; `value` is 32 URL-safe characters."""

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        # A value that a provider makes is plain in the state unless it is named here (facts: Pulumi, 6).
        marked = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(RandomSecretProvider(), name, {"value": None}, pulumi.ResourceOptions.merge(opts, marked))
