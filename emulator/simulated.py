"""A simulated run: the image's manifest is checked in its registry, and nothing is started. The log says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import requests

from emulator.runs import Log, Order, RunFailed, Running
from emulator.settings import OUTCOMES

if TYPE_CHECKING:
    from emulator.settings import LiveSettings

_LOOPBACK = re.compile(r"^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$")
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class Simulated:
    """Checks that an image can be pulled for linux/amd64; the setting `outcomes` says how its run ends."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    def start(self, order: Order, log: Log) -> Running:
        """See `Runner.start`."""
        settings = self._settings.current
        log("simulated: no container is started for this deployment")
        if order.image and settings.image_check == "on":
            _check_image(order.image, log)
        outcome = next((end for part, end in settings.outcomes.items() if part in order.image), OUTCOMES[0])
        if outcome == "crash":
            log("simulated: the process exits with code 1")
            raise RunFailed("CRASHED", "simulated: crashed")
        if outcome == "never_ready":
            log(f"simulated: health check of {order.health_path or '/'} never answers 200")
            raise RunFailed("FAILED", "simulated: health check failed")
        if outcome == "complete":
            log("simulated: the process exits with code 0")
            return Running("simulated", has_exited=True)
        log("simulated: ready")
        return Running("simulated")

    def stop(self, handle: str) -> None:
        """Nothing was started."""


def _check_image(image: str, log: Log) -> None:
    registry, _, rest = image.partition("/")
    if not _LOOPBACK.match(registry):
        log(f"simulated: {registry} is not on this machine; its image is not checked")
        return
    name, _, digest = rest.partition("@")
    repository, _, tag = name.partition(":")
    try:
        manifest = _manifest(registry, repository, digest or tag or "latest")
        platforms = [
            "/".join((entry.get("platform", {}).get("os", ""), entry.get("platform", {}).get("architecture", "")))
            for entry in manifest.get("manifests", [])
        ]
        if "manifests" not in manifest:
            config = requests.get(
                f"http://{registry}/v2/{repository}/blobs/{manifest['config']['digest']}", timeout=10
            ).json()
            platforms = [f"{config.get('os')}/{config.get('architecture')}"]
    except (requests.RequestException, ValueError, KeyError) as error:
        log(f"cannot pull {image}: {type(error).__name__}")
        raise RunFailed("FAILED", "image pull failed") from error
    if "linux/amd64" not in platforms:
        log(f"cannot run {image}: no linux/amd64 image (found {', '.join(sorted(set(platforms))) or 'none'})")
        raise RunFailed("FAILED", "no matching platform")


def _manifest(registry: str, repository: str, version: str) -> dict[str, Any]:
    answer = requests.get(
        f"http://{registry}/v2/{repository}/manifests/{version}", headers={"Accept": ", ".join(_MANIFESTS)}, timeout=10
    )
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
