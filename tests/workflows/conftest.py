"""The tools that lint and run workflows, from the toolchain's cache or built into it; a registry to push to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ops.ci.github import GitHub
from ops.toolchain import subsets
from ops.toolchain.console import step
from ops.toolchain.errors import ToolError
from ops.toolchain.store import default_store
from tests import needs
from tests.registry.conftest import registry
from tests.workflows.github_double import Repository

__all__ = ["registry"]


@pytest.fixture(scope="session")
def workflow_tools() -> dict[str, str]:
    """Return the paths of actionlint and act. CI has Go, so there it is no reason to skip."""
    try:
        with step("workflows") as current:
            tools = subsets.workflow_tools(default_store(), current)
    except ToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        needs.GO.skip()
    return {tool.name: tool.programs[tool.name] for tool in tools}


@pytest.fixture
def repository_on_github() -> Iterator[Repository]:
    """A repository on GitHub that is empty."""
    with Repository() as found:
        yield found


@pytest.fixture
def door(repository_on_github: Repository) -> GitHub:
    """Our door to it."""
    return GitHub(repository_on_github.name, repository_on_github.token, api=repository_on_github.api)
