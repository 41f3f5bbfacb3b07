"""How a script logs in to the images' registry: with what the job was given, or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping

from convos_infra.registry.token import RegistryCredentials


def credentials(environ: Mapping[str, str] | None = None) -> RegistryCredentials | None:
    """Return the login of REGISTRY_PASSWORD; None reads what is public. GHCR takes any user beside a token."""
    password = (os.environ if environ is None else environ).get("REGISTRY_PASSWORD", "")
    return RegistryCredentials("token", password) if password else None
