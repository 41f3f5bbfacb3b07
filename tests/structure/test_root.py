"""The root holds what a person looks for there: a new entry is a decision, and stands in this list."""

from __future__ import annotations

from pathlib import PurePosixPath

from tests.structure.sources import CHECKOUT, files

PULUMI_WANTS = {"__main__.py", "requirements.txt"}
"""Beside Pulumi.yaml and the files of the stacks."""
ROOMS = {
    *("components", "convos_infra", "docs", "emulator", "ops", "pool", "runtime", "stack"),
    "tests",
}
"""At most 20."""
PEOPLE_READ = {"README.md", "LICENSE", "Makefile", "pyproject.toml"}
TOOLS_WANT = {".ci", ".dockerignore", ".gitattributes", ".github", ".gitignore"}
LINKS = {"pool_contract", "railway_api"}
"""Into pool/, which builds alone; here they are importable for the program."""


def test_every_entry_of_the_root_has_its_reason() -> None:
    found = {PurePosixPath(name).parts[0] for name in files()}
    stacks = {name for name in found if name.startswith("Pulumi.") and name.endswith(".yaml")}
    assert "Pulumi.yaml" in stacks
    assert found - stacks == PULUMI_WANTS | ROOMS | PEOPLE_READ | TOOLS_WANT
    assert all((CHECKOUT / name).is_symlink() for name in LINKS)
    assert len(ROOMS) <= 20


def test_no_two_test_files_have_one_name() -> None:
    """Pytest imports a file by its name where the folder is no package."""
    names = [PurePosixPath(name).name for name in files("tests/*.py") if PurePosixPath(name).name.startswith("test_")]
    assert len(names) > 200
    assert sorted({name for name in names if names.count(name) > 1}) == []
