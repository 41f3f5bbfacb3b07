"""A project with more services, volumes and environments than a page of Railway's lists has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulator.store import Document, Store, new_id
from tests.emulator.fix_emulator import Emulator

NAME = "bench-large"
SERVICES, VOLUMES, ENVIRONMENTS = 1200, 600, 120
_CREATE = """
mutation c($p: ProjectCreateInput!) { projectCreate(input: $p) { id primaryEnvironmentId } }"""
_FILL = """
mutation f($s: ServiceCreateInput!, $e: EnvironmentCreateInput!) {
  environmentCreate(input: $e) { id }
  serviceCreate(input: $s) { id }
}"""
_VOLUME = "mutation v($v: VolumeCreateInput!) { volumeCreate(input: $v) { id } }"
_DELETE = "mutation d($v: String!) { volumeDelete(volumeId: $v) }"


def fill(emulator: Emulator, state: Path) -> None:
    """Create the project, and restart the emulator with it.

    Args:
        emulator: the running emulator.
        state: the emulator's state file.
    """
    made = emulator.run(_CREATE, p={"name": NAME})["projectCreate"]
    here = {"projectId": made["id"], "environmentId": made["primaryEnvironmentId"]}
    filled = emulator.run(
        _FILL,
        s={**here, "name": "other"},
        e={"projectId": made["id"], "name": "other", "sourceEnvironmentId": made["primaryEnvironmentId"]},
    )
    volume = {**here, "serviceId": filled["serviceCreate"]["id"], "mountPath": "/data"}
    filled |= emulator.run(_VOLUME, v=volume)
    emulator.run(_DELETE, v=filled["volumeCreate"]["id"])
    emulator.stop()
    store = Store(state)
    _grow(store, made["primaryEnvironmentId"], {key: row["id"] for key, row in filled.items()})
    store.close()
    emulator.start()


def _grow(store: Store, base_id: str, ids: dict[str, str]) -> None:
    service, volume = store.get("service", ids["serviceCreate"]), store.get("volume", ids["volumeCreate"])
    environment, base = store.get("environment", ids["environmentCreate"]), store.get("environment", base_id)
    [instance] = store.all("volume_instance", lambda row: row["volumeId"] == ids["volumeCreate"])
    assert service
    assert volume
    assert environment
    assert base
    config: dict[str, Any] = base["config"]["services"]
    with store.transaction():
        for number in range(SERVICES - 1):
            made = _copied(store, "service", service, name=f"other-{number}")
            config[made["id"]] = dict(config[service["id"]])
        store.put("environment", base["id"], base)
        for number in range(VOLUMES - 1):
            made = _copied(store, "volume", volume, name=f"other-{number}")
            _copied(store, "volume_instance", instance, volumeId=made["id"])
        for number in range(ENVIRONMENTS - 2):
            _copied(store, "environment", environment, name=f"other-{number}", config={})


def _copied(store: Store, kind: str, row: Document, **values: Any) -> Document:
    id_ = new_id()
    return store.put(kind, id_, {**row, **values, "id": id_})
