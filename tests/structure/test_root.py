"""The root of the checkout has only entries with a reason, which is here; a new entry is a decision."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tests.structure.sources import CHECKOUT, files

BOUND = {
    "Pulumi.yaml": "the Pulumi CLI looks for the project here, and for a Pulumi.<stack>.yaml per stack beside it",
    "__main__.py": "Pulumi's Python runtime starts it",
    "requirements.txt": "`pulumi install` reads it beside Pulumi.yaml",
    "pyproject.toml": "ruff, mypy, pytest and import-linter look for it in the folder that they are started in",
    "Makefile": "`make` reads it from the folder that it is started in",
    "README.md": "the page that a person opens first",
    "LICENSE": "GitHub recognises it at the root only",
    ".ci": "the continuous integration starts .ci/run",
    ".devcontainer": "editors and Codespaces look for devcontainer.json in it",
    ".github": "GitHub starts the workflows in it",
    ".gitattributes": "applies to the whole repository only from the root",
    ".gitignore": "applies to the whole repository only from the root",
    ".dockerignore": "the root is the build context of runtime/Dockerfile; not every builder reads another place",
}
"""Entries whose place a tool dictates."""
ROOMS = {"components", "convos_infra", "docs", "emulator", "ops", "pool", "runtime", "stack", "tests"}
"""The folders of the project's parts."""
LINKS = {"agent_accounts", "pool_contract", "railway_api"}
"""Packages of pool/, which is a build context of its own. The program and Pulumi's provider processes import from the
root: without the links they would not find these packages, and `pip install --require-hashes` installs no local
package."""
ENTRIES = 25
"""The goal was 20, with the files of the stacks. The entries that a tool dictates and the nine rooms are 22; with the
three links, 25; with the files of five stacks, 30. To have fewer, one would have to move the stacks' files away from
Pulumi.yaml (`stackConfigDir`), where users of Pulumi look for them; to give the three packages a common parent, which
renames every import of them; or to merge two rooms that have different rules for imports."""


def test_every_entry_of_the_root_has_its_reason() -> None:
    entries = {PurePosixPath(name).parts[0] for name in files()}
    found = {name for name in entries if not re.fullmatch(r"Pulumi\.[\w-]+\.yaml", name)}
    assert found == BOUND.keys() | ROOMS
    assert {one.name for one in CHECKOUT.iterdir() if one.is_symlink() and one.name != ".venv"} == LINKS
    assert len(found) + len(LINKS) == ENTRIES


def test_every_link_of_the_root_leads_into_the_build_context_of_the_pool_manager() -> None:
    assert {name: (CHECKOUT / name).readlink().as_posix() for name in LINKS} == {name: f"pool/{name}" for name in LINKS}


def test_no_two_test_files_have_one_name() -> None:
    """Pytest imports a test file by its bare name if its folder is not a package, as almost none here is."""
    names = [PurePosixPath(name).name for name in files("tests/*.py") if PurePosixPath(name).name.startswith("test_")]
    assert len(names) > 200
    assert sorted({name for name in names if names.count(name) > 1}) == []
