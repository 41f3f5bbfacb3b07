"""Which way each tool comes: tables of facts and decisions, no machine needed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ops.toolchain import install_plan, pins
from ops.toolchain.install_plan import Daemon
from ops.toolchain.machine import Machine, Program

GO = (1, 25, 0)
OLD_GO = (1, 20, 9)
LAPTOP = Machine("Linux", "x64", root=False, debian=True, go=None)
DEBIAN_ROOT = Machine("Linux", "x64", root=True, debian=True, go=GO)
FEDORA_ROOT = Machine("Linux", "x64", root=True, debian=False, go=GO)
MAC = Machine("Darwin", "arm64", root=False, debian=False, go=GO)
BARE_MAC = Machine("Darwin", "arm64", root=False, debian=False, go=None)
NEW_DOCKER = Daemon("unix:///var/run/docker.sock", (28, 2, 2))
OLD_DOCKER = Daemon("unix:///var/run/docker.sock", (20, 10, 24))
ALL_OF_PULUMI = {name: Program(f"/usr/bin/{name}") for name in pins.PULUMI_PROGRAMS}


def pulumi_found(version: tuple[int, ...] | None) -> dict[str, Program | None]:
    return {**ALL_OF_PULUMI, "pulumi": Program("/usr/bin/pulumi", version)}


@pytest.mark.parametrize(
    ("found", "machine", "expected"),
    [
        (pulumi_found((3, 259, 0)), LAPTOP, ("path", "release")),
        (pulumi_found((3, 300, 1)), DEBIAN_ROOT, ("path", "release", "go")),
        (pulumi_found((3, 258, 9)), DEBIAN_ROOT, ("release", "go")),
        (pulumi_found(None), DEBIAN_ROOT, ("release", "go")),
        ({**pulumi_found((3, 260, 0)), "pulumi-language-python": None}, DEBIAN_ROOT, ("release", "go")),
        ({}, LAPTOP, ("release",)),
        ({}, Machine("Linux", "riscv64", root=True, debian=True, go=GO), ("go",)),
        ({}, Machine("Linux", "riscv64", root=False, debian=True, go=OLD_GO), ()),
    ],
)
def test_pulumi_comes_from_path_then_the_release_then_go(
    found: Mapping[str, Program | None], machine: Machine, expected: tuple[str, ...]
) -> None:
    assert install_plan.pulumi(found, machine).ways == expected


def test_a_pulumi_that_is_too_old_is_named_with_both_versions() -> None:
    plan = install_plan.pulumi(pulumi_found((3, 100, 0)), DEBIAN_ROOT)
    assert plan.skipped[0] == "pulumi on PATH is 3.100.0, older than 3.259.0"


def test_a_platform_that_the_vendor_has_no_release_for_is_said() -> None:
    plan = install_plan.pulumi({}, Machine("Linux", "riscv64", root=True, debian=True, go=GO))
    assert plan.skipped == ("the vendor has no release for Linux on riscv64",)


@pytest.mark.parametrize(
    ("found", "machine", "pulumi_way", "expected"),
    [
        (None, DEBIAN_ROOT, "go", ("go",)),
        (None, DEBIAN_ROOT, "path", ("plugin", "go")),
        (None, LAPTOP, "release", ("plugin",)),
        (Program("/usr/bin/pulumi-resource-docker-build"), LAPTOP, "go", ("path",)),
        (None, LAPTOP, "go", ()),
    ],
)
def test_a_vendors_pulumi_fetches_docker_build_itself(
    found: Program | None, machine: Machine, pulumi_way: str, expected: tuple[str, ...]
) -> None:
    assert install_plan.docker_build(found, machine, pulumi_way).ways == expected


@pytest.mark.parametrize(
    ("daemon", "dockerd", "machine", "expected"),
    [
        (NEW_DOCKER, None, LAPTOP, ("daemon",)),
        (OLD_DOCKER, Program("/usr/sbin/dockerd"), DEBIAN_ROOT, ("daemon",)),
        (None, Program("/usr/sbin/dockerd"), DEBIAN_ROOT, ("own",)),
        (None, None, DEBIAN_ROOT, ("debian",)),
        (None, None, FEDORA_ROOT, ()),
        (None, None, LAPTOP, ()),
        (None, None, MAC, ()),
    ],
)
def test_a_daemon_that_answers_is_used_and_only_root_starts_one(
    daemon: Daemon | None, dockerd: Program | None, machine: Machine, expected: tuple[str, ...]
) -> None:
    assert install_plan.docker(daemon, dockerd, machine).ways == expected


@pytest.mark.parametrize(
    ("daemon", "found", "machine", "expected"),
    [
        (NEW_DOCKER, {}, LAPTOP, ("daemon",)),
        (OLD_DOCKER, {}, DEBIAN_ROOT, ("go",)),
        (OLD_DOCKER, {"buildkitd": Program("/usr/bin/buildkitd", (0, 20, 0))}, DEBIAN_ROOT, ("path", "go")),
        (OLD_DOCKER, {"buildkitd": Program("/usr/bin/buildkitd", (0, 8, 0))}, DEBIAN_ROOT, ("go",)),
        (None, {"runc": Program("/usr/sbin/runc")}, FEDORA_ROOT, ("go",)),
        (None, {}, FEDORA_ROOT, ()),
        (OLD_DOCKER, {}, LAPTOP, ()),
        (None, {}, MAC, ()),
    ],
)
def test_buildkit_is_dockers_own_where_that_is_new_enough(
    daemon: Daemon | None, found: Mapping[str, Program | None], machine: Machine, expected: tuple[str, ...]
) -> None:
    assert install_plan.buildkit(daemon, found, machine).ways == expected


@pytest.mark.parametrize(
    ("found", "daemon", "machine", "expected"),
    [
        (Program("/usr/bin/docker-registry"), NEW_DOCKER, DEBIAN_ROOT, ("path", "container", "go")),
        (None, NEW_DOCKER, DEBIAN_ROOT, ("debian", "container", "go")),
        (None, NEW_DOCKER, LAPTOP, ("container",)),
        (None, None, MAC, ("go",)),
        (None, None, BARE_MAC, ()),
    ],
)
def test_the_registry_is_debians_on_debian_else_a_container_else_from_go(
    found: Program | None, daemon: Daemon | None, machine: Machine, expected: tuple[str, ...]
) -> None:
    assert install_plan.registry(found, daemon, machine).ways == expected


@pytest.mark.parametrize("machine", [LAPTOP, DEBIAN_ROOT, FEDORA_ROOT, MAC, BARE_MAC])
def test_what_is_missing_is_one_line_with_a_command(machine: Machine) -> None:
    plans = [
        install_plan.pulumi({}, machine),
        install_plan.docker_build(None, machine, "go"),
        install_plan.buildkit(None, {}, machine),
        install_plan.registry(None, None, machine),
        install_plan.docker(None, None, machine),
    ]
    for plan in plans:
        assert plan.missing, plan.tool
        assert "\n" not in plan.missing
        assert any(word in plan.missing for word in ("run: ", "https://", "run ")), plan.missing
