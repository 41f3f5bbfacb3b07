"""OpenRouter's management API: a key for each agent (openrouter.ai/docs/api/api-reference/api-keys)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, StrictStr

if TYPE_CHECKING:
    from agent_accounts.provider_http import Provider

MOST_PAGES = 200
PAGE = 100
"""The size of OpenRouter's largest page."""


@dataclass(frozen=True)
class MadeKey:
    """A key, which is shown only at its creation, and the hash that identifies it from then on."""

    key: str = field(repr=False)
    hash: str


class _Data(BaseModel):
    hash: StrictStr


class _Created(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    key: StrictStr
    data: _Data


class ListedKey(BaseModel):
    """A key in a list."""

    hash: StrictStr
    name: StrictStr = ""


class _Page(BaseModel):
    data: list[ListedKey]


class OpenRouter:
    """Keys of one account.

    Args:
        provider: its API, with the management key.
        limit: the limit of each key, in USD; used only when a key is created or changed.
        limit_reset: how often the usage is reset: `daily`, `weekly` or `monthly`.
    """

    def __init__(self, provider: Provider, limit: int = 0, limit_reset: str = "monthly") -> None:
        self._provider = provider
        self._limit = limit
        self._limit_reset = limit_reset

    def create(self, name: str) -> MadeKey:
        """Create a key. A second call creates a second key, so if one may exist, the caller deletes it by name first.

        Raises:
            ProviderError: it may have been created nevertheless.
        """
        body = {"name": name, "limit": self._limit, "limit_reset": self._limit_reset}
        found = self._provider.answer(_Created, "POST", "/keys", body=body)
        return MadeKey(found.key, found.data.hash)

    def delete(self, key_hash: str) -> None:
        """Delete a key, which may be gone already.

        Raises:
            ProviderError: it may still exist.
        """
        self._provider.delete(_path(key_hash))

    def limit_to_settings(self, key_hash: str) -> None:
        """Set a key's limit to this client's; the usage that counts against it stays.

        Raises:
            ProviderError: the limit may have changed nevertheless.
        """
        body = {"limit": self._limit, "limit_reset": self._limit_reset}
        self._provider.ask("PATCH", _path(key_hash), body=body)

    def is_there(self, key_hash: str) -> bool:
        """Tell whether a key exists.

        Raises:
            ProviderError: that could not be found out.
        """
        return self._provider.is_there(_path(key_hash))

    def named(self, name: str) -> list[str]:
        """Return the hashes of the keys with a name.

        Raises:
            ProviderError: they cannot be listed.
        """
        return [one.hash for one in self.listed() if one.name == name]

    def listed(self) -> list[ListedKey]:
        """Return every key of the account.

        Raises:
            ProviderError: they cannot be listed, or not all of them.
        """
        found: dict[str, ListedKey] = {}
        for _ in range(MOST_PAGES):
            query = {"offset": str(len(found)), "include_disabled": "true"}
            page = self._provider.answer(_Page, "GET", "/keys", query=query).data
            new = {one.hash: one for one in page if one.hash not in found}
            # A server that ignores the offset returns everything again.
            if not page or (not new and len(page) < PAGE):
                return list(found.values())
            if not new:
                raise self._provider.incomplete(f"the same page of keys twice, after {len(found)}")
            found |= new
        raise self._provider.incomplete(f"more than {MOST_PAGES} pages of keys, {len(found)} so far")


def _path(key_hash: str) -> str:
    return f"/keys/{quote(key_hash, safe='')}"
