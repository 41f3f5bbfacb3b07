"""A mutation that is refused half-way leaves nothing of its first half behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.store import PastStore, Store
from tests.emulator.fix_emulator import Emulator, EmulatorError

if TYPE_CHECKING:
    from pathlib import Path

CREATE = "mutation c($input: ProjectCreateInput!) { projectCreate(input: $input) { id } }"
CREATE_SERVICE = "mutation c($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
SERVICES = "query p($id: String!) { project(id: $id) { services { edges { node { name } } } } }"


def test_a_service_whose_settings_are_refused_is_not_made(emulator: Emulator) -> None:
    project = emulator.run(CREATE, input={"name": "half"})["projectCreate"]["id"]
    given = {"projectId": project, "name": "half", "variables": {"1 is no name": "x"}}
    with pytest.raises(EmulatorError):
        emulator.run(CREATE_SERVICE, input=given)
    assert emulator.run(SERVICES, id=project)["project"]["services"]["edges"] == []


def test_what_a_transaction_wrote_changed_and_deleted_is_taken_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    store.put("environment", "kept", {"name": "kept", "config": {"a": 1}})
    store.put("environment", "gone", {"name": "gone"})
    with store.transaction():
        store.get("environment", "kept")["config"]["a"] = 2  # type: ignore[index]
        store.put("environment", "new", {"name": "new"})
        store.delete("environment", "gone")
        store.undo()
    assert store.all("environment") == [{"name": "kept", "config": {"a": 1}}, {"name": "gone"}]
    assert PastStore(store, 0.0).all("environment") == store.all("environment")
    store.close()
    again = Store(tmp_path / "state.sqlite")
    assert [row["name"] for row in again.all("environment")] == ["kept", "gone"]
    again.close()
