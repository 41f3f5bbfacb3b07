"""The runtime image itself: built by real BuildKit or Docker, started as Railway and CI start it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.toolchain import base_images
from ops.toolchain.store import default_store
from tests import needs
from tests.contract.runtimes import HURRIED

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.docker


def docker(*args: str, check: bool = True, text: str | None = None) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=120, input=text)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def pulls(image: str) -> bool:
    here = subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0
    return here or subprocess.run(["docker", "pull", "--quiet", image], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the image under a name of its own, built as `make image` does, from a checkout made under umask 077."""
    if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        needs.DOCKER.skip()
    name = f"convos-runtime-test:{os.getpid()}"
    env = {**os.environ, "REVISION": "0123456789abcdef0123456789abcdef01234567", "VERSION": "test"}
    if "CONVOS_BASE_IMAGES" not in env and not pulls("node:22-bookworm-slim"):
        folder = default_store().root / "base-images"
        base_images.make(folder, ["node"])
        env["CONVOS_BASE_IMAGES"] = str(folder)
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in ("ops/image", "runtime"):
        shutil.copytree(CHECKOUT / folder, checkout / folder, ignore=shutil.ignore_patterns(".env", "node_modules"))
    shutil.copyfile(CHECKOUT / ".dockerignore", checkout / ".dockerignore")
    subprocess.run(["chmod", "-R", "go=", str(checkout)], check=True)
    command = ["sh", "ops/image/build.sh", "runtime", name]
    built = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    yield name
    docker("rmi", "--force", name, "convos-base-node:local", check=False)


@pytest.fixture
def doubles(image: str) -> Iterator[dict[str, str]]:
    """Return bad images made of the good one."""
    deaf = "console.log('deaf: I listen nowhere'); setInterval(() => {}, 1000)"
    changes = {
        "says-not-ready": "ENV RUNTIME_NEVER_READY=1",
        "exits": "ENV RUNTIME_EXIT=1",
        "deaf": f'RUN echo "{deaf}" > /app/scripts/pool-server.js',
    }
    made = {}
    for name, change in changes.items():
        made[name] = f"{image}-{name}"
        docker("build", "--tag", made[name], "-", text=f"FROM {image}\n{change}\n")
    yield made
    docker("rmi", "--force", *made.values(), check=False)


def qa(image: str, **variables: str) -> tuple[int, str]:
    env = {**os.environ, "QA_SETTLE_SECONDS": "0", **variables}
    done = subprocess.run(
        ["sh", "ops/image/qa.sh", image], cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=180
    )
    return done.returncode, done.stdout + done.stderr


def leftovers() -> list[str]:
    return [name for name in docker("ps", "--all", "--format", "{{.Names}}").split() if name.startswith("convos-qa-")]


def test_qa_passes_on_the_good_image_and_leaves_nothing_behind(image: str) -> None:
    before = leftovers()
    code, output = qa(image)
    assert code == 0, output
    assert re.search(r"^\d+ passed, 0 failed$", output, re.MULTILINE)
    assert set(leftovers()) <= set(before)


def test_everybody_can_read_what_a_checkout_under_umask_077_gave_the_image(image: str) -> None:
    listed = docker("run", "--rm", "--entrypoint", "ls", image, "-lR", "/app").splitlines()
    modes = {line.split()[0] for line in listed if line.startswith(("-", "d"))}
    assert modes <= {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}, modes
    assert {"drwxr-xr-x", "-rw-r--r--"} <= modes


def test_qa_passes_with_a_bearer(image: str) -> None:
    code, output = qa(image, QA_BEARER="a-key")
    assert code == 0, output
    assert "skipped" not in output


@pytest.fixture(scope="module")
def todays_image(image: str) -> Iterator[str]:
    """Return the double of today's runtime as an image."""
    name = f"{image}-today"
    docker("build", "--tag", name, "--build-arg", f"NODE={image}", str(CHECKOUT / "tests" / "contract" / "today"))
    yield name
    docker("rmi", "--force", name, check=False)


def test_qa_passes_on_todays_image_with_its_own_commands(todays_image: str) -> None:
    start = "node convos-platform/pool-server/dist/index.js"
    code, output = qa(todays_image, QA_START_COMMAND=start, QA_SMOKE_COMMAND="true")
    assert code == 0, output


