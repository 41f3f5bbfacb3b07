"""The canary's environment: that of an agent, with secrets of its own that the stack's state keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from convos_infra.agent_account import AccountArgs
from convos_infra.agentmail_inbox import AgentMailInbox
from convos_infra.issued_secret import IssuedSecret
from convos_infra.openrouter_key import OpenRouterKey
from convos_infra.random_secret import HexForm, RandomSecret, SecretPlace
from pool_contract.agent_variables import AGENTMAIL_INBOX, OPENROUTER_KEY, agent_variables, made_per_agent
from pool_contract.keys import declaration_of

if TYPE_CHECKING:
    from convos_infra.railway.resources.service_at import ServiceAt
    from pool_contract.key_declaration import Generated


def canary_variables(
    at: ServiceAt, keys: Mapping[str, pulumi.Input[str]], inside: pulumi.ResourceOptions
) -> dict[str, pulumi.Input[str]]:
    """Return all variables of the canary, and declare the secrets among them.

    Args:
        at: the canary's service, where the secrets are stored.
        keys: the stack's keys.
        inside: the options of resources that belong to the canary.
    """

    def secret(name: str, form: Generated) -> pulumi.Input[str]:
        # No key of the config sets these secrets: if a stored value cannot be adopted, a new one replaces it.
        stored = SecretPlace(at, name, "", pulumi.get_stack())
        resource = f"canary-{name.lower().replace('_', '-')}"
        return RandomSecret(resource, stored, inside, HexForm(form.prefix, form.size)).value

    return agent_variables({**keys, **_made(at, keys, inside)}, secret)


def _made(
    at: ServiceAt, keys: Mapping[str, pulumi.Input[str]], inside: pulumi.ResourceOptions
) -> dict[str, pulumi.Input[str]]:
    """Declare the canary's own OpenRouter key and AgentMail inbox, and return their variables.

    As for an agent, each is created only if `keys` has the key of its account and no value that all agents share. It is
    deleted with the canary.
    """

    def given(name: str) -> pulumi.Input[str]:
        return keys[name] if name in keys else declaration_of(name).default

    # One account may serve several stacks: the environment's id tells their canaries apart.
    name = pulumi.Output.concat(at.service, "-", at.environment_id)
    # These are not data, so that a protected stack may delete them: they go when the config sets a shared value.
    disposable = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(protect=False))
    wanted = made_per_agent(keys)
    made: dict[str, pulumi.Input[str]] = {}
    if OPENROUTER_KEY in wanted:
        args = AccountArgs(name, given("OPENROUTER_API_URL"), keys[wanted[OPENROUTER_KEY]])
        limit, reset = given("OPENROUTER_KEY_LIMIT"), given("OPENROUTER_KEY_LIMIT_RESET")
        key = OpenRouterKey("canary-openrouter-key", args, limit, reset, disposable)
        # Another management key or limit changes this resource, and neither changes the key.
        made[OPENROUTER_KEY] = IssuedSecret("canary-openrouter-key-value", key.id, key.value, disposable).value
    if AGENTMAIL_INBOX in wanted:
        args = AccountArgs(name, given("AGENTMAIL_API_URL"), keys[wanted[AGENTMAIL_INBOX]])
        domain = given("AGENTMAIL_DOMAIN")
        # The inbox's id: a preview knows it even if the account's key has changed.
        made[AGENTMAIL_INBOX] = AgentMailInbox("canary-agentmail-inbox", args, domain, disposable).id
    return made
