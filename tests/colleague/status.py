"""Status as the program gives it, against the truth: which services are not as the last update left them."""

from __future__ import annotations

from collections.abc import Mapping

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import Session
from convos_infra.railway.snapshot import Gone
from emulator.store import Store
from ops.status.live_drift import of_service
from tests.colleague.judge import knows
from tests.colleague.truth import facts, not_running, stored_service
from tests.railway.fix_resources import Made


def told(session: Session, state: Mapping[str, Made]) -> dict[str, dict[str, list[str]]]:
    """Return what status says, by service; nothing of one that is fine."""
    found = {}
    for made in state.values():
        if made.provider is not ServiceInstanceProvider:
            continue
        name = str(made.outputs["service"])
        try:
            snapshot = session.read(made.outputs, thing=name)
        except Gone:
            found[name] = {"changed": ["its environment is gone"]}
            continue
        running = session.snapshots.details(snapshot).variables.get(made.outputs["serviceId"])
        if differs := of_service(made.outputs, snapshot, running):
            found[name] = differs
    return found


def true_of(store: Store, state: Mapping[str, Made]) -> dict[str, list[str]]:
    """Return what is true, by service; nothing of one that is as recorded and runs."""
    found: dict[str, list[str]] = {}
    now = facts(store)
    for key, made in state.items():
        if made.provider is not ServiceInstanceProvider:
            continue
        name, service_id, environment = key.partition("/")[0], made.outputs["serviceId"], made.outputs["environmentId"]
        stored = stored_service(store, environment, service_id)
        if stored is None:
            found[name] = ["it is gone"]
            continue
        managed = made.outputs.get("variables") or {}
        differs = [
            variable
            for variable in managed
            if not _sealed(stored, variable)
            and not knows(made, (fact := ("variable", environment, service_id, variable)), now.get(fact))
        ]
        differs += [f"{variable} (of others)" for variable in stored.get("variables") or {} if variable not in managed]
        differs += [
            fact[-1]
            for fact, value in now.items()
            if fact[:3] == ("field", environment, service_id)
            and fact[-1] in made.outputs
            and not knows(made, fact, value)
        ]
        differs += not_running(store, environment, service_id)
        if now.get(("service", service_id)) != name:
            differs.append("its name")
        if differs:
            found[name] = differs
    return found


def _sealed(stored: Mapping[str, Mapping[str, Mapping[str, object]]], name: str) -> bool:
    return bool((stored.get("variables") or {}).get(name, {}).get("isSealed"))
