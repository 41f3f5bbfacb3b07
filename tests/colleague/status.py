"""Status as the program gives it, against the truth: what is not as the last update left it, by what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.sealing import SEALED_LEFT
from emulator.store import Store
from ops.status import railway_now
from ops.status.compare import compare
from ops.status.finding import Severity
from ops.status.recorded import Recorded, Resource
from railway_api.client import Client
from tests.colleague.checks import DEFAULTS
from tests.colleague.recorded import knows
from tests.colleague.truth import Fact, Facts, dead_references, facts, not_running, stored_service
from tests.railway.fix_resources import Made
from tests.railway.test_announced_cost import CHOICES


def told(client: Client, state: Mapping[str, Made]) -> dict[str, list[str]]:
    """Return what status says, by what it is about; nothing where that is fine, or only others are concerned."""
    found: dict[str, list[str]] = {}
    if "environment" not in state:
        return found
    rows = [
        Resource(made.provider.__name__.removesuffix("Provider"), made.id, "", made.outputs) for made in state.values()
    ]
    recorded = Recorded(tuple(rows), {})
    for one in compare(recorded, railway_now.read(client, recorded), datetime.now(UTC)):
        if one.severity is not Severity.INFORMATION:
            found.setdefault(one.subject, []).append(f"{one.kind} {', '.join(one.names)}")
    return found


def true_of(store: Store, state: Mapping[str, Made]) -> dict[str, list[str]]:
    """Return what is true, by what it is about; nothing where all is as recorded and runs."""
    if "environment" not in state:
        return {}
    now, environment = facts(store), state["environment"]
    if ("environment", environment.id) not in now or ("project", state["project"].id) not in now:
        return {f"environment {environment.outputs['name']}": ["gone"]}
    found: dict[str, list[str]] = {}
    for subject, what in _differs(store, now, state):
        found.setdefault(subject, []).append(what)
    return found


def _differs(store: Store, now: Facts, state: Mapping[str, Made]) -> Iterator[tuple[str, str]]:
    environment = state["environment"].id
    for key in ("project", "environment"):
        name = state[key].outputs["name"]
        if now[key, state[key].id] != name:
            yield f"{key} {name}", "renamed"
    if "shared" in state:
        for name in state["shared"].outputs.get("variables") or {}:
            fact: Fact = ("shared", environment, name)
            if not knows(state["shared"], fact, now.get(fact)):
                yield "shared variables", name
    for key, made in state.items():
        name = key.partition("/")[0]
        if key.endswith("/service"):
            if ("instance", environment, made.id) not in now:
                yield name, "gone"
            elif now["service", made.id] != made.outputs["name"]:
                yield name, "renamed"
        elif made.provider is ServiceInstanceProvider:
            yield from ((name, what) for what in _of_instance(store, now, made, environment))
        elif "/" in key:
            yield from ((name, what) for what in _of_part(now, key, made, environment))


def _of_instance(store: Store, now: Facts, made: Made, environment: str) -> Iterator[str]:
    service_id = made.outputs["serviceId"]
    stored = stored_service(store, environment, service_id)
    if stored is None:
        yield "gone"
        return
    managed = made.outputs.get("variables") or {}
    for variable in managed:
        fact: Fact = ("variable", environment, service_id, variable)
        entry = (stored.get("variables") or {}).get(variable) or {}
        if entry.get("isSealed"):
            # One that the last update left sealed is as it left it, for all that anybody can read.
            if variable not in (made.outputs.get(SEALED_LEFT) or ()):
                yield variable
        elif not knows(made, fact, now.get(fact)):
            yield variable
    for name in ("image", *(name for name in CHOICES if made.outputs.get(name) is not None)):
        fact = ("field", environment, service_id, name)
        if not knows(made, fact, now.get(fact)) and (fact in now or made.outputs.get(name) != DEFAULTS.get(name)):
            yield name
    dead = dead_references(store, environment, service_id)
    yield from (f"{name} refers to nothing" for name in dead if name in managed)
    ours = {"deployment", *made.outputs, *managed}
    yield from (f"{what} does not run" for what in not_running(store, environment, service_id) if what in ours)


def _of_part(now: Facts, key: str, made: Made, environment: str) -> Iterator[str]:
    service_id = made.outputs["serviceId"]
    if key.endswith("/volume"):
        place = (environment, made.id)
        if now.get(("volume_instance", *place)) != "living":
            yield "its volume is gone"
        elif now[("attachment", *place)] is None or not all(
            knows(made, fact, now[fact]) for fact in (("mount", *place), ("attachment", *place))
        ):
            yield "its volume is elsewhere"
        return
    if ("instance", environment, service_id) not in now:
        return
    kind = {"domain": "domain", "custom": "custom_domain", "proxy": "tcp_proxy"}[key.partition("/")[2]]
    fact = (kind, environment, service_id, made.id)
    if fact not in now:
        yield f"its {kind} is gone"
    elif kind != "tcp_proxy":
        port = (f"{kind}_port", *fact[1:])
        if not (knows(made, fact, now[fact]) and knows(made, port, now[port])):
            yield f"its {kind} is otherwise"
