"""The login of a script to the registry of the images, from the environment of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping

from convos_infra.registry.token import RegistryCredentials


def credentials(environ: Mapping[str, str] | None = None) -> RegistryCredentials | None:
    """Return the login with REGISTRY_PASSWORD; None for anonymous access. GHCR ignores the user name beside a token."""
    password = (os.environ if environ is None else environ).get("REGISTRY_PASSWORD", "")
    return RegistryCredentials("token", password) if password else None
