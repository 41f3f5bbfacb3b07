"""The tools that lint and run workflows, from the toolchain's cache or built into it; a registry to push to."""

from __future__ import annotations

import os

import pytest

from tests.registry.conftest import registry
from toolchain import only
from toolchain.console import step
from toolchain.errors import ToolError
from toolchain.store import default_store

__all__ = ["registry"]


@pytest.fixture(scope="session")
def workflow_tools() -> dict[str, str]:
    """Return the paths of actionlint and act. CI has Go, so there it is no reason to skip."""
    try:
        with step("workflows") as current:
            tools = only.workflow_tools(default_store(), current)
    except ToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    return {tool.name: tool.programs[tool.name] for tool in tools}
