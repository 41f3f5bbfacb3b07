"""The state of an OpenRouter and an AgentMail account, and the rules of their APIs, without HTTP."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KEY_PAGE = 100
RESETS = ("daily", "weekly", "monthly", None)


@dataclass(frozen=True)
class Reply:
    """An answer: its status and its JSON."""

    status: int
    body: dict[str, Any]


@dataclass
class OpenRouterAccount:
    """An OpenRouter account.

    Attributes:
        management_key: the key of the management API.
        keys: the rows of the keys by their hash, oldest first.
        secrets: the keys themselves by their hash, for tests; the API shows a key only once.
        deleted: the hashes of deleted keys.
    """

    management_key: str
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    deleted: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, body: dict[str, Any]) -> Reply:
        """Create a key; only this answer shows it. A name that is taken creates a second key."""
        name, limit, reset = body.get("name"), body.get("limit"), body.get("limit_reset")
        if not isinstance(name, str) or not name:
            return _openrouter_error(400, "name: Required")
        if refusal := _bad_limit(body):
            return refusal
        with self.lock:
            key_hash, key = secrets.token_hex(32), f"sk-or-v1-{secrets.token_hex(32)}"
            row = {"hash": key_hash, "name": name, "limit": limit, "limit_reset": reset, "disabled": False}
            row |= {"label": f"{key[:12]}...{key[-3:]}", "usage": 0, "created_at": _now()}
            self.keys[key_hash], self.secrets[key_hash] = row, key
        return Reply(201, {"key": key, "data": row})

    def one(self, key_hash: str) -> Reply:
        """Return a key, as the list has it."""
        with self.lock:
            row = self.keys.get(key_hash)
        return Reply(200, {"data": row}) if row else _openrouter_error(404, "API key not found")

    def update(self, key_hash: str, body: dict[str, Any]) -> Reply:
        """Change a key's limit."""
        if refusal := _bad_limit(body):
            return refusal
        with self.lock:
            row = self.keys.get(key_hash)
            if row is None:
                return _openrouter_error(404, "API key not found")
            row |= {name: body[name] for name in ("limit", "limit_reset") if name in body}
        return Reply(200, {"data": row})

    def listed(self, offset: int) -> Reply:
        """Return one page of keys."""
        with self.lock:
            return Reply(200, {"data": list(self.keys.values())[offset : offset + KEY_PAGE]})

    def delete(self, key_hash: str) -> Reply:
        """Delete a key."""
        with self.lock:
            if self.keys.pop(key_hash, None) is None:
                return _openrouter_error(404, "API key not found")
            self.deleted.append(key_hash)
        return Reply(200, {"deleted": True})


@dataclass
class AgentMailAccount:
    """An AgentMail account.

    Attributes:
        api_key: the account's key.
        inboxes: the inboxes by their id, oldest first.
        deleted: the ids of deleted inboxes.
    """

    api_key: str
    inboxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, body: dict[str, Any]) -> Reply:
        """Create an inbox; if one with the same `client_id` exists, return it."""
        for name in ("username", "domain", "display_name", "client_id"):
            if not isinstance(body.get(name), str | None):
                return _agentmail_error(400, f"{name} must be a string")
        with self.lock:
            client_id = body.get("client_id")
            for row in self.inboxes.values():
                if client_id is not None and row["client_id"] == client_id:
                    return Reply(200, row)
            address = f"{body.get('username') or secrets.token_hex(6)}@{body.get('domain') or 'agentmail.to'}"
            if address in self.inboxes:
                return _agentmail_error(403, "Inbox is taken")
            row = {"inbox_id": address, "display_name": body.get("display_name"), "client_id": client_id}
            row |= {"created_at": _now(), "updated_at": _now(), "pod_id": "pod"}
            self.inboxes[address] = row
        return Reply(200, row)

    def one(self, inbox_id: str) -> Reply:
        """Return an inbox."""
        with self.lock:
            row = self.inboxes.get(inbox_id)
        return Reply(200, row) if row else _agentmail_error(404, "Inbox not found")

    def listed(self, limit: int, token: str) -> Reply:
        """Return one page of inboxes; `next_page_token` is the `page_token` of the next."""
        start = int(token) if token.isdigit() else 0
        with self.lock:
            rows = list(self.inboxes.values())
        page = rows[start : start + limit]
        body: dict[str, Any] = {"count": len(page), "limit": limit, "inboxes": page}
        if start + limit < len(rows):
            body["next_page_token"] = str(start + limit)
        return Reply(200, body)

    def delete(self, inbox_id: str) -> Reply:
        """Delete an inbox."""
        with self.lock:
            if self.inboxes.pop(inbox_id, None) is None:
                return _agentmail_error(404, "Inbox not found")
            self.deleted.append(inbox_id)
        return Reply(202, {})


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _bad_limit(body: dict[str, Any]) -> Reply | None:
    limit = body.get("limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0):
        return _openrouter_error(400, "limit: Expected number")
    return None if body.get("limit_reset") in RESETS else _openrouter_error(400, "limit_reset: Invalid enum value")


def _openrouter_error(status: int, message: str) -> Reply:
    return Reply(status, {"error": {"message": message, "code": status}})


def _agentmail_error(status: int, message: str) -> Reply:
    return Reply(status, {"name": "Error", "message": message})
