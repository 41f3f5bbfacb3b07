"""`AgentMailInbox`: an inbox of an AgentMail account, for one service.

Its name is its `client_id`: AgentMail answers a repeated creation with the existing inbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from agent_accounts.agentmail import AgentMail
from convos_infra.agent_account import AccountArgs, AccountProvider

if TYPE_CHECKING:
    from agent_accounts.provider_http import Provider as Account
    from convos_infra.provider import Props


class AgentMailInboxProvider(AccountProvider):
    """Creates and deletes an inbox."""

    service = "AgentMail"
    key_name = "AGENTMAIL_API_KEY"
    kept = ("inbox",)
    replaces = ("name", "url", "domain")
    deletes_first = True
    """With the same client_id, AgentMail would return the old inbox as the new one."""

    def created(self, props: Props) -> CreateResult:
        """Create it, or find the one that an earlier try created."""
        domain = str(props.get("domain") or "")
        inbox_id = self.asked(props, lambda account: AgentMail(account, domain).create(str(props["name"])))
        return CreateResult(inbox_id, {**props, "inbox": inbox_id})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Keep it; only the account's key has changed."""
        del olds
        return UpdateResult({**news, "inbox": id_})

    def there(self, account: Account, id_: str) -> bool:
        """Tell whether the inbox exists."""
        return AgentMail(account).is_there(id_)

    def remove(self, account: Account, id_: str) -> None:
        """Delete the inbox."""
        AgentMail(account).delete(id_)


class AgentMailInbox(Resource, module="account", name="AgentMailInbox"):
    """An inbox at AgentMail.

    Args:
        name: the resource's name.
        args: the place in which it is created.
        domain: the domain of its address; empty for AgentMail's own.
    """

    inbox: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: AccountArgs,
        domain: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(AgentMailInboxProvider(), name, {**args.properties(), "domain": domain, "inbox": None}, opts)
