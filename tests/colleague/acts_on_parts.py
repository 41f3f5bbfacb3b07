"""Acts of the colleague on what a service has: domains, proxies, variables and volumes."""

from __future__ import annotations

from typing import Any

from emulator.store import Document
from tests.colleague.act import Acts
from tests.colleague.look import Arguments, Look

ACTS = Acts()
act = ACTS.of


def _domain_input(look: Look) -> Arguments | None:
    found = look.instance()
    if found is None:
        return None
    return {"environmentId": found[0]["id"], "serviceId": found[1], "targetPort": look.of((None, 9999))}


@act("customDomainCreate")
def custom_domain_create(look: Look) -> Arguments | None:
    given = _domain_input(look)
    if given is None:
        return None
    project = (look.store.get("environment", given["environmentId"]) or {})["projectId"]
    domain = look.of(("shop.example.org", f"theirs-{look.rng.randrange(9)}.example.org"))
    return {"input": {**given, "projectId": project, "domain": domain}}


@act("customDomainUpdate")
def custom_domain_update(look: Look) -> Arguments | None:
    row = look.one("custom_domain")
    return row and {"id": row["id"], "environmentId": row["environmentId"], "targetPort": look.of((9999, 3000))}


@act("serviceDomainCreate")
def service_domain_create(look: Look) -> Arguments | None:
    given = _domain_input(look)
    return given and {"input": given}


@act("serviceDomainUpdate")
def service_domain_update(look: Look) -> Arguments | None:
    row = look.one("domain")
    if row is None:
        return None
    domain = look.of((row["domain"], f"theirs-{look.rng.randrange(9)}.up.railway.app"))
    place = {"environmentId": row["environmentId"], "serviceId": row["serviceId"]}
    port = look.of((9999, row.get("targetPort")))
    return {"input": {**place, "serviceDomainId": row["id"], "domain": domain, "targetPort": port}}


@act("tcpProxyCreate")
def tcp_proxy_create(look: Look) -> Arguments | None:
    given = look.place()
    return given and {"input": {**given, "applicationPort": look.of((5432, 6543))}}


def _variable(look: Look) -> tuple[Arguments, Document] | None:
    found = look.instance()
    if found is None:
        return None
    environment, service_id, config = found
    return {"projectId": environment["projectId"], "environmentId": environment["id"], "serviceId": service_id}, config


@act("variableCollectionUpsert")
def variable_collection_upsert(look: Look) -> Arguments | None:
    found = _variable(look)
    if found is None:
        return None
    place, config = found
    values = {look.variable(config): "theirs-a", f"THEIR_{look.rng.randrange(3)}": "theirs-b"}
    skips = {"skipDeploys": look.rng.random() < 0.5, "replace": look.rng.random() < 0.1}
    return {"input": {**place, "variables": values, **skips}}


@act("variableDelete")
def variable_delete(look: Look) -> Arguments | None:
    found = _variable(look)
    return found and {"input": {**found[0], "name": look.variable(found[1])}}


@act("variableUpsert")
def variable_upsert(look: Look) -> Arguments | None:
    found = _variable(look)
    if found is None:
        return None
    name, value = look.variable(found[1]), f"theirs-{look.rng.randrange(9)}"
    return {"input": {**found[0], "name": name, "value": value, "skipDeploys": look.rng.random() < 0.5}}


@act("volumeCreate")
def volume_create(look: Look) -> Arguments | None:
    found = look.instance()
    if found is None:
        return None
    service = look.of(({"serviceId": found[1]}, {}))
    place = {"projectId": found[0]["projectId"], "environmentId": found[0]["id"]}
    return {"input": {**place, **service, "mountPath": "/theirs"}}


def _volume(look: Look) -> Any:
    return look.one("volume_instance")


@act("volumeDelete")
def volume_delete(look: Look) -> Arguments | None:
    row = _volume(look)
    return row and {"volumeId": row["volumeId"]}


@act("volumeInstanceUpdate")
def volume_instance_update(look: Look) -> Arguments | None:
    row = _volume(look)
    given = look.of(({"mountPath": "/theirs"}, {"serviceId": None}))
    return row and {"volumeId": row["volumeId"], "environmentId": row["environmentId"], "input": given}


@act("volumeUpdate")
def volume_update(look: Look) -> Arguments | None:
    row = _volume(look)
    return row and {"volumeId": row["volumeId"], "input": {"name": look.name()}}
