"""Whatever a person gives to make reaches no shell: every target with every variable, programs being recorders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GIVEN = re.search(r"^GIVEN := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
VARIABLES = GIVEN[1].replace("\\\n", " ").split() if GIVEN else []
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
EVIL = "a'b\"c $(touch made) $(shell touch made) `touch made`; touch made & touch made | touch made\n\ttouch made \\"
OWN = set(re.findall(r"^(?:override )?([A-Z_]+) :?= ", MAKEFILE, re.MULTILINE)) - {"SHELL", "GIVEN"}
RECORDER = """#!/bin/sh
for one; do printf '<%s>' "$one"; done >>"$ROOM/said"
printf '{%s}' "$KIND" "$COLLEAGUE_PROGRAMS" "$COLLEAGUE_FIRST" "$PYTEST_ADDOPTS" >>"$ROOM/said"
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A checkout in which every program that a recipe may call only writes down what it was given."""
    checkout = tmp_path / "check out"
    for folder in (".venv/bin", "ops/image", "ops/toolchain", ".local"):
        (checkout / folder).mkdir(parents=True)
    shutil.copy2(ROOT / "Makefile", checkout / "Makefile")
    programs = ["ops/run", "ops/toolchain/find-python", "ops/image/build.sh", "ops/image/qa.sh", "ops/image/run.sh"]
    programs += [f".venv/bin/{name}" for name in ("python", "ruff", "mypy", "lint-imports", "zizmor", "uv")]
    for name in programs:
        (checkout / name).write_text(RECORDER)
        (checkout / name).chmod(0o755)
    for name in (".local/env", "ops/program.in", "ops/requirements.in", "ops/requirements.txt"):
        (checkout / name).touch()
    (checkout / ".venv" / "requirements.sha256").touch()
    return checkout


def made(room: Path, target: str, *words: str, **env: str) -> str:
    """Run a target; returns what programs were given."""
    command = ["make", target, *words]
    python = str(room / ".venv" / "bin" / "python")
    given = {"PATH": os.environ["PATH"], "ROOM": str(room), "PYTHON": python, **env}
    subprocess.run(command, cwd=room, env=given, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return (room / "said").read_text() if (room / "said").exists() else ""


def test_every_variable_of_a_recipe_is_one_that_is_taken_as_it_is() -> None:
    recipes = "\n".join(re.findall(r"^\t.*$", MAKEFILE.replace("\\\n", " "), re.MULTILINE))
    conditions = set(re.findall(r"\$\(if \$\(([A-Z_]+)\),", recipes))
    unconditional = re.sub(r"\$\(if \$\([A-Z_]+\),", "", recipes)
    used = set(re.findall(r"\$\(([A-Z_]+)\)", unconditional)) - {"MAKEFILE_LIST"}
    assert used <= OWN, "a recipe has a variable that make expands into a shell"
    assert {name for name in OWN if not re.search(rf"^override {name} ", MAKEFILE, re.MULTILINE)} <= {"MAKEFLAGS"}
    shells = set(re.findall(r"\$\$\{?([A-Z_]+)", recipes)) - {"PATH", "PWD", "PYTEST_ADDOPTS"}
    assert conditions | shells <= set(VARIABLES)
    assert len(VARIABLES) >= 15
    assert len(TARGETS) >= 30


@pytest.mark.parametrize("by", ["command line", "environment"])
def test_no_target_executes_what_a_variable_contains(room: Path, by: str) -> None:
    values = {**dict.fromkeys(VARIABLES, EVIL), "PYTHON": str(room / ".venv/bin/python")}
    reached = []
    for target in TARGETS:
        (room / "said").unlink(missing_ok=True)
        words = [f"{name}={value}" for name, value in values.items()] if by == "command line" else []
        said = made(room, target, *words, **(values if by == "environment" else {}))
        left = [one.name for one in room.rglob("made")]
        assert left == [], target
        if EVIL in said:
            reached.append(target)
        # With another Python few targets get any further.
        given = {**values, "PYTHON": EVIL}
        words = [f"{name}={value}" for name, value in given.items()] if by == "command line" else []
        made(room, target, *words, **(given if by == "environment" else {}))
        assert [one.name for one in room.rglob("made")] == [], target
    assert {"adopt", "keys", "status", "schema-plan", "rollout-plan", "release", "image", "qa", "run"} <= set(reached)


def test_a_program_is_given_the_variables_one_by_one(room: Path) -> None:
    words = ("PROJECT=our project", "ENVIRONMENT=a b", "STACK=x", "WITH=seal,pin", "FORCE=1")
    where = "<adopt><--project=our project><--environment=a b><--stack=x>"
    roles = "<--pool-manager=><--canary=><--database=><--databases=>"
    assert f"{where}{roles}<--with=seal,pin><--force>" in made(room, "adopt", *words)
    assert "<drift><--stack><dev>" in made(room, "script", "RUN=drift --stack dev")
    assert "{-k 'a b'}" in made(room, "test", "ARGS=-k 'a b'")
    assert "{-v --durations=60}" in made(room, "test", ARGS="-v --durations=60")
    assert "<-n><2>" in made(room, "test")
    assert "<tests.local.crashes><--number=7><--first=3>" in made(room, "crashes", "N=7", "FIRST=3")
    assert "<tests.schema.check><--record=0.2 b>" in made(room, "schema-check", "RECORD=0.2 b")
    assert "<convos-pool:local>" in made(room, "image", "KIND=pool")


def test_what_recipes_are_made_of_cannot_be_given(room: Path) -> None:
    names = sorted(OWN - {"MAKEFLAGS"})
    assert names
    for name in names:
        for target in TARGETS:
            made(room, target, f"{name}={EVIL}")
        assert not list(room.rglob("made")), name
