"""The development container: its file by the specification's properties, and its steps by what the tests need."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from ops.toolchain import pins
from ops.toolchain.survey import TEST_PROGRAMS

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / ".devcontainer"
FILE: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text())
PACKAGES = (FOLDER / "packages.sh").read_text()
STEPS = ("onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand", "postAttachCommand")
"""In the order in which they run (containers.dev/implementors/json_reference, lifecycle scripts)."""
TYPES: dict[str, type] = {
    **dict.fromkeys(("name", "image", "remoteUser", "waitFor", "workspaceFolder", "initializeCommand", *STEPS), str),
    **dict.fromkeys(("features", "hostRequirements", "containerEnv", "remoteEnv", "customizations"), dict),
    **dict.fromkeys(("forwardPorts", "capAdd", "mounts", "runArgs"), list),
    **dict.fromkeys(("init", "privileged", "overrideCommand"), bool),
}
"""The properties of a container made from an image; the same page has them with their types."""


def test_the_file_has_only_properties_of_the_specification() -> None:
    assert {name: type(value) for name, value in FILE.items()} == {name: TYPES[name] for name in FILE}
    assert FILE["waitFor"] in STEPS
    assert re.fullmatch(r"[a-z0-9./-]+:[a-z0-9.-]+", FILE["image"])
    for feature in FILE["features"]:
        assert re.fullmatch(r"ghcr\.io/devcontainers/features/[a-z-]+:\d+", feature)
    assert set(FILE["hostRequirements"]) <= {"cpus", "memory", "storage", "gpu"}


def test_it_has_docker_node_and_a_go_that_builds_the_pinned_modules() -> None:
    features = {name.rpartition("/")[2].partition(":")[0]: options for name, options in FILE["features"].items()}
    assert set(features) == {"docker-in-docker", "go", "node"}
    assert tuple(map(int, features["go"]["version"].split("."))) >= pins.GO_MINIMUM
    runtime = (CHECKOUT / "runtime" / "Dockerfile").read_text()
    assert f"node:{features['node']['version']}-" in runtime, "the runtime outside of a container runs on the same Node"


def test_each_step_is_a_script_or_a_target_that_exists() -> None:
    steps = [FILE[name] for name in STEPS if name in FILE]
    assert steps[-1] == "make local"
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for step in steps:
        word, what = step.split()
        assert (word == "make" and what in targets) or (word == "sh" and (CHECKOUT / what).is_file()), step


def test_its_packages_are_all_that_tests_look_for() -> None:
    wanted = {package for _, _, package, _ in TEST_PROGRAMS} - {"nodejs"} | {"pgbouncer", "docker-registry", "runc"}
    installed = set(PACKAGES.partition("--no-install-recommends")[2].partition("# ")[0].replace("\\", " ").split())
    assert wanted <= installed
    assert subprocess.run(["sh", "-n", str(FOLDER / "packages.sh")], check=False).returncode == 0
    assert FILE["containerEnv"]["CHROMIUM_PATH"] == "/usr/bin/chromium"
