"""`OpenRouterKey`: a key of an OpenRouter account, for one service. Its value is a secret output.

OpenRouter shows a key once, in the answer to its creation. If there is a key of the same name that is in no state, an
interrupted run created it. Its value is lost, so it is deleted before another one is created, and there are never two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from agent_accounts.openrouter import MadeKey, OpenRouter
from convos_infra.agent_account import AccountArgs, AccountProvider

if TYPE_CHECKING:
    from agent_accounts.provider_http import Provider as Account
    from convos_infra.provider import Props


class OpenRouterKeyProvider(AccountProvider):
    """Creates and deletes a key."""

    service = "OpenRouter"
    key_name = "OPENROUTER_MANAGEMENT_KEY"
    kept = ("value",)
    updates = ("limit", "limitReset")

    def created(self, props: Props) -> CreateResult:
        """Delete an unknown key of the same name, and create the key."""
        name = str(props["name"])

        def make(account: Account) -> MadeKey:
            keys = _keys(account, props)
            for stale in keys.named(name):
                keys.delete(stale)
            return keys.create(name)

        made = self.asked(props, make)
        return CreateResult(made.hash, {**props, "value": made.key})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Change its limit; its value stays."""
        if any(olds.get(name) != news.get(name) for name in self.updates):
            self.asked(news, lambda account: _keys(account, news).limit_to_settings(id_))
        return UpdateResult({**news, "value": olds.get("value")})

    def there(self, account: Account, id_: str) -> bool:
        """Tell whether the key exists."""
        return OpenRouter(account).is_there(id_)

    def remove(self, account: Account, id_: str) -> None:
        """Delete the key."""
        OpenRouter(account).delete(id_)


def _keys(account: Account, props: Props) -> OpenRouter:
    # Pulumi's numbers are doubles, and a config may give text.
    return OpenRouter(account, int(float(props["limit"])), str(props["limitReset"]))


class OpenRouterKey(Resource, module="account", name="OpenRouterKey"):
    """A key at OpenRouter.

    Args:
        name: the resource's name.
        args: the place in which it is created.
        limit: the limit in USD.
        limit_reset: when the limit is reset: daily, weekly or monthly.
    """

    value: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: AccountArgs,
        limit: pulumi.Input[str],
        limit_reset: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        marked = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        inputs = {**args.properties(), "limit": limit, "limitReset": limit_reset, "value": None}
        super().__init__(OpenRouterKeyProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, marked))
