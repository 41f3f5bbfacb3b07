"""A live environment and the roles of its services. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components import defaults
from convos_infra.errors import InfraError
from convos_infra.railway.environment_config import at, live_variables
from convos_infra.railway.references import Reference, Unreadable, parse
from ops.adopt import databases

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

_OF_POOL_MANAGERS = frozenset(
    {"POOL_MIN_IDLE", "POOL_ENVIRONMENT", "POOL_STUCK_TIMEOUT_MS", "RAILWAY_RUNTIME_IMAGE", "TICK_INTERVAL_MS"}
)
"""Variables that only a pool manager has: agents do not get them."""
_OF_DATABASES = frozenset({"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "PGDATA"})


@dataclass(frozen=True)
class Live:
    """An environment as it is on Railway.

    Attributes:
        project, environment: their names.
        snapshot: one read of it; contains secrets.
        staged: the changes that are staged there but not deployed, in the form of a config; may contain secrets.
    """

    project: str
    environment: str
    snapshot: Snapshot = field(repr=False)
    staged: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def service(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return id and config of the service with that name; an empty id if the environment has none."""
        for id_, row in self.snapshot.instances.items():
            if name and row.get("serviceName") == name:
                return id_, self.snapshot.service(id_) or {}
        return "", {}

    def names(self) -> list[str]:
        """Return the names of all services."""
        return sorted(str(row.get("serviceName")) for row in self.snapshot.instances.values())

    def volumes(self, name: str) -> list[str]:
        """Return the paths at which volumes are mounted in a service."""
        id_, _ = self.service(name)
        return sorted(
            str(row["mountPath"]) for row in self.snapshot.volume_instances if id_ and row.get("serviceId") == id_
        )

    def proxies(self, name: str) -> list[int]:
        """Return the ports of a service that TCP proxies forward to."""
        _, config = self.service(name)
        return sorted(int(port) for port in at(config, ("networking", "tcpProxies")) or {})

    def domains(self, name: str) -> list[str]:
        """Return the domains of a service below up.railway.app."""
        id_, _ = self.service(name)
        return [str(row["domain"]) for row in self.snapshot.domains(id_, "serviceDomains")] if id_ else []


@dataclass(frozen=True)
class Roles:
    """The names of the services that a stack manages; `database` is empty if it manages none.

    Attributes:
        pool_manager, canary, database: the pool manager, its canary, and the database that the pool manager uses.
        databases: the other databases.
    """

    pool_manager: str = defaults.POOL_SERVICE
    canary: str = defaults.CANARY_SERVICE
    database: str = defaults.DATABASE_SERVICE
    databases: tuple[str, ...] = ()


def roles(live: Live, given: Roles, others: Sequence[str] | None = None) -> Roles:
    """Return the roles of the services: as given, by their usual names, or by their properties.

    Args:
        live: the environment.
        given: the names that the person who adopts gave; empty ones are searched for.
        others: the names of the other databases that the person gave; None searches for them.

    Raises:
        InfraError: no service, or more than one, may be the pool manager; or a given name does not exist.
    """
    names = live.names()
    for key, name in (("POOL_MANAGER", given.pool_manager), ("CANARY", given.canary), ("DATABASE", given.database)):
        if name and name not in names:
            raise InfraError(key, f"the environment has no service {name!r}", f"it has: {', '.join(names) or 'none'}")
    pool = given.pool_manager or _pool_manager(live)
    first = given.canary or defaults.CANARY_SERVICE
    database = given.database or _database(live, pool, first)
    taken = (pool, first, database)
    for key, name in zip(("POOL_MANAGER", "CANARY", "DATABASE"), taken, strict=True):
        if name != name.strip():
            raise InfraError(key, f"the name {name!r} begins or ends with whitespace", "rename the service on Railway")
    found = databases.databases(live, taken) if others is None else databases.chosen(live, others, taken)
    return Roles(pool, first, database, tuple(found))


def _pool_manager(live: Live) -> str:
    if live.service(defaults.POOL_SERVICE)[0]:
        return defaults.POOL_SERVICE
    found = [name for name in live.names() if _OF_POOL_MANAGERS & set(live_variables(live.service(name)[1]))]
    if len(found) == 1:
        return found[0]
    what = f"{', '.join(found)} may each be the pool manager" if found else "no service looks like a pool manager"
    raise InfraError("POOL_MANAGER", what, f"set POOL_MANAGER=…; services: {', '.join(live.names()) or 'none'}")


def _database(live: Live, pool: str, first: str) -> str:
    """Return the database's service: the one in the reference of the pool manager's URL, else the only one."""
    names = [name for name in live.names() if name not in (pool, first)]
    url = live_variables(live.service(pool)[1]).get("DATABASE_URL") or ""
    referred = [name for name in _referred(url) if name in names and _is_database(live.service(name)[1])]
    if referred:
        return referred[0]
    if defaults.DATABASE_SERVICE in names:
        return defaults.DATABASE_SERVICE
    found = [name for name in names if _is_database(live.service(name)[1])]
    return found[0] if len(found) == 1 else ""


def _referred(value: str) -> list[str]:
    """Return the services that a value refers to, also if a name with dots lacks its quotes."""
    return [part.owner for part in parse(value) if isinstance(part, Reference | Unreadable)]


def _is_database(config: Mapping[str, Any]) -> bool:
    image = str(at(config, ("source", "image")) or "").lower()
    return "postgres" in image or bool(_OF_DATABASES & set(live_variables(config)))


DigestOf = Callable[[str], str]
"""Resolves `repository:tag` to the registry's current digest; empty if the registry does not tell."""
