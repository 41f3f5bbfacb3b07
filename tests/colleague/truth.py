"""What is true of an environment, read straight from the emulator's store; nothing of the program under test is asked.

Facts are flat: a key that says what it is about, and a value. Whether two moments differ, and in what, is then a
comparison of two mappings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.deployments import environment_variables, shared_variables
from emulator.references import referenced, rendered
from emulator.store import Document, Store

Fact = tuple[str, ...]
Facts = dict[Fact, Any]
SOUND = ("SUCCESS", "SLEEPING")
UNDER_WAY = ("QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING", "WAITING")
_DEEPEST = 10
_LEAVES = ("multiRegionConfig", "limitOverride")


def facts(store: Store) -> Facts:
    """Return everything that is true now."""
    return dict(_facts(store))


def _facts(store: Store) -> Iterator[tuple[Fact, Any]]:
    for row in store.all("project", lambda row: not row.get("deletedAt")):
        yield ("project", row["id"]), row["name"]
    for row in store.all("environment", lambda row: not row.get("deletedAt")):
        yield ("environment", row["id"]), row["name"]
        yield from _of_environment(row)
    for row in store.all("service", lambda row: not row.get("deletedAt")):
        yield ("service", row["id"]), row["name"]
    for row in store.all("volume", lambda row: not row.get("deletedAt")):
        yield ("volume", row["id"]), row["name"]
    for row in store.all("volume_instance"):
        state = "living"
        if row.get("deletedAt"):
            state = "pending deletion" if row.get("currentSizeMB") else "deleted while it was empty"
        place = (row["environmentId"], row["volumeId"])
        yield ("volume_instance", *place), state
        yield ("mount", *place), row["mountPath"]
        yield ("attachment", *place), row["serviceId"]
    for kind in ("domain", "custom_domain"):
        for row in store.all(kind):
            domain = (row["environmentId"], row["serviceId"], row["id"])
            yield (kind, *domain), row["domain"]
            yield (f"{kind}_port", *domain), row.get("targetPort")
    for row in store.all("tcp_proxy"):
        yield ("tcp_proxy", row["environmentId"], row["serviceId"], row["id"]), row["applicationPort"]
    for row in store.all("deployment"):
        yield ("deployment", row["environmentId"], row["serviceId"], row["id"]), row["status"]
    for row in store.all("project_token"):
        yield ("project_token", row["id"]), row.get("name")
    for id_, row in _staged(store):
        yield ("staged", id_), json.dumps(row["patch"], sort_keys=True)


def _staged(store: Store) -> Iterator[tuple[str, Document]]:
    for row in store.all("staged"):
        yield str(row["environmentId"]), row


def _of_environment(environment: Document) -> Iterator[tuple[Fact, Any]]:
    id_, config = str(environment["id"]), environment["config"]
    for name, entry in (config.get("sharedVariables") or {}).items():
        yield ("shared", id_, name), _value(entry)
    for service_id, service in (config.get("services") or {}).items():
        yield ("instance", id_, service_id), True
        for name, entry in (service.get("variables") or {}).items():
            yield ("variable", id_, service_id, name), _value(entry)
        for section in ("source", "build", "deploy", "configFile"):
            yield from _leaves(("field", id_, service_id), section, service.get(section))


def _leaves(key: Fact, name: str, value: Any) -> Iterator[tuple[Fact, Any]]:
    if isinstance(value, Mapping) and name not in _LEAVES:
        for part, inner in value.items():
            yield from _leaves(key, part, inner)
    elif value is not None:
        yield (*key, name), json.dumps(value, sort_keys=True)


def _value(entry: Mapping[str, Any]) -> tuple[str, bool]:
    return str(entry.get("value") or ""), bool(entry.get("isSealed"))


def changed(before: Facts, after: Facts) -> list[Fact]:
    """Name what differs, in an order that a second run has as well."""
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def services_named(store: Store, project_id: str, name: str) -> list[str]:
    """Return the living services of a name."""
    rows = store.all("service", lambda row: row["projectId"] == project_id and not row.get("deletedAt"))
    return [row["id"] for row in rows if row["name"] == name]


def newest_deployment(store: Store, environment_id: str, service_id: str) -> Document | None:
    """Return the newest deployment of a service instance."""
    rows = store.all(
        "deployment", lambda row: row["environmentId"] == environment_id and row["serviceId"] == service_id
    )
    return rows[-1] if rows else None


def stored_service(store: Store, environment_id: str, service_id: str) -> Document | None:
    """Return the configuration of a service, or None if it is not in the environment."""
    environment = store.get("environment", environment_id)
    if environment is None or environment.get("deletedAt"):
        return None
    found: Document | None = (environment["config"].get("services") or {}).get(service_id)
    return found


def rendered_now(store: Store, environment_id: str, service_id: str) -> dict[str, str]:
    """Return a service's own variables as a deployment made now would get them."""
    environment = store.get("environment", environment_id) or {}
    service = store.get("service", service_id) or {}
    own = (environment["config"]["services"].get(service_id) or {}).get("variables") or {}
    services = environment_variables(store, environment, opened=True)
    found = rendered(service["name"], services, shared_variables(environment, opened=True))
    return {name: value for name, value in found.items() if name in own}


def not_running(store: Store, environment_id: str, service_id: str) -> list[str]:
    """Name what a service should run by its stored configuration, and does not; `deployment` where nothing runs."""
    stored = stored_service(store, environment_id, service_id)
    if stored is None:
        return []
    newest = newest_deployment(store, environment_id, service_id)
    if newest is None or newest["status"] not in SOUND:
        # Without a source there is nothing to deploy; what was deployed before runs on.
        return ["deployment"] if (stored.get("source") or {}).get("image") else []
    ran, now = newest["snapshot"], rendered_now(store, environment_id, service_id)
    differ = [
        name
        for section in ("source", "build", "deploy")
        for name in sorted({*(ran.get(section) or {}), *(stored.get(section) or {})})
        if name not in _LEAVES
        and name not in ("registryCredentials", "numReplicas")
        and (ran.get(section) or {}).get(name) != (stored.get(section) or {}).get(name)
    ]
    given = {name: value for name, value in newest["variables"].items() if name in (ran.get("variables") or {})}
    return differ + sorted(name for name in given.keys() | now.keys() if given.get(name) != now.get(name))


def dead_references(store: Store, environment_id: str, service_id: str) -> list[str]:
    """Name the variables of a service that refer, themselves or by what they refer to, to what is not there."""
    environment = store.get("environment", environment_id) or {}
    given = environment_variables(store, environment, opened=True)
    shared = shared_variables(environment, opened=True)
    own = str((store.get("service", service_id) or {})["name"])

    def is_dead(text: str, owner: str, depth: int = 0) -> bool:
        for reference in referenced(text) if depth < _DEEPEST else ():
            named, _, name = reference.rpartition(".")
            values = shared if named == "shared" else given.get(named or owner, {})
            if name not in values or is_dead(values[name], named or owner, depth + 1):
                return True
        return False

    stored = environment["config"]["services"][service_id].get("variables") or {}
    return sorted(name for name, entry in stored.items() if is_dead(str(entry.get("value") or ""), own))
