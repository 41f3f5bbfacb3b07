"""What the services of a stack are called, and are like, where its config says nothing.

Apart from the components, which load Pulumi: whoever only reads a config takes its defaults from here.
"""

from __future__ import annotations

from pool_contract import service_names

DATABASE_SERVICE = "postgres"
DATABASE_USER, DATABASE_NAME, DATABASE_PORT = "postgres", "railway", 5432
DATABASE_MOUNT_PATH = "/var/lib/postgresql/data"
POOL_SERVICE = service_names.POOL_MANAGER
POOL_HEALTH_PATH = "/healthz"
POOL_ROOT_DIRECTORY = "pool"
CANARY_SERVICE = "convos-runtime-canary"
"""Outside the pool's `convos-agent-` prefix: the pool manager must not take it for one of its agents."""
