"""The variables that Railway gives to a deployment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.store import Document, Store


def environment_variables(store: Store, environment: Document, *, opened: bool) -> dict[str, dict[str, str]]:
    """Return every service's variables by its name, with RAILWAY_* and with references that are not rendered.

    Only a deployment gets sealed values (`opened`); nobody else does, not even by a reference (fact: sealed-stays).
    `PORT` is not included, because only what runs gets it (fact: port-is-not-a-variable).
    """
    result: dict[str, dict[str, str]] = {}
    for service_id, config in environment["config"].get("services", {}).items():
        service = store.get("service", service_id)
        if service is None:
            continue
        own = {name: _value(entry, opened=opened) for name, entry in config.get("variables", {}).items()}
        result[service["name"]] = {**_railway_variables(store, environment, service), **own}
    return result


def private_domain(service: str) -> str:
    """Return a service's private domain, by which other services of the environment reach it."""
    return f"{re.sub(r'[^a-z0-9-]+', '-', service.lower())}.railway.internal"


def shared_variables(environment: Document, *, opened: bool) -> dict[str, str]:
    """Return the environment's shared variables, which services refer to (fact: variable-shared)."""
    shared = environment["config"].get("sharedVariables", {})
    return {name: _value(entry, opened=opened) for name, entry in shared.items()}


def _value(entry: Document, *, opened: bool) -> str:
    return str(entry.get("value") or "") if opened or not entry.get("isSealed") else ""


def _railway_variables(store: Store, environment: Document, service: Document) -> dict[str, str]:
    here = {"environmentId": environment["id"], "serviceId": service["id"]}

    def of_instance(kind: str) -> list[Document]:
        return store.all(kind, lambda document: here.items() <= document.items() and not document.get("deletedAt"))

    project = store.get("project", environment["projectId"]) or {}
    variables = {
        "RAILWAY_PROJECT_ID": environment["projectId"],
        "RAILWAY_PROJECT_NAME": project.get("name", ""),
        "RAILWAY_ENVIRONMENT_ID": environment["id"],
        "RAILWAY_ENVIRONMENT_NAME": environment["name"],
        "RAILWAY_SERVICE_ID": service["id"],
        "RAILWAY_SERVICE_NAME": service["name"],
        "RAILWAY_PRIVATE_DOMAIN": private_domain(service["name"]),
    }
    for domain in of_instance("domain")[:1]:
        variables["RAILWAY_PUBLIC_DOMAIN"] = domain["domain"]
    for volume in of_instance("volume_instance")[:1]:
        variables["RAILWAY_VOLUME_NAME"] = volume["name"]
        variables["RAILWAY_VOLUME_MOUNT_PATH"] = volume["mountPath"]
    for proxy in of_instance("tcp_proxy")[:1]:
        variables["RAILWAY_TCP_PROXY_DOMAIN"] = proxy["domain"]
        variables["RAILWAY_TCP_PROXY_PORT"] = str(proxy["proxyPort"])
        variables["RAILWAY_TCP_APPLICATION_PORT"] = str(proxy["applicationPort"])
    return variables
