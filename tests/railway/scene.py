"""An environment of a stack, in which states are made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator.fix_emulator import Emulator

_PATCH = """mutation p($e: String!, $p: EnvironmentConfig, $s: Boolean) {
  environmentPatchCommit(environmentId: $e, patch: $p, skipDeploys: $s)
}"""
_DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"


@dataclass(frozen=True)
class Scene:
    """An environment of a stack, looked at from the side of the emulator.

    Attributes:
        emulator: where it is.
        project_id, environment_id: which one.
        service: the name of the service that a state is about.
        beside: the name of another service of the stack, to which `service` refers by `${{beside.V}}`.
        variable: the name of one of the service's managed variables that is neither a reference nor sealed.
    """

    emulator: Emulator
    project_id: str
    environment_id: str
    service: str
    beside: str = ""
    variable: str = "A"

    def truth(self) -> dict[str, Any]:
        """Return everything about the environment, straight from the emulator."""
        found: dict[str, Any] = json.loads(self.emulator.snapshot(self.environment_id))
        return found

    def id_of(self, name: str) -> str:
        """Return the id of a living service."""
        rows = [row for row in self.truth()["service"] if row["name"] == name and not row.get("deletedAt")]
        return str(rows[0]["id"])

    @property
    def service_id(self) -> str:
        """The id of the service."""
        return self.id_of(self.service)

    def deployments(self, name: str = "") -> list[dict[str, Any]]:
        """Return the service's deployments, oldest first."""
        id_ = self.id_of(name or self.service)
        return [row for row in self.truth()["deployment"] if row["serviceId"] == id_]

    def volume(self) -> dict[str, Any]:
        """Return the living volume instance of the service."""
        id_ = self.service_id
        return next(row for row in self.truth()["volume_instance"] if row["serviceId"] == id_ and not row["deletedAt"])

    def of_service(self, kind: str) -> dict[str, Any]:
        """Return the service's `domain` or `tcp_proxy`."""
        id_ = self.service_id
        return next(row for row in self.truth()[kind] if row["serviceId"] == id_)

    def patch(self, value: Mapping[str, Any], *, name: str = "", stored_only: bool = False) -> None:
        """Change the service's configuration as a colleague would."""
        patch = {"services": {self.id_of(name or self.service): value}}
        self.emulator.run(_PATCH, e=self.environment_id, p=patch, s=stored_only)

    def set(self, name: str, value: str | None, *, stored_only: bool = False) -> None:
        """Set one of the service's variables, or remove it."""
        self.patch({"variables": {name: None if value is None else {"value": value}}}, stored_only=stored_only)

    def deploy(self) -> None:
        """Deploy what is stored."""
        self.emulator.run(_DEPLOY, s=self.service_id, e=self.environment_id)

    def run(self, document: str, **variables: Any) -> None:
        """Send a mutation."""
        self.emulator.run(document, **variables)

    def mark(self, deployment: Mapping[str, Any], status: str | None) -> None:
        """Give a deployment a status that nobody can cause on purpose; None forgets it."""
        self.emulator.admin("POST", "/deployments", {"id": deployment["id"], "status": status})

    def complete(self, deployment: Mapping[str, Any]) -> None:
        """Let a deployment's process exit with 0."""
        self.emulator.admin("POST", "/deployments", {"id": deployment["id"], "status": "SUCCESS", "stopped": True})

    def newest(self, status: str) -> None:
        """Give the newest deployment a status."""
        self.mark(self.deployments()[-1], status)
