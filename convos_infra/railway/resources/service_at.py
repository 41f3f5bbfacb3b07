"""`ServiceAt`: which service instance a resource belongs to; what `Service` hands to everything that is put into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from convos_infra.ownership import SERVICE_OWNED


@dataclass(frozen=True)
class ServiceAt:
    """A service in one environment.

    Attributes:
        project_id, environment_id, service_id: Railway's ids.
        service: the service's name, for people.
        owned: whether this stack made it; None if that is not known.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    service_id: pulumi.Input[str]
    service: str
    owned: pulumi.Input[bool | None] = None

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        return {
            "projectId": self.project_id,
            "environmentId": self.environment_id,
            "serviceId": self.service_id,
            "service": self.service,
        }

    def part(self) -> dict[str, Any]:
        """Return the same with the service's owner, for a part of the service that may outlive this stack."""
        return {**self.properties(), SERVICE_OWNED: self.owned}