def contract(image: str, edition: str, env_file: str = "") -> subprocess.CompletedProcess[str]:
    # What `make test` was given (ARGS) is for the suite that this test is part of.
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    env = {**own, "CONTRACT_RUNTIME_IMAGE": image, "CONTRACT_RUNTIME_EDITION": edition}
    env |= {"CONTRACT_RUNTIME_ENV_FILE": env_file}
    env |= {"CONTRACT_RUNTIME_JOIN_URL": "https://convos.org/v2?i=abc"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/contract/test_runtime.py",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=300)


def test_the_image_passes_the_contract_suite(image: str, tmp_path: Path) -> None:
    file = tmp_path / "hurried.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in HURRIED.items()))
    done = contract(image, "then", str(file))
    assert done.returncode == 0, done.stdout
    assert " skipped" not in done.stdout


def test_todays_image_passes_the_contract_suite(todays_image: str) -> None:
    done = contract(todays_image, "today")
    assert done.returncode == 0, done.stdout
    assert " skipped" not in done.stdout


@pytest.mark.parametrize("flag", ["--read-only", "--cap-drop=ALL", "--volume={}:/data:ro"])
def test_a_container_that_cannot_work_ends_in_one_line(image: str, flag: str, tmp_path: Path) -> None:
    command = ["docker", "run", "--rm", flag.format(tmp_path), image, "node", "scripts/pool-server.js"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert len((done.stdout + done.stderr).splitlines()) == 1, done.stdout + done.stderr


def test_qa_fails_with_the_log_on_an_image_that_never_answers(doubles: dict[str, str]) -> None:
    before = leftovers()
    code, output = qa(doubles["deaf"], QA_READY_SECONDS="3")
    assert code == 1
    assert "not ready after 3 s; /pool/health answers: nothing" in output
    assert "  | deaf: I listen nowhere" in output
    assert set(leftovers()) <= set(before)


def test_qa_fails_with_the_log_on_an_image_that_says_that_it_is_not_ready(doubles: dict[str, str]) -> None:
    code, output = qa(doubles["says-not-ready"], QA_READY_SECONDS="3")
    assert code == 1
    assert 'not ready after 3 s; /pool/health answers: {"ready":false}' in output
    assert "  | gateway: listening" in output


def test_qa_fails_with_the_log_on_an_image_that_exits(doubles: dict[str, str]) -> None:
    began = time.monotonic()
    code, output = qa(doubles["exits"])
    assert code == 1
    assert "the container ended with exit code 1 before it was ready" in output
    assert "  | gateway: RUNTIME_EXIT=1" in output
    assert time.monotonic() - began < 30, "it does not wait out the 120 s"


def test_the_health_path_exists_under_the_start_command_of_qa() -> None:
    """Bug 4 of the mission: `pnpm start` runs the gateway alone, and /pool/health is the pool server's."""
    script = (CHECKOUT / "ops" / "image" / "qa.sh").read_text()
    assert re.search(r'"\$image" \$\{QA_START_COMMAND:-node scripts/pool-server\.js\}', script)
    assert "GET /pool/health" in (CHECKOUT / "runtime" / "scripts" / "pool-server.js").read_text()


def test_the_container_sees_the_keys_of_runtime_env(image: str, tmp_path: Path) -> None:
    """Bug 2 of the mission: `--env-file .env` after `cd ..` read the repository root's file."""
    checkout = tmp_path / "checkout"
    for name in ("runtime", "ops/image"):
        (checkout / name).mkdir(parents=True)
    (checkout / "ops" / "image" / "run.sh").write_text((CHECKOUT / "ops" / "image" / "run.sh").read_text())
    (checkout / ".env").write_text("OPENCLAW_PRIMARY_MODEL=of-the-root\nONLY_ROOT=1\n")
    (checkout / "runtime" / ".env").write_text("OPENCLAW_PRIMARY_MODEL=of-runtime\nPORT=1\n")
    env = {**os.environ, "NAME": f"convos-run-{os.getpid()}", "HOST_PORT": "0"}
    for folder, script in ((checkout, "ops/image/run.sh"), (checkout / "runtime", "../ops/image/run.sh")):
        done = subprocess.run(
            ["sh", script, image, "env"], cwd=folder, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        seen = set(done.stdout.split())
        assert {"OPENCLAW_PRIMARY_MODEL=of-runtime", "PORT=8080", "OPENCLAW_STATE_DIR=/app"} <= seen
        assert "ONLY_ROOT=1" not in seen


def test_without_runtime_env_run_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "ops" / "image").mkdir(parents=True)
    (tmp_path / "ops" / "image" / "run.sh").write_text((CHECKOUT / "ops" / "image" / "run.sh").read_text())
    done = subprocess.run(["sh", "ops/image/run.sh", "any"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "run: runtime/.env is missing; run: cp runtime/.env.example runtime/.env\n"


def test_the_image_says_which_commit_it_is(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.revision"] == "0123456789abcdef0123456789abcdef01234567"
    assert labels["org.opencontainers.image.version"] == "test"
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))
    assert "8080/tcp" in config["ExposedPorts"]


def test_it_runs_without_root_and_the_volume_is_its_own(image: str) -> None:
    name = f"convos-volume-{os.getpid()}"
    docker("run", "--detach", "--name", name, "--volume", f"{name}:/data", image, "node", "scripts/pool-server.js")
    try:
        deadline = time.monotonic() + 30
        while docker("exec", name, "stat", "-c", "%u", "/data") != "1000":
            assert time.monotonic() < deadline
        assert "\nUid:\t1000\t1000" in docker("exec", name, "cat", "/proc/1/status")
    finally:
        docker("rm", "--force", name, check=False)
        docker("volume", "rm", name, check=False)


def test_docker_stop_does_not_wait_for_its_ten_seconds(image: str) -> None:
    name = f"convos-stop-{os.getpid()}"
    docker("run", "--detach", "--name", name, image, "node", "scripts/pool-server.js")
    try:
        deadline = time.monotonic() + 30
        while "pool-server: ready" not in docker("logs", name):
            assert time.monotonic() < deadline
        began = time.monotonic()
        docker("stop", name)
        assert time.monotonic() - began < 4
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name) == "0"
    finally:
        docker("rm", "--force", name, check=False)


@pytest.mark.parametrize("command", [["node", "scripts/pool-server.js"], []], ids=["railway", "pnpm start"])
def test_docker_stop_right_after_the_start_is_obeyed(image: str, command: list[str]) -> None:
    name = f"convos-stopped-{os.getpid()}"
    docker("run", "--detach", "--name", name, image, *command)
    try:
        began = time.monotonic()
        docker("stop", name)
        assert time.monotonic() - began < 6, "Docker would kill it after 10 s"
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name) != "137"
    finally:
        docker("rm", "--force", name, check=False)


def test_no_secret_and_no_other_folder_is_in_the_image(image: str) -> None:
    files = docker("run", "--rm", "--entrypoint", "find", image, "/app", "-type", "f").split()
    assert "/app/scripts/pool-server.js" in files
    assert not [name for name in files if not name.startswith("/app/scripts/") and name != "/app/package.json"]
