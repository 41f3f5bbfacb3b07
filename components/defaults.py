"""Defaults of a stack's project and services: names, ports and paths.

They are kept apart from the components, which load Pulumi, so that reading a config does not need Pulumi.
"""

from __future__ import annotations

from pool_contract import service_names

PROJECT = "convos"
DATABASE_SERVICE = "postgres"
DATABASE_USER, DATABASE_NAME, DATABASE_PORT = "postgres", "railway", 5432
DATABASE_MOUNT_PATH = "/var/lib/postgresql/data"
POOL_SERVICE = service_names.POOL_MANAGER
POOL_HEALTH_PATH = "/healthz"
POOL_ROOT_DIRECTORY = "pool"
CANARY_SERVICE = "convos-runtime-canary"
"""It lacks the pool's prefix `convos-agent-`: the pool manager must not mistake it for one of its agents."""
