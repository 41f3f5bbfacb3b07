"""The canary's environment: that of an agent, with secrets of its own that the stack's state keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from convos_infra.random_secret import HexForm, RandomSecret, SecretPlace
from pool_contract.agent_variables import agent_variables, without_makers

if TYPE_CHECKING:
    from convos_infra.railway.resources.service_at import ServiceAt
    from pool_contract.key_declaration import Generated


def canary_variables(
    at: ServiceAt, keys: Mapping[str, pulumi.Input[str]], inside: pulumi.ResourceOptions
) -> dict[str, pulumi.Input[str]]:
    """Return all variables of the canary, and declare the secrets among them.

    Args:
        at: the canary's service, where the secrets are stored.
        keys: of the stack.
        inside: options of resources that belong to the canary.
    """

    def secret(name: str, form: Generated) -> pulumi.Input[str]:
        # No key of the config gives these: a value that cannot be adopted has to go, and another is made.
        stored = SecretPlace(at, name, "", pulumi.get_stack())
        resource = f"canary-{name.lower().replace('_', '-')}"
        return RandomSecret(resource, stored, inside, HexForm(form.prefix, form.size)).value

    return agent_variables(without_makers(keys), secret)
