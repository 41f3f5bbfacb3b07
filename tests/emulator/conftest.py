"""One simulated emulator for the tests of this folder; tests that break or slow theirs start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.emulator.world import World


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator that all tests of a run share: each works in a project of its own."""
    with running_emulator(tmp_path_factory.mktemp("shared"), deploy_step_seconds=0) as shared:
        yield shared


@pytest.fixture
def world(emulator: Emulator) -> World:
    """A project of this test's own in the shared emulator."""
    return World.new(emulator)
