"""Names of services that both the program and the pool manager go by."""

from __future__ import annotations

AGENT_PREFIX = "convos-agent-"
"""Every agent's service has a name that begins so."""
POOL_MANAGER = "convos-agent-pool-manager"
"""The pool manager's own service, which begins so as well."""
