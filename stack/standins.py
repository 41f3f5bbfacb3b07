"""The local stack's keys for the stand-ins of OpenRouter and AgentMail, which `STANDINS=1 make local` starts."""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "CONVOS_STANDINS"
"""The address of the stand-ins as the pool manager reaches it; `make local` sets it."""


def keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that make the pool manager use the stand-ins; none if they do not run."""
    url = environ.get(VARIABLE, "").strip().rstrip("/")
    if not url:
        return {}
    return {
        "OPENROUTER_MANAGEMENT_KEY": "local-management-key",
        "OPENROUTER_API_URL": f"{url}/openrouter/api/v1",
        "AGENTMAIL_API_KEY": "local-agentmail-key",
        "AGENTMAIL_API_URL": f"{url}/agentmail/v0",
    }
