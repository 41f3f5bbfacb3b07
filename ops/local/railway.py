"""Asks the local emulator by Railway's own API, with the token of the local stack."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from ops.local.probe import ask
from ops.toolchain.errors import ToolError

_PROJECTS = "{ projects(first: 5000, includeDeleted: true) { edges { node { id } } } }"


def knows_token(address: str, token: str) -> bool:
    """Tell whether a Railway API answers an account token with data."""
    return bool((_data(address, token, "query { me { id } }").get("me") or {}).get("id"))


def projects(address: str, token: str) -> frozenset[str]:
    """Return the ids of all projects, deleted ones included.

    Raises:
        ToolError: the API gave no such answer.
    """
    found = _data(address, token, _PROJECTS).get("projects")
    if not isinstance(found, dict):
        raise ToolError("emulator", f"{address} does not list its projects", "run: make down, and make local again")
    return frozenset(str(edge["node"]["id"]) for edge in found["edges"])


def _data(address: str, token: str, query: str) -> dict[str, Any]:
    body = json.dumps({"query": query}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = ask(urllib.request.Request(f"http://{address}/graphql/v2", data=body, headers=headers))
    if answer is None or answer.status != 200:
        return {}
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    data = found.get("data") if isinstance(found, dict) else None
    return data if isinstance(data, dict) else {}
