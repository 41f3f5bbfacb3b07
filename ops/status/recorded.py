"""A stack's state as its backend has it: what the last update left, and the operations that it did not finish."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_RAILWAY = "pulumi-python:dynamic/railway:"
_STACK = "pulumi:pulumi:Stack"
SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's own mark of a value that is encrypted


class Role(StrEnum):
    """What a service is to the stack, by the component that declares it; the name of its row."""

    CANARY = "canary"
    POOL_MANAGER = "pool manager"
    DATABASE = "database service"


_COMPONENTS = {
    "convos:index:Canary": Role.CANARY,
    "convos:index:PoolManager": Role.POOL_MANAGER,
    "convos:index:Database": Role.DATABASE,
}


@dataclass(frozen=True)
class Resource:
    """One resource of Railway's.

    Attributes:
        kind: its class, such as ServiceInstance.
        id: Railway's, as the provider keeps it.
        urn: Pulumi's name of it.
        values: its outputs, secrets opened.
    """

    kind: str
    id: str
    urn: str
    values: Mapping[str, Any] = field(repr=False)

    @property
    def role(self) -> Role | None:
        """What it belongs to; None if no component of the system declares it."""
        types = self.urn.split("::")[2].split("$") if self.urn.count("::") > 1 else []
        return next((_COMPONENTS[name] for name in types if name in _COMPONENTS), None)


@dataclass(frozen=True)
class Recorded:
    """A stack's state.

    Attributes:
        resources: those of Railway's.
        outputs: the stack's, secrets opened.
        unfinished: operations that an update began and did not end: what, and of which resource.
        written_at: when the state was written.
    """

    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any] = field(repr=False)
    unfinished: tuple[tuple[str, str], ...] = ()
    written_at: str = ""

    @property
    def is_deployed(self) -> bool:
        """Whether an update has ever created a resource."""
        return bool(self.resources)

    def of(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of a class."""
        return (row for row in self.resources if row.kind == kind)

    def of_role(self, kind: str, role: Role) -> Resource | None:
        """Return the resource of a class that belongs to a component."""
        return next((row for row in self.of(kind) if row.role is role), None)


def parsed(state: Mapping[str, Any]) -> Recorded:
    """Read `pulumi stack export --show-secrets`."""
    deployment = state.get("deployment") or {}
    rows = deployment.get("resources") or []
    outputs = next((row.get("outputs") or {} for row in rows if row.get("type") == _STACK), {})
    return Recorded(
        tuple(_resource(row) for row in rows if str(row.get("type")).startswith(_RAILWAY) and not row.get("delete")),
        opened(outputs),
        tuple(_unfinished(row) for row in deployment.get("pending_operations") or []),
        str((deployment.get("manifest") or {}).get("time") or ""),
    )


def opened(value: Any) -> Any:
    """Return a value of the state with the envelope of each secret replaced by the secret."""
    if isinstance(value, Mapping):
        if SECRET_MARK in value:
            return json.loads(value["plaintext"]) if "plaintext" in value else value
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def _resource(row: Mapping[str, Any]) -> Resource:
    kind = str(row["type"]).removeprefix(_RAILWAY)
    return Resource(kind, str(row.get("id") or ""), str(row.get("urn") or ""), opened(row.get("outputs") or {}))


def _unfinished(row: Mapping[str, Any]) -> tuple[str, str]:
    urn = str((row.get("resource") or {}).get("urn") or "")
    kind = urn.split("::")[2].rpartition("$")[2].rpartition(":")[2] if urn.count("::") > 1 else ""
    return str(row.get("type") or ""), f"{kind} {urn.rpartition('::')[2]}".strip()
