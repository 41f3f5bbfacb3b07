"""A first day: the workflows build both images, then `pulumi up --stack scaling` with what docs/ci.md says.

Some minutes long, and with services of its own, so only where it is asked for:

    make services && . .local/env && FIRST_DAY=1 pytest tests/workflows/test_first_day.py
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from convos_infra.registry.resolve import resolve
from tests.workflows.act_world import CHECKOUT, World, branch_event
from tests.workflows.test_first_push import MAKEFILE

ASKED = os.environ.get("FIRST_DAY") == "1"
STRICT = {
    "image_check": "on",
    "creation_throttle_seconds": 30,
    "requests_per_second": 10,
    "requests_per_hour": 1000,
    "read_lag_seconds": 3,
    "latency_ms": 50,
}
"""The emulator with every limit of Railway's smallest paid plan, and reads that lag behind."""
OF_LOCAL = ("CONVOS_IMAGE_REGISTRY", "CONVOS_BUILDER", "CONVOS_BASE_IMAGES", "BUILDKIT_HOST", "BUILDX_CONFIG")
"""What the builds need and the stack must do without."""


@pytest.fixture
def strict() -> Iterator[None]:
    """Make the emulator of .local/env strict for a test."""
    url = f"{os.environ['RAILWAY_ENDPOINT'].removesuffix('/graphql/v2')}/_emulator/settings"
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {os.environ['RAILWAY_API_TOKEN']}"
    before = session.get(url, timeout=20).json()
    session.patch(url, json=STRICT, timeout=20).raise_for_status()
    yield
    session.patch(url, json={name: before[name] for name in STRICT}, timeout=20).raise_for_status()


@pytest.mark.usefixtures("strict")
@pytest.mark.minutes_long(". .local/env && FIRST_DAY=1 make test", asked=ASKED)
def test_images_that_the_workflows_built_make_a_stack_that_runs(tmp_path: Path, workflow_tools: dict[str, str]) -> None:
    registry = f"{os.environ['CONVOS_IMAGE_REGISTRY']}/{tmp_path.name.replace('_', '-').lower()}"
    stack = (CHECKOUT / "Pulumi.scaling.yaml").read_text().replace("ghcr.io/", f"{registry}/")
    files = {"Makefile": MAKEFILE, "Pulumi.scaling.yaml": stack}
    world = World(tmp_path / "act", workflow_tools["act"], registry, files)
    # As a checkout under umask 077 has it: the pool manager's image must not keep that.
    subprocess.run(["chmod", "-R", "go=", str(world.repository)], check=True)
    push = {**branch_event("scaling"), "before": "0" * 40}
    built = {}
    for image in ("runtime", "pool"):
        more = {name: os.environ[name] for name in ("BUILDKIT_HOST", "CONVOS_BASE_IMAGES")}
        run = world.run("push", push, image=image, STANDIN_BUILD="real", **more)
        assert run.code == 0, run.text
        built[image] = resolve(f"{world.packages}/convos-{image}:scaling")
        assert built[image].revision == world.commit

    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(checkout)], check=True)
    (checkout / ".venv").symlink_to(CHECKOUT / ".venv")
    (checkout / "Pulumi.scaling.yaml").write_text(stack)
    (tmp_path / "state").mkdir()
    env = {name: value for name, value in os.environ.items() if name not in OF_LOCAL}
    env |= {"PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}?metadata=skip"}

    def pulumi(*arguments: str, **more: str) -> str:
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            command, cwd=checkout, env={**env, **more}, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pulumi("stack", "init", "scaling")
    try:
        print(pulumi("up", "--stack", "scaling", "--yes"))
        outputs = json.loads(pulumi("stack", "output", "--stack", "scaling", "--json"))
        assert outputs["image"]["digest"] == built["runtime"].digest
        assert outputs["poolManager"]["image"].endswith(f"@{built['pool'].digest}")
        assert [outputs[name]["status"] for name in ("canary", "poolManager")] == ["SUCCESS", "SUCCESS"]
        print(json.dumps(outputs, indent=1))
    finally:
        pulumi("destroy", "--stack", "scaling", "--yes", DATA_ON_DESTROY="delete", AGENTS_ON_DESTROY="delete")
