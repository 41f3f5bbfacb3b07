"""Environments as an update of a given config leaves them, without Railway: what its resources would have stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components import canary, database, pool_manager
from components.defaults import CANARY_SERVICE, DATABASE_MOUNT_PATH, DATABASE_PORT, DATABASE_SERVICE, POOL_SERVICE
from components.environment import EnvironmentPlace
from convos_infra.railway import patch_plan
from convos_infra.railway.environment_config import SEALED, VARIABLES
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.snapshot import Snapshot
from ops.adopt.live import Live
from pool_contract.agent_settings import agent_settings
from pool_contract.agent_variables import agent_variables, made_per_agent
from stack import settings
from stack.pool import database_settings, pool_manager_settings

ROOT = Path(__file__).parents[3]
STACK = "scaling"
DIGEST, POOL_DIGEST = "sha256:" + "1" * 64, "sha256:" + "2" * 64
ENVIRON = {"RAILWAY_API_TOKEN": "t-account"}
IDS = {DATABASE_SERVICE: "s-db", CANARY_SERVICE: "s-canary", POOL_SERVICE: "s-pool"}
TOKEN, MADE_UP = "t-of-the-pool", "made-up"


def read(values: Mapping[str, Any]) -> settings.Settings:
    return settings.read(STACK, values, ENVIRON)


def digest_of(reference: str) -> str:
    """Every tag is at the digest of its repository: nothing has moved."""
    return POOL_DIGEST if "pool" in reference else DIGEST


def pinned(found: settings.Settings, reference: str) -> str:
    is_deployed = "@" in reference or not found.improvements.pin
    return reference if is_deployed else f"{reference}@{digest_of(reference)}"


def live(found: settings.Settings, **more: Any) -> Live:
    """Return the environment that an update with these settings leaves."""
    place = EnvironmentPlace("p-1", "e-1", 900, found.health_seconds, overwrite_changes=False)
    instances = [
        canary.configuration(
            _at(CANARY_SERVICE),
            place,
            pinned(found, found.image.reference),
            _canary(found),
            agent_settings(found.keys),
        ),
        pool_manager.configuration(
            _at(POOL_SERVICE), place, _pool(found), found.pool.api_key or MADE_UP, found.pool.railway_token
        ),
    ]
    if not found.database_url:
        password = found.database_password or MADE_UP
        service = replace(database_settings(found).service, password=password)
        instances.append(database.configuration(_at(DATABASE_SERVICE), place, service, password))
    services = {args.at.service_id: _stored(args) for args in instances}
    volumes = () if found.database_url else ({"volumeId": "v", "serviceId": "s-db", "mountPath": DATABASE_MOUNT_PATH},)
    names = {IDS[args.at.service]: args.at.service for args in instances}
    snapshot = Snapshot(
        environment_id="e-1",
        project_id="p-1",
        name=found.environment,
        is_fork=True,
        config={"services": services, **more},
        instances={id_: _instance(id_, name) for id_, name in names.items()},
        volume_instances=volumes,
        project_services=names,
        volumes={},
    )
    return Live(found.project, found.environment, snapshot)


def _at(name: str) -> ServiceAt:
    return ServiceAt("p-1", "e-1", IDS[name], name)


def _instance(id_: str, name: str) -> dict[str, Any]:
    domains = [] if name == DATABASE_SERVICE else [{"id": "d", "domain": f"{id_}.up.railway.app"}]
    return {"serviceId": id_, "serviceName": name, "domains": {"serviceDomains": domains, "customDomains": []}}


def _stored(args: ServiceInstanceArgs) -> dict[str, Any]:
    """Return what Railway stores of a service and shows again: sealed values never."""
    wanted = args.properties()
    stored: dict[str, Any] = patch_plan.merge({}, patch_plan.plan({}, wanted, {}).patch)
    for name in wanted[SEALED] or ():
        stored[VARIABLES][name]["value"] = None
    if args.at.service == DATABASE_SERVICE:
        stored["networking"] = {"tcpProxies": {str(DATABASE_PORT): {}}}
    return stored


def _canary(found: settings.Settings) -> dict[str, str]:
    made = {name: f"{MADE_UP}-{name}" for name in made_per_agent(found.keys)}
    return agent_variables({**found.keys, **made}, lambda name, _: f"{MADE_UP}-{name}")


def _pool(found: settings.Settings) -> pool_manager.PoolManagerSettings:
    return pool_manager_settings(
        found,
        image=pinned(found, found.pool.image) if found.pool.image else None,
        runtime_image=pinned(found, found.image.reference),
        database_url=found.database_url or database_settings(found).service.reference,
        keys=found.all_keys,
    )
