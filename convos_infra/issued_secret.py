"""`IssuedSecret`: a secret that another resource issued, known even in a preview that changes that resource in place.

In a preview, every output of a resource that will be updated is unknown, even one that an update never changes.
Whatever uses it would then look changed, and the preview would show a deployment that the update does not make. But the
id of the resource that issued the secret is known, and there is only one value for each id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.provider import Provider, is_unknown

if TYPE_CHECKING:
    from convos_infra.provider import Props

_ISSUED_AS, _VALUE = "issuedAs", "value"


class IssuedSecretProvider(Provider):
    """Keeps a value with the id that it was issued with; it sends no request."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Use the value in the state if the new one is not known yet and was issued with the same id."""
        id_ = news.get(_ISSUED_AS)
        is_same = bool(id_) and not is_unknown(id_) and id_ == olds.get(_ISSUED_AS)
        if is_same and is_unknown(news.get(_VALUE)) and olds.get(_VALUE):
            return {**news, _VALUE: olds[_VALUE]}, []
        return news, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs."""
        del id_
        differs = any(is_unknown(news.get(name)) or olds.get(name) != news.get(name) for name in (_ISSUED_AS, _VALUE))
        return DiffResult(changes=differs, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Record it."""
        return CreateResult("issued", props)

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is in the state: there is nothing else."""
        return ReadResult(id_, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Record the new secret."""
        del id_, olds
        return UpdateResult(news)

    def deleted(self, id_: str, props: Props) -> None:
        """Do nothing: the resource that issued the secret deletes it."""
        del id_, props


class IssuedSecret(Resource, module="secret", name="IssuedSecret"):
    """A secret that another resource issued.

    Args:
        name: the resource's name.
        issued_as: the id of the resource that issued it; a different id means a different secret.
        issued: the secret.
    """

    value: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        issued_as: pulumi.Input[str],
        issued: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # A value that a check adds to the inputs is plain unless it is named here.
        marked = pulumi.ResourceOptions(additional_secret_outputs=[_VALUE])
        inputs = {_ISSUED_AS: issued_as, _VALUE: pulumi.Output.secret(issued)}
        super().__init__(IssuedSecretProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, marked))
