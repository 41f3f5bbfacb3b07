"""The bearer key of one agent. It is derived from the pool's, so it need not be stored, and gives no access to it."""

from __future__ import annotations

import hashlib
import hmac


def agent_api_key(pool_api_key: str, agent_id: str) -> str:
    """Return an agent's POOL_API_KEY.

    Agents run arbitrary instructions of users. An agent that leaks its key exposes only its own routes, not those of
    the pool manager or of other agents.

    Args:
        pool_api_key: the pool manager's own key.
        agent_id: the agent's id, or the name of the canary's service.
    """
    return hmac.new(pool_api_key.encode(), b"convos agent api key\x00" + agent_id.encode(), hashlib.sha256).hexdigest()
