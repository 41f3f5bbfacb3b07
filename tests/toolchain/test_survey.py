"""What `make doctor` says of a machine: every kind of machine by its facts, and this one as it is."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ops.toolchain import pins
from ops.toolchain.install_plan import Daemon
from ops.toolchain.machine import Machine, Program
from ops.toolchain.survey import Facts, Have, SurveyRow, is_enough, lines, survey
from tests import needs

CHECKOUT = Path(__file__).parents[2]
GO = (1, 25, 0)
BASE = {"git": Program("/usr/bin/git"), "make": Program("/usr/bin/make")}
PULUMI = {name: Program(f"/usr/bin/{name}", (3, 260, 0)) for name in pins.PULUMI_PROGRAMS}
BARE = Facts(
    Machine("Linux", "x64", root=True, debian=True, go=None),
    BASE,
    frozenset(),
    None,
    50_000,
    has_venv=False,
    python="3.11.7",
)
NEW_DOCKER = Daemon("unix:///var/run/docker.sock", (28, 2, 2))


def by_subject(seen: Facts) -> dict[str, SurveyRow]:
    found = survey(seen)
    assert len({one.subject for one in found}) == len(found)
    return {one.subject: one for one in found}


def test_a_bare_debian_as_root_is_told_what_comes_and_the_one_thing_to_get() -> None:
    found = by_subject(BARE)
    assert {name for name, one in found.items() if one.have is Have.COMES} == {
        *(".venv", "pulumi", "docker-build", "docker", "registry", "PostgreSQL", "pgbouncer"),
    }
    assert [name for name, one in found.items() if one.have is Have.MISSING] == ["buildkit"]
    assert "install Go" in found["buildkit"].command
    assert not is_enough(list(found.values()))


def test_with_go_nothing_is_missing_and_with_docker_nothing_is_built_for_it() -> None:
    with_go = replace(BARE, machine=replace(BARE.machine, go=GO))
    assert is_enough(survey(with_go))
    assert by_subject(with_go)["buildkit"].seconds > 60
    with_docker = by_subject(replace(BARE, daemon=NEW_DOCKER))
    assert [one.have for one in (with_docker["docker"], with_docker["buildkit"])] == [Have.HERE, Have.HERE]


def test_a_docker_that_its_package_brings_may_have_buildkit() -> None:
    assert by_subject(replace(BARE, docker_package=(26, 1, 5)))["buildkit"].have is Have.HERE
    assert by_subject(replace(BARE, docker_package=(20, 10, 24)))["buildkit"].have is Have.MISSING


def test_who_is_not_root_gets_commands_with_sudo() -> None:
    machine = Machine("Linux", "x64", root=False, debian=True, go=GO)
    found = by_subject(replace(BARE, machine=machine, programs={}))
    assert found["git"].command == "sudo apt-get install -y git"
    assert found["Chromium"].command == "sudo apt-get install -y chromium"
    assert found["docker"].have is Have.PARTLY
    assert found["docker"].command == "sudo apt-get install -y docker.io"
    assert found["buildkit"].have is Have.MISSING


def test_a_node_that_is_too_old_is_not_taken_for_one() -> None:
    for version, have in (((18, 20, 4), Have.PARTLY), ((20, 0, 0), Have.HERE), ((22, 1, 0), Have.HERE)):
        row = by_subject(replace(BARE, programs={**BASE, "node": Program("/usr/bin/node", version)}))["node"]
        assert row.have is have
        assert ("18.20.4 is older than 20" in row.text) == (have is Have.PARTLY)


def test_a_mac_is_told_brew() -> None:
    found = by_subject(replace(BARE, machine=Machine("Darwin", "arm64", root=False, debian=False, go=GO)))
    assert found["node"].command == "brew install node"
    assert "brew install colima docker" in found["docker"].command
    assert "sudo" not in "".join(one.command for one in found.values() if one.subject != "docker")


def test_every_machine_gets_a_command_for_whatever_it_lacks_and_one_sum() -> None:
    """Every mixture of system, root, Go, daemon, programs and room."""
    count = 0
    mixtures = itertools.product(
        (("Linux", True), ("Linux", False), ("Darwin", False)),
        (True, False),
        (None, (1, 20), GO),
        (None, Daemon("unix:///d", (20, 10, 24)), NEW_DOCKER),
        ({}, BASE, {**BASE, **PULUMI, "dockerd": Program("/d", (20, 10, 24)), "registry": Program("/r")}),
        (True, False),
        (100, 50_000),
    )
    for (system, debian), root, go, daemon, programs, ready, free in mixtures:
        machine = Machine(system, "x64", root=root, debian=debian, go=go)
        facts = Facts(machine, programs, frozenset({"pulumi"} if ready else ()), daemon, free, ready, "3.12.1")
        found = survey(facts)
        text = lines(found)
        count += 1
        assert all(bool(one.command) == (one.have in (Have.MISSING, Have.PARTLY)) for one in found), text
        assert all(one.seconds == 0 or one.have is Have.COMES for one in found)
        assert text[-1].startswith("  make local cannot" if not is_enough(found) else "  make local ")
        assert (free > 1000) or not is_enough(found)
        assert not (root and "sudo" in " ".join(one.command for one in found if one.subject in ("git", "node")))
    assert count == 648


@pytest.mark.parametrize("uid", [0, 65534], ids=["as root", "not as root"])
def test_this_machine_is_surveyed_without_a_virtual_environment(uid: int, tmp_path: Path) -> None:
    if uid != os.geteuid() and (os.geteuid() != 0 or shutil.which("setpriv") is None):
        (needs.ROOT if os.geteuid() else needs.SETPRIV).skip()
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if ".venv" not in one)
    env = {"PATH": path, "HOME": str(tmp_path), "CONVOS_INFRA_CACHE": str(tmp_path / "cache")}
    copy = tmp_path / "checkout" / "ops"
    shutil.copytree(CHECKOUT / "ops" / "toolchain", copy / "toolchain", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "railway_api", tmp_path / "checkout" / "railway_api")
    (copy / "__init__.py").write_text("")
    shutil.copy(CHECKOUT / "ops" / "requirements.txt", copy)
    # pytest keeps its folders from other users, a worker's one level lower.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o055)
    as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] if uid != os.geteuid() else []
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    if re.search(r"3\.(\d+)", subprocess.check_output([python, "-V"], text=True))[1] < "11":  # type: ignore[index]
        needs.python("3.11").skip()
    done = subprocess.run(
        [*as_user, python, "-m", "ops.toolchain", "doctor", "--json"],
        cwd=tmp_path / "checkout",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 3), done.stderr
    found = {row["subject"]: row for row in json.loads(done.stdout)}
    assert found[".venv"]["have"] == "comes"
    assert ("not root" in found["machine"]["text"]) == (uid != 0)
    assert not (tmp_path / "cache").exists(), "a survey installs nothing"
