"""AgentMail's API: an inbox for each agent (docs.agentmail.to)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import BaseModel, StrictStr

if TYPE_CHECKING:
    from agent_accounts.provider_http import Provider

MOST_PAGES = 200
PAGE = 100


class ListedInbox(BaseModel):
    """An inbox."""

    inbox_id: StrictStr
    client_id: StrictStr | None = None


class _Page(BaseModel):
    inboxes: list[ListedInbox]
    next_page_token: StrictStr | None = None


class AgentMail:
    """Inboxes of one account.

    Args:
        provider: its API.
        domain: the domain of new inboxes; empty for AgentMail's own.
    """

    def __init__(self, provider: Provider, domain: str = "") -> None:
        self._provider = provider
        self._domain = domain

    def create(self, name: str) -> str:
        """Create an inbox and return its id; a second call with the same name returns the same inbox (`client_id`).

        Raises:
            ProviderError: it may have been created nevertheless.
        """
        body = {"username": name, "display_name": name, "client_id": name}
        body |= {"domain": self._domain} if self._domain else {}
        return self._provider.answer(ListedInbox, "POST", "/inboxes", body=body).inbox_id

    def delete(self, inbox_id: str) -> None:
        """Delete an inbox, which may be gone already.

        Raises:
            ProviderError: it may still exist.
        """
        self._provider.delete(_path(inbox_id))

    def is_there(self, inbox_id: str) -> bool:
        """Tell whether an inbox exists.

        Raises:
            ProviderError: that could not be found out.
        """
        return self._provider.is_there(_path(inbox_id))

    def named(self, name: str) -> list[str]:
        """Return the ids of the inboxes with a `client_id`.

        Raises:
            ProviderError: they cannot be listed.
        """
        return [one.inbox_id for one in self.listed() if one.client_id == name]

    def listed(self) -> list[ListedInbox]:
        """Return every inbox of the account.

        Raises:
            ProviderError: they cannot be listed, or not all of them.
        """
        found: dict[str, ListedInbox] = {}
        token: str | None = None
        for _ in range(MOST_PAGES):
            query = {"limit": str(PAGE), **({"page_token": token} if token else {})}
            page = self._provider.answer(_Page, "GET", "/inboxes", query=query)
            new = {one.inbox_id: one for one in page.inboxes if one.inbox_id not in found}
            found |= new
            if not page.next_page_token:
                return list(found.values())
            if page.next_page_token == token:
                raise self._provider.incomplete(f"the same page of inboxes twice, after {len(found)}")
            token = page.next_page_token
        raise self._provider.incomplete(f"more than {MOST_PAGES} pages of inboxes, {len(found)} so far")


def _path(inbox_id: str) -> str:
    return f"/inboxes/{quote(inbox_id, safe='')}"
