"""Public base images: pulled if possible, otherwise stand-ins made from this machine's own files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ops.toolchain import base_images, docker_api
from ops.toolchain.machine import run_for_text

if TYPE_CHECKING:
    from ops.local.services import Services
    from ops.local.starter import Starter
    from ops.toolchain.store import Store
    from ops.toolchain.tools import Tool

PROBE = "node:22-bookworm-slim"
"""The base of the runtime image; if it can be pulled, the others can be as well."""
NOTE = "base images"
PROBE_SECONDS = 20.0


def ensure(starter: Starter, store: Store, buildkit: Tool) -> Path | None:
    """Return the folder of stand-ins, or None if public images can be pulled.

    The answer is kept with the services: asking again would count against the public registry's limit on pulls.

    Raises:
        ToolError: no image can be pulled, and this machine lacks the parts of a stand-in.
    """
    named = os.environ.get("CONVOS_BASE_IMAGES")
    if named:
        starter.step.got(f"stand-ins in {named}")
        return Path(named)
    known = starter.services.notes.get(NOTE)
    if known is None:
        starter.step.doing(f"asking whether {PROBE} can be pulled", slow=True)
        known = "pulled" if _can_pull(starter.services, buildkit) else "stand-ins"
        starter.remember(NOTE, known)
    if known == "pulled":
        starter.step.got("pulled from their registry")
        return None
    folder = store.root / "base-images"
    starter.step.doing("making stand-ins for base images that cannot be pulled")
    starter.step.got("stand-ins for what cannot be pulled: " + ", ".join(part.way for part in base_images.make(folder)))
    return base_images.named_by_content(folder)


def _can_pull(services: Services, buildkit: Tool) -> bool:
    """Ask Docker's daemon, or else our BuildKit, whether it can pull; only the image's description is read."""
    docker, own = services.by_name.get("docker"), services.by_name.get("buildkit")
    if docker is not None:
        try:
            docker_api.request(docker.address, "GET", f"/distribution/{quote(PROBE)}/json", PROBE_SECONDS)
        except (OSError, ValueError):
            return False
        return True
    control = buildkit.programs.get("buildctl")
    if own is None or control is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(f"FROM {PROBE}\n")
        local = [f"--local={name}={folder}" for name in ("context", "dockerfile")]
        argv = (control, f"--addr={own.address}", "build", "--frontend=dockerfile.v0", *local)
        return run_for_text(*argv, seconds=PROBE_SECONDS) is not None
