"""Taking a way: real programs on a PATH of our own, a real Go build, and what a user is told when nothing works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.toolchain import choose, gomod, pins, tools
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import Machine, find_program, parse_version, search_path
from ops.toolchain.pins import GoModule
from tests import needs

if TYPE_CHECKING:
    import io

    from ops.toolchain.console import Step
    from ops.toolchain.store import Store
    from ops.toolchain.tools import Workshop
    from tests.toolchain.conftest import FakeProgram

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason=needs.GO.reason)


def pulumi_on_path(on_path: FakeProgram, version: str = "v3.260.1") -> None:
    for name in pins.PULUMI_PROGRAMS:
        on_path(name, f"echo {version}")


def test_a_new_enough_pulumi_on_path_is_used_and_said(shop: Workshop, on_path: FakeProgram) -> None:
    pulumi_on_path(on_path)
    tool = tools.pulumi(shop)
    assert (tool.way, tool.says) == ("path", "pulumi 3.260.1")
    assert tools.summary([tool]) == ["pulumi 3.260.1 (found on PATH)"]


def test_the_cache_on_path_does_not_count_as_the_users_own(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    store.bin.mkdir(parents=True)
    for name in pins.PULUMI_PROGRAMS:
        (store.bin / name).write_text("#!/bin/sh\necho v3.260.1\n")
        (store.bin / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(store.bin))
    assert shop.find("pulumi") is None


def test_a_machine_with_nothing_is_told_one_line_with_a_command(shop: Workshop, on_path: FakeProgram) -> None:
    on_path("nothing")
    with pytest.raises(ToolError) as caught:
        tools.pulumi(shop)
    assert "\n" not in str(caught.value)
    assert "run: curl -fsSL https://get.pulumi.com | sh" in str(caught.value)


def test_a_machine_without_docker_goes_on_and_says_that_runs_are_simulated(
    shop: Workshop, on_path: FakeProgram, out: io.StringIO
) -> None:
    on_path("nothing")
    assert tools.docker(replace(shop, machine=Machine("Darwin", "arm64", root=False, debian=False))) is None
    assert "open -a Docker" in out.getvalue()
    assert "deployments are simulated until then" in out.getvalue()


def small_module(folder: Path, code: str) -> GoModule:
    folder.mkdir()
    (folder / "go.mod").write_text(f"module example.test/{folder.name}\n\ngo 1.21\n")
    (folder / "main.go").write_text(code)
    return GoModule(folder, (("hello", f"example.test/{folder.name}", "-s -w -X main.version=7"),))


HELLO = 'package main\n\nvar version string\n\nfunc main() { println("hello " + version) }\n'


@needs_go
def test_a_module_is_built_once_and_again_only_when_it_changes(tmp_path: Path, store: Store, step: Step) -> None:
    module = small_module(tmp_path / "hello", HELLO)
    gomod.build(module, store, step)
    first = (store.bin / "hello").stat().st_mtime_ns
    gomod.build(module, store, step)
    assert (store.bin / "hello").stat().st_mtime_ns == first
    (module.folder / "main.go").write_text(HELLO.replace("hello ", "bye "))
    gomod.build(module, store, step)
    assert (store.bin / "hello").stat().st_mtime_ns > first


@needs_go
def test_a_build_that_fails_is_one_line_and_leaves_the_old_tool_alone(tmp_path: Path, store: Store, step: Step) -> None:
    module = small_module(tmp_path / "hello", HELLO)
    gomod.build(module, store, step)
    before = (store.bin / "hello").read_bytes()
    (module.folder / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(
        ToolError, match=r"hello: go build failed: .*undefined: nonsense; its whole output is in "
    ) as caught:
        gomod.build(module, store, step)
    assert "\n" not in str(caught.value)
    assert (store.bin / "hello").read_bytes() == before
    assert not store.is_current("hello", module.digest())


@needs_go
def test_a_dependency_that_go_sum_does_not_list_is_refused(tmp_path: Path, store: Store, step: Step) -> None:
    module = small_module(tmp_path / "hello", 'package main\n\nimport _ "example.test/other"\n\nfunc main() {}\n')
    with pytest.raises(ToolError, match="go build failed"):
        gomod.build(module, store, step)
    assert not (module.folder / "go.sum").exists()


@pytest.mark.parametrize("module", [*choose.MODULES, pins.WORKFLOW_MODULE], ids=lambda module: module.name)
def test_every_module_is_pinned_with_its_sums(module: GoModule) -> None:
    pinned = (module.folder / "go.mod").read_text()
    assert (module.folder / "go.sum").stat().st_size > 1000
    for _, package, _ in module.commands:
        assert package in pinned  # as a `tool` line, so that `go build` finds it without changing go.mod


@pytest.mark.parametrize(
    ("module", "version"),
    [
        (pins.PULUMI_MODULE, f"github.com/pulumi/pulumi/pkg/v3 v{pins.PULUMI}"),
        (pins.PULUMI_MODULE, f"github.com/pulumi/pulumi/sdk/v3 v{pins.PULUMI}"),
        (pins.LANGUAGE_MODULE, f"github.com/pulumi/pulumi/sdk/v3 v{pins.LANGUAGE_HOST}"),
        (pins.DOCKER_BUILD_MODULE, f"github.com/pulumi/pulumi-docker-build v{pins.DOCKER_BUILD}"),
        (pins.BUILDKIT_MODULE, f"github.com/moby/buildkit v{pins.BUILDKIT}"),
        (pins.REGISTRY_MODULE, f"github.com/distribution/distribution/v3 v{pins.REGISTRY}"),
        (pins.WORKFLOW_MODULE, f"github.com/rhysd/actionlint v{pins.ACTIONLINT}"),
        (pins.WORKFLOW_MODULE, f"github.com/nektos/act v{pins.ACT}"),
    ],
)
def test_what_we_say_we_pin_is_what_go_mod_pins(module: GoModule, version: str) -> None:
    assert version in (module.folder / "go.mod").read_text()


def test_the_second_call_starts_no_tool_and_takes_no_time(
    store: Store, step: Step, on_path: FakeProgram, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_on_path(on_path)
    for name in ("pulumi-resource-docker-build", "buildkitd", "runc", "registry"):
        on_path(name, "echo v0.31.1")
    on_path("go", "exit 1")
    if os.geteuid() != 0:
        needs.ROOT.skip()
    first = choose.ensure(store, step, with_docker=False)
    before = calls()
    again = choose.ensure(store, step, with_docker=False)
    assert again == first
    assert [call for call in calls()[len(before) :] if not call.startswith("go ")] == []


def test_a_pulumi_that_appears_on_path_is_noticed(shop: Workshop, on_path: FakeProgram) -> None:
    on_path("registry")
    before = choose.key(shop)
    pulumi_on_path(on_path)
    assert choose.key(shop) != before


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0\n", (3, 259, 0)),
        ("v3.260.0-alpha.1+dirty", (3, 260, 0)),
        ("buildkitd github.com/moby/buildkit v0.31.1 ", (0, 31, 1)),
        ("go1.26", (1, 26)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("", None),
        ("dev", None),
    ],
)
def test_versions_are_read_from_what_programs_print(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


def test_a_program_that_hangs_or_fails_has_no_version(on_path: FakeProgram) -> None:
    on_path("broken", "echo v1.2.3; exit 3")
    found = find_program("broken", search_path(without=Path("/nowhere")), "--version")
    assert found is not None
    assert found.version is None
