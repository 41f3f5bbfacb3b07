"""One emulator for this folder; each test works in a project of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.railway.fix_resources import Place, Runs, place


@pytest.fixture(scope="session")
def railway_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("railway"), deploy_step_seconds=0) as shared:
        yield shared


@pytest.fixture
def runs(railway_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    railway_emulator.forget_calls()
    yield Runs(railway_emulator, monkeypatch)
    railway_emulator.admin("DELETE", "/faults")


@pytest.fixture
def at(runs: Runs) -> Place:
    found = place(runs, f"p-{uuid.uuid4().hex[:12]}")
    runs.emulator.forget_calls()
    return found
