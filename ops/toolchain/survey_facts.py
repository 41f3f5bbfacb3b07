"""Reads the facts that a survey of this machine is made from; installs, builds and starts nothing."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING

from ops.toolchain import docker_api, pins, venv
from ops.toolchain.machine import (
    Program,
    Version,
    find_program,
    parse_version,
    read_machine,
    run_for_text,
    search_path,
)
from ops.toolchain.survey import TEST_PROGRAMS, Facts

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.store import Store

BUILDS = {
    "pulumi": pins.PULUMI_MODULE,
    "docker-build": pins.DOCKER_BUILD_MODULE,
    "buildkit": pins.BUILDKIT_MODULE,
    "registry": pins.REGISTRY_MODULE,
}
_VERSIONS = {"pulumi": "version", "dockerd": "--version", "buildkitd": "--version", "node": "--version"}
_NAMES = {"docker-build": ("pulumi-resource-docker-build",), "registry": ("docker-registry", "registry")}


def read(checkout: Path, store: Store) -> Facts:
    """Return the facts.

    Args:
        checkout: whose virtual environment and disk are looked at.
        store: the cache of tools.
    """
    path = search_path(without=store.bin)
    tests = [name for _, names, _, _ in TEST_PROGRAMS for name in names]
    wanted = ["git", "make", "dockerd", "runc", "buildkitd", "pgbouncer", *pins.PULUMI_PROGRAMS, *_NAMES, *tests]
    stamp, requirements = checkout / ".venv" / "requirements.sha256", checkout / "ops" / "requirements.txt"
    return Facts(
        machine=read_machine(),
        programs={name: _program(name, path) for name in wanted},
        built=frozenset(
            name
            for name, module in BUILDS.items()
            if store.is_current(module.name, module.digest()) or (name == "pulumi" and (store.bin / name).exists())
        ),
        daemon=docker_api.find(),
        free_mb=shutil.disk_usage(checkout).free // 1_000_000,
        has_venv=stamp.exists() and stamp.read_text() == venv.digest(requirements),
        python=platform.python_version(),
        docker_package=_candidate("docker.io"),
    )


def _candidate(package: str) -> Version | None:
    """Return the version that apt would install, by its lists; None if it knows none."""
    said = run_for_text("apt-cache", "policy", package) or ""
    line = next((line for line in said.splitlines() if line.strip().startswith("Candidate:")), "")
    return parse_version(line)


def _program(name: str, path: str) -> Program | None:
    found = (find_program(one, path, _VERSIONS.get(name, "")) for one in _NAMES.get(name, (name,)))
    return next((one for one in found if one is not None), None)
