"""The environment variables of the local stack: `up` passes them to Pulumi, and `. .local/env` sets them in a shell."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from ops.local import ports
from ops.local.image_services import BUILDER
from ops.toolchain.store import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.layout import Layout
    from ops.local.services import Services

HOST_IN_CONTAINERS = "host.docker.internal"
AGENT_PORT = 8080
STATE_OPTIONS = "metadata=skip"
"""Without it Pulumi's file backend keeps a second file beside each, which it does not write in one piece: a kill in
that moment leaves a stack that no command can load ("failed to load checkpoint: EOF"; docs/decisions/0013)."""
LOOPBACK_HOSTS = "127.0.0.1,localhost"


def keep_secret(file: Path) -> str:
    """Return the content of a secret file; create it first if necessary, random and readable by its owner only.

    A file that was cut off is restored from a copy beside it: without the passphrase, no command could open the state.
    """
    copy = copy_of(file)
    secret, whole = _text(file), _text(copy)
    if whole.startswith(secret):
        secret = whole
    secret = secret or secrets.token_urlsafe(32)
    for one in (file, copy):
        if _text(one) != secret:
            write_atomically(one, secret + "\n", 0o600)
    return secret


def copy_of(file: Path) -> Path:
    """Return where the copy of a secret file is."""
    return file.with_name(f"{file.name}.bak")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def backend_url(layout: Layout) -> str:
    """Return the URL of the file backend. Pulumi decodes it: in a path `#` would begin a fragment, `%20` be a space."""
    return f"file://{quote(str(layout.state))}?{STATE_OPTIONS}"


def variables(layout: Layout, services: Services, base_images: Path | None) -> dict[str, str]:
    """Return every variable but PATH.

    Args:
        layout: the checkout.
        services: the running services.
        base_images: a folder of stand-ins for public base images, if those cannot be pulled.
    """
    emulator = services.by_name["emulator"]
    values = {
        "PULUMI_BACKEND_URL": backend_url(layout),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.passphrase),
        "PULUMI_HOME": str(layout.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "BUILDX_CONFIG": str(layout.buildx),
        "RAILWAY_ENDPOINT": f"http://{emulator.address}/graphql/v2",
        "RAILWAY_API_TOKEN": keep_secret(layout.token),
        "CONVOS_IMAGE_REGISTRY": services.by_name["registry"].address,
    }
    docker = services.by_name.get("docker")
    if docker is not None and docker.address:
        values["DOCKER_HOST"] = docker.address
        # Containers reach each other by their domains, but nothing terminates TLS in front of them.
        values["POOL_AGENT_URL"] = f"http://{{domain}}:{AGENT_PORT}"
        # A container reaches the emulator by Docker's name for this machine.
        values["POOL_RAILWAY_ENDPOINT"] = f"http://{HOST_IN_CONTAINERS}:{emulator.port}/graphql/v2"
    if (standins := services.by_name.get("standins")) is not None:
        host = HOST_IN_CONTAINERS if docker is not None and docker.address else ports.LOOPBACK
        values["CONVOS_STANDINS"] = f"http://{host}:{standins.port}"
    if (buildkit := services.by_name.get("buildkit")) is not None:
        values["CONVOS_BUILDER"] = BUILDER
        values["BUILDKIT_HOST"] = buildkit.address  # the same for `buildctl`
    if base_images is not None:
        values["CONVOS_BASE_IMAGES"] = str(base_images)
    for name in ("NO_PROXY", "no_proxy"):  # a proxy of the user's network cannot reach this machine's loopback
        values[name] = ",".join(filter(None, [os.environ.get(name, ""), LOOPBACK_HOSTS]))
    return values


UNSET = ("PULUMI_IGNORE_AMBIENT_PLUGINS", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN")
"""Variables of the user that would make Pulumi use something other than the local stack."""


def script(values: Mapping[str, str], path: list[Path]) -> str:
    """Return the file for a POSIX shell to source; paths and values may contain any character."""
    head = os.pathsep.join(str(folder) for folder in path)
    lines = ["# Written by `make local`; source it: . .local/env"]
    lines += [f"unset {' '.join(UNSET)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(values.items())]
    lines += [f'export PATH={shlex.quote(head)}{os.pathsep}"$PATH"']
    return "\n".join(lines) + "\n"


def for_process(values: Mapping[str, str], path: list[Path]) -> dict[str, str]:
    """Return the whole environment for a child process."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    head = [str(folder) for folder in path]
    return {**kept, **values, "PATH": os.pathsep.join([*head, kept.get("PATH", os.defpath)])}
