"""The real registry and BuildKit, started and stopped by us; `down` after everything that can go wrong before it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.local import bases, down, image_services, ports, process, status
from ops.local.services import LocalService, load, save
from ops.local.starter import Starter
from ops.toolchain import base_images
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import find_program
from ops.toolchain.store import Store
from ops.toolchain.tools import Tool
from tests import needs

if TYPE_CHECKING:
    import io

    from ops.local.layout import Layout

CHECKOUT = Path(__file__).parents[2]
REGISTRY = find_program("docker-registry", os.environ["PATH"]) or find_program("registry", os.environ["PATH"])
needs_registry = pytest.mark.skipif(REGISTRY is None, reason=needs.REGISTRY.reason)


@pytest.fixture
def registry_tool() -> Tool:
    assert REGISTRY is not None
    return Tool("registry", "path", "registry", {"registry": REGISTRY.path})


@needs_registry
def test_the_registry_runs_on_a_free_port_and_down_leaves_nothing(starter: Starter, registry_tool: Tool) -> None:
    service = image_services.registry(starter, registry_tool, "")
    assert ports.is_answering(service.port)
    assert load(starter.layout).by_name["registry"] == service
    assert down.run(starter.layout) == 0
    assert not ports.is_answering(service.port)
    assert not service.is_alive()
    assert not starter.layout.root.exists()


@needs_registry
def test_a_registry_that_runs_is_kept(starter: Starter, registry_tool: Tool) -> None:
    first = image_services.registry(starter, registry_tool, "")
    assert image_services.registry(starter, registry_tool, "") == first


@needs_registry
def test_a_registry_that_crashed_comes_back_on_its_port_and_that_is_said(
    starter: Starter, registry_tool: Tool, out: io.StringIO
) -> None:
    first = image_services.registry(starter, registry_tool, "")
    assert first.process is not None
    os.kill(first.process.pid, signal.SIGKILL)
    assert process.wait_for(lambda: not first.is_alive(), 10)
    again = image_services.registry(starter, registry_tool, "")
    assert again.address == first.address
    assert again.process != first.process
    assert "registry was not running any more; starting it again" in out.getvalue()


@needs_registry
def test_a_taken_port_is_left_alone(starter: Starter, registry_tool: Tool, layout: Layout) -> None:
    first = image_services.registry(starter, registry_tool, "")
    other = Starter(replace(layout, root=layout.root.parent / "second"), starter.services, starter.step)
    other.services = other.services.with_service(replace(first, process=None, way="daemon"))
    second = image_services.registry(other, registry_tool, "")
    assert second.port != first.port
    assert ports.is_answering(first.port)
    assert ports.is_answering(second.port)
    down.run(other.layout)


def run_service(starter: Starter, code: str, ready: Callable[[LocalService], bool]) -> LocalService:
    return starter.run(LocalService("emulator", "own", "127.0.0.1:1"), [sys.executable, "-c", code], ready)


def test_a_service_that_ends_at_once_is_told_with_its_last_words(starter: Starter) -> None:
    with pytest.raises(ToolError, match="emulator: it ended at once: no such option; its log is ") as caught:
        run_service(starter, "raise SystemExit('first\\nno such option')", lambda _: False)
    assert "\n" not in str(caught.value)


def test_a_service_that_never_answers_is_stopped_again(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.local.starter.READY_SECONDS", 0.3)
    with pytest.raises(ToolError, match="no answer in 0 s"):
        run_service(starter, "import time; time.sleep(300)", lambda _: False)
    assert not starter.services.by_name["emulator"].is_alive()


def test_a_service_is_written_down_before_it_answers(starter: Starter) -> None:
    """So that Ctrl-C in the middle leaves something that `down` finds."""

    def interrupted(service: LocalService) -> bool:
        assert load(starter.layout).by_name["emulator"].process == service.process
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_service(starter, "import time; time.sleep(300)", interrupted)
    assert down.run(starter.layout) == 0
    assert process.marked(process.mark_of(starter.layout.root)) == []


def test_down_twice_is_fine_and_says_that_there_was_nothing(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert down.run(layout) == 0
    capsys.readouterr()
    assert down.run(layout) == 0
    assert "nothing was running, nothing to remove" in capsys.readouterr().out


def test_down_finds_processes_that_a_half_written_file_forgot(starter: Starter, layout: Layout) -> None:
    started = run_service(starter, "import time; time.sleep(300)", lambda _: True)
    layout.services.write_text('{"services": {"emul')
    assert down.run(layout) == 0
    assert not started.is_alive()
    assert not layout.root.exists()


def test_down_never_touches_a_service_that_is_not_ours(starter: Starter, layout: Layout) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        taken_over = process.Process(stranger.pid, "a start time of long ago")
        save(layout, starter.services.with_service(LocalService("registry", "path", "127.0.0.1:1", taken_over)))
        assert down.run(layout) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_down_keeps_a_passphrase_that_secrets_still_need(layout: Layout, tmp_path: Path) -> None:
    mine = replace(layout, checkout=tmp_path)
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  x:key:\n    secure: v1:abc\nencryptionsalt: v1:abc=\n")
    mine.passphrase.write_text("secret")
    (mine.root / "state").mkdir()
    assert down.run(mine) == 0
    assert [entry.name for entry in mine.root.iterdir()] == ["passphrase"]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("convos-infra/qa.json", "qa (2 resources)"),
        ("another-project/local.json", "local (2 resources)"),
        ("qa.json", "qa (2 resources)"),
        ("convos-infra/qa.json.gz", "qa"),
        ("convos-infra/cut.json", "cut"),
    ],
)
def test_down_keeps_all_data_while_another_stack_lives_in_the_backend(
    starter: Starter, layout: Layout, capsys: pytest.CaptureFixture[str], file: str, said: str
) -> None:
    started = run_service(starter, "import time; time.sleep(300)", lambda _: True)
    state = layout.state / ".pulumi" / "stacks"
    for name in (file, "convos-infra/local.json", "convos-infra/local.json.bak"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text('{"checkpoint": {"latest": {"resources": [{}, {}]}}}')
    if "cut" in file:
        (state / file).write_text('{"checkpoint"')
    layout.passphrase.write_text("secret")
    layout.emulator.write_text("data")
    assert down.run(layout) == 0
    assert not started.is_alive()
    assert f"other stacks live in its backend: {said}\n" in capsys.readouterr().out
    assert all(kept.exists() for kept in (state / file, layout.passphrase, layout.emulator))
    assert down.run(layout, force=True) == 0
    assert not layout.root.exists()


def test_the_local_stack_alone_is_removed(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    state = layout.state / ".pulumi" / "stacks" / "convos-infra"
    state.mkdir(parents=True)
    for name in ("local.json", "local.json.bak", "local.json.attrs"):
        (state / name).write_text("{}")
    assert down.run(layout) == 0
    assert "kept" not in capsys.readouterr().out
    assert not layout.root.exists()


def test_ctrl_c_lets_pulumi_end_in_order(tmp_path: Path) -> None:
    """Killed, it would leave a locked stack and lose what it was about to write down."""
    fake = tmp_path / "pulumi"
    fake.write_text("#!/bin/sh\ntrap 'sleep 0.7; echo saved; exit 3' INT\necho started\nwhile :; do sleep 0.05; done\n")
    fake.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from ops.local import stack; "
        'sys.exit(stack.up(Path.cwd(), os.environ, "mark", Path(os.environ["LOG"])))'
    )
    log = tmp_path / "logs" / "pulumi.log"
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "LOG": str(log)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.wait_for(lambda: log.exists() and log.read_text() == "started\n", 20)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    printed = child.communicate(timeout=20)[0]
    assert log.read_text() == "started\nsaved\n"
    assert child.returncode == 3
    assert "  saved\n" in printed
    assert re.search(r"pulumi up +ended with exit code 3 ", printed)
    assert str(log) in printed


def test_a_folder_of_base_images_that_the_user_names_is_used(
    starter: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVOS_BASE_IMAGES", str(tmp_path))
    assert bases.ensure(starter, Store(tmp_path), Tool("buildkit", "daemon", "")) == tmp_path


def test_a_public_registry_that_answered_once_is_not_asked_again(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONVOS_BASE_IMAGES", raising=False)
    starter.remember(bases.NOTE, "pulled")
    assert bases.ensure(starter, Store(starter.layout.root), Tool("buildkit", "daemon", "")) is None


def test_a_docker_that_cannot_pull_means_stand_ins(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVOS_BASE_IMAGES", raising=False)
    monkeypatch.setattr(base_images, "make", lambda folder: [base_images.MadeFolder("node", "a fake", 1.0, made=True)])
    starter.note(LocalService("docker", "daemon", f"unix://{starter.layout.root}/nobody.sock"))
    store = Store(starter.layout.root)
    (store.root / "base-images").mkdir()
    found = bases.ensure(starter, store, Tool("buildkit", "daemon", ""))
    assert found is not None
    assert found.resolve() == store.root / "base-images"
    assert load(starter.layout).notes[bases.NOTE] == "stand-ins"


def test_status_of_a_service_that_died_says_where_its_log_is(
    starter: Starter, capsys: pytest.CaptureFixture[str]
) -> None:
    started = run_service(starter, "import time; time.sleep(300)", lambda _: True)
    assert started.process is not None
    assert status.run(starter.layout) == 0
    process.stop(started.process)
    assert status.run(starter.layout) == 1
    assert f"ended; see {starter.layout.logs}" in capsys.readouterr().out


def test_status_where_nothing_runs_names_the_command(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.run(layout) == 1
    assert "make local" in capsys.readouterr().out
