"""The bearer key of one agent, derived from the pool's: nothing has to be stored, and it opens nothing at the pool."""

from __future__ import annotations

import hashlib
import hmac


def agent_api_key(pool_api_key: str, agent_id: str) -> str:
    """Return an agent's POOL_API_KEY.

    Agents run what their users tell them to. One that gives its key away gives away its own routes, and neither the
    pool manager's nor another agent's.

    Args:
        pool_api_key: the pool manager's own key.
        agent_id: the agent's id, or the name of the canary's service.
    """
    return hmac.new(pool_api_key.encode(), b"convos agent api key\x00" + agent_id.encode(), hashlib.sha256).hexdigest()
