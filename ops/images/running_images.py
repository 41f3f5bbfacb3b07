"""Which image each service of an environment runs, and which one a pool manager gives to new agents. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pool_contract.service_names import agents_in

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot
    from ops.status.recorded import Recorded

NEW_AGENTS = "new agents"


def running_images(state: Recorded, snapshot: Snapshot, location: str) -> dict[str, tuple[str, ...]]:
    """Return who runs an image, by its digest: the stack's services by name, agents as a number.

    Args:
        state: the stack's, which knows its own services.
        snapshot: the environment.
        location: the repository, with its registry; images of other repositories are left out.
    """
    own = {str(row.values["serviceId"]) for row in state.of("ServiceInstance")}
    agents = agents_in({id_: snapshot.name_of(id_) for id_ in snapshot.instances}, own)
    users: dict[str, list[str]] = defaultdict(list)
    counted: dict[str, int] = defaultdict(int)
    for id_ in snapshot.instances:
        serving = snapshot.serving_deployment(id_)
        digest = _digest(serving.image if serving is not None else "", location)
        if digest and id_ in agents:
            counted[digest] += 1
        elif digest:
            users[digest].append(snapshot.name_of(id_))
        told = ((snapshot.service(id_) or {}).get("variables") or {}).get("RAILWAY_RUNTIME_IMAGE") or {}
        if id_ in own and (given := _digest(str(told.get("value") or ""), location)):
            users[given].append(NEW_AGENTS)
    for digest, count in counted.items():
        users[digest].append(f"{count} agent{'s' * (count > 1)}")
    return {digest: tuple(sorted(names)) for digest, names in users.items()}


def _digest(image: str, location: str) -> str:
    name, _, digest = image.partition("@")
    return digest if name == location or name.startswith(f"{location}:") else ""
