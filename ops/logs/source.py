"""Which service a person means, and what of its variables must not be shown. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from ops.status.recorded import Role
from pool_contract.keys import declaration_of
from pool_contract.service_names import AGENT_PREFIX

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot
    from ops.status.recorded import Recorded

ROLES = {"canary": Role.CANARY, "pool-manager": Role.POOL_MANAGER, "database": Role.DATABASE}
"""What SERVICE may be beside a service's own name."""


@dataclass(frozen=True)
class LogSource:
    """Where log lines come from.

    Attributes:
        name: the service, as people know it.
        service_id: Railway's id of it.
        secrets: values that are masked in its lines.
    """

    name: str
    service_id: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


def of_service(wanted: str, state: Recorded, snapshot: Snapshot) -> LogSource:
    """Return a service by its role (canary, pool-manager, database) or its name.

    Raises:
        InfraError: the environment has no such service.
    """
    instance = state.of_role("ServiceInstance", ROLES[wanted]) if wanted in ROLES else None
    ids = [str(instance.values["serviceId"])] if instance is not None else snapshot.services_named(wanted)
    found = next((id_ for id_ in ids if id_ in snapshot.instances), None)
    if found is None:
        names = sorted(snapshot.name_of(id_) for id_ in snapshot.instances)
        near = difflib.get_close_matches(wanted, names, 3) or names
        step = f"one of {', '.join([*ROLES, *near])}"
        raise InfraError("logs", f"{snapshot.name} has no service {wanted[:80]!r}", step)
    return LogSource(snapshot.name_of(found), found, secrets_of(snapshot))


def of_agent(agent_id: str, snapshot: Snapshot) -> LogSource | None:
    """Return the agent of an id: the id ends its service's name. None if this environment does not have it."""
    for id_ in snapshot.instances:
        name = snapshot.name_of(id_)
        if name.startswith(AGENT_PREFIX) and name.endswith(f"-{agent_id}"):
            return LogSource(name, id_, secrets_of(snapshot))
    return None


def secrets_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return every secret value of an environment's variables: any service may print what it was given by another."""
    return tuple(sorted(set(_secrets(snapshot)), key=len, reverse=True))


def _secrets(snapshot: Snapshot) -> Iterator[str]:
    services = [(snapshot.service(id_) or {}).get("variables") or {} for id_ in snapshot.instances]
    for variables in [*services, snapshot.config.get("sharedVariables") or {}]:
        for name, row in variables.items():
            value = str((row or {}).get("value") or "")
            if value and "${{" not in value and _may_be_secret(name):
                yield value


def _may_be_secret(name: str) -> bool:
    # An undeclared variable counts as a secret, unless its name is one of Railway's or PostgreSQL's that are none.
    return declaration_of(name).secret and not name.startswith(("RAILWAY_", "PGDATA", "PORT"))
