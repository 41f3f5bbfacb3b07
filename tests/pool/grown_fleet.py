"""A large fleet out of a small one: the emulator's documents of its agents are copied, each copy with ids of its own.

The emulator takes longer for each change the more services there are, so that a thousand agents take it most of an hour
to make, of which nothing is measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convos_pool.agents import agent_id, new_id, service_name

from emulator.store import Store
from emulator.store import new_id as new_document_id

if TYPE_CHECKING:
    from tests.emulator.fix_emulator import Emulator

OWN = ("service", "instance", "deployment", "domain", "volume", "volume_instance")


def grow(emulator: Emulator, state: Path, environment_id: str, size: int) -> None:
    """Restart an emulator with so many agents in an environment; there has to be one already.

    Args:
        emulator: running.
        state: its file.
        environment_id: where the agents are.
        size: how many there are afterwards.
    """
    emulator.stop()
    store = Store(state)
    try:
        with store.transaction():
            _grow(store, environment_id, size)
    finally:
        store.close()
    emulator.start()


def _grow(store: Store, environment_id: str, size: int) -> None:
    environment = store.get("environment", environment_id)
    assert environment is not None
    services = environment["config"]["services"]
    model = next(id_ for id_ in services if agent_id((store.get("service", id_) or {"name": ""})["name"]))
    service = store.get("service", model)
    assert service is not None
    own_id = agent_id(service["name"])
    assert own_id is not None
    texts = [(kind, row, json.dumps(row)) for kind in OWN for row in store.all(kind) if "id" in row]
    own = [(kind, row) for kind, row, text in texts if model in text or own_id in text]
    volumes = environment["config"].setdefault("volumes", {})
    for _ in range(size - len(services)):
        renamed = {row["id"]: new_document_id() for _, row in own} | {own_id: new_id()}
        for kind, row in own:
            copied = _renamed(row, renamed)
            store.put(kind, copied["id"], copied)
        services[renamed[model]] = _renamed(services[model], renamed)
        for id_ in [one for one in volumes if one in renamed]:
            volumes[renamed[id_]] = _renamed(volumes[id_], renamed)
    store.put("environment", environment_id, environment)
    names = {row["name"] for row in store.all("service", lambda row: row["id"] in services)}
    assert service_name(own_id) in names


def _renamed(row: dict[str, Any], renamed: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(row)
    for old, new in renamed.items():
        text = text.replace(old, new)
    found: dict[str, Any] = json.loads(text)
    return found
