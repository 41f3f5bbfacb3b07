"""A claim, and what the database says about it."""

from __future__ import annotations

from typing import Any

from tests.pool.pool_process import Pool
from tests.pool.surroundings import Surroundings

WISH = {"agentName": "Ada Lovelace", "instructions": "Be brief."}


def claim(pool: Pool, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = pool.json("POST", "/api/pool/claim", {**WISH, **more})
    return found


def rows(around: Surroundings) -> list[tuple[Any, ...]]:
    return around.sql(
        "SELECT id, railway_service_id, agent_name, conversation_id, invite_url, instructions FROM agent_metadata"
    )
