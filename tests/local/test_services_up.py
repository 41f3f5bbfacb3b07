"""All local services for real: up, again, after a crash, down. Needs the toolchain (`make test` sees to that)."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from ops.local import down, environment, ports, process, up
from tests import needs

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.layout import Layout

pytestmark = pytest.mark.stack


@pytest.fixture(autouse=True)
def stand_ins_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOS_BASE_IMAGES", str(tmp_path))


def test_up_starts_everything_again_changes_nothing_and_down_leaves_nothing(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    first = up.services_up(layout)
    used = set(first.services.ports)
    assert len(used) >= 2
    assert all(ports.is_answering(port) for port in used)
    assert up.services_up(layout) == first
    assert "was not running any more" not in capsys.readouterr().out
    for lost in ([layout.services], [layout.services, layout.env]):
        for file in lost:
            os.truncate(file, 0)
        again = up.services_up(layout).services
        assert again.by_name.keys() == first.services.by_name.keys()
        assert all(service.is_alive() for service in again.by_name.values())
        assert all(ports.is_answering(port) for port in again.ports)
        docker = first.services.by_name.get("docker")
        assert docker is None or docker.is_alive(), "containers run in it"
        used |= again.ports
    assert down.run(layout) == 0
    assert process.marked(process.mark_of(layout.root)) == []
    assert not any(ports.is_answering(port) for port in used)
    assert not layout.root.exists()


def test_an_emulator_that_was_killed_comes_back_on_its_port(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    before = up.services_up(layout).services.by_name["emulator"]
    assert before.process is not None
    os.kill(before.process.pid, signal.SIGKILL)
    assert process.wait_for(lambda: not before.is_alive(), 10)
    after = up.services_up(layout).services.by_name["emulator"]
    assert after.address == before.address
    assert "emulator was not running any more; starting it again" in capsys.readouterr().out
    down.run(layout)


def test_where_docker_alone_was_killed_the_emulator_starts_again_too(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its containers end with their Docker; an emulator that lives on believes that they run."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")  # so that it has a Docker of its own
    first = up.services_up(layout).services.by_name
    docker, emulator = first.get("docker"), first["emulator"]
    if docker is None or docker.process is None:
        down.run(layout)
        (needs.DOCKER if os.geteuid() == 0 else needs.ROOT).skip()
    os.kill(docker.process.pid, signal.SIGKILL)
    assert process.wait_for(lambda: not docker.is_alive(), 10)
    second = up.services_up(layout).services.by_name
    assert second["docker"].is_alive()
    assert second["emulator"].address == emulator.address
    assert second["emulator"].process != emulator.process
    down.run(layout)


def test_stand_ins_of_openrouter_and_agentmail_run_where_they_are_switched_on(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDINS", "1")
    first = up.services_up(layout)
    address = first.services.by_name["standins"].address
    assert ports.is_answering(first.services.by_name["standins"].port)
    assert first.env["CONVOS_STANDINS"].endswith(address.rpartition(":")[2])
    assert address in first.services.by_name["emulator"].way
    assert up.services_up(layout) == first
    monkeypatch.delenv("STANDINS")
    without = up.services_up(layout)
    assert "standins" not in without.services.by_name
    assert "CONVOS_STANDINS" not in without.env
    assert not ports.is_answering(int(address.rpartition(":")[2]))
    down.run(layout)


def test_a_shell_that_sources_the_env_file_speaks_to_the_local_stack(layout: Layout) -> None:
    ready = up.services_up(layout)
    done = subprocess.run(
        ["/bin/sh", "-euc", '. "$1"; printf "%s\\n" "$RAILWAY_ENDPOINT"; pulumi whoami --json', "sh", str(layout.env)],
        env={"PATH": os.environ["PATH"], "HOME": str(layout.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"http://{ready.services.by_name['emulator'].address}/graphql/v2"
    assert environment.backend_url(layout) in done.stdout
    assert layout.env.stat().st_mode & 0o777 == 0o600
    down.run(layout)
