"""Compares a live environment with the program's resources for a config, by the plan of its first update. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components import canary, database, pool_manager
from components.environment import EnvironmentPlace
from convos_infra.railway import patch_plan
from convos_infra.railway.commit import sourced
from convos_infra.railway.environment_config import BY_NAME, FIELDS, SEALED, VARIABLES, at, live_fields, live_variables
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.registry.reference import parse
from pool_contract.agent_settings import agent_settings
from pool_contract.agent_variables import agent_variables, made_per_agent
from stack import database_services
from stack.pool import database_settings, pool_manager_settings

if TYPE_CHECKING:
    from ops.adopt.live import DigestOf, Live
    from pool_contract.key_declaration import Generated
    from stack.databases import FurtherDatabase
    from stack.settings import Settings

ADOPTED, MADE, LEFT = "adopted", "would be made", "left alone"
UNKNOWN = "not known"
_LOGIN = ("deploy", "registryCredentials")
DOMAIN, PROXY, VOLUME = "domain", "proxy", "volume"
"""The parts of a service in `ReportRow.changed`."""


@dataclass(frozen=True)
class ReportRow:
    """One thing of the environment.

    Attributes:
        subject: its name.
        state: adopted, would be made, left alone.
        matches: the names of the compared parts that equal the config.
        changes: what the first update would change; names of variables, never values.
        unread: what Railway does not show; assumed to be correct.
        unkeyed: what the stack does not manage; it is kept.
        deployments: the most deployments of it by the first update: a value in another notation that results in the
            same running value is stored without one.
        changed: the names of the attributes, variables and parts in `changes`.
    """

    subject: str
    state: str
    matches: Sequence[str] = ()
    changes: Sequence[str] = ()
    unread: Sequence[str] = ()
    unkeyed: Sequence[str] = ()
    deployments: int = 0
    changed: Sequence[str] = ()


def at_most(deployments: int) -> str:
    """Describe a number of deployments for people."""
    return f"at most {deployments} deployments" if deployments else "0 deployments"


@dataclass(frozen=True)
class ServicePart:
    """A volume, a proxy or a domain of a service: its kind, its name, and whether it matches the config."""

    kind: str
    text: str
    fits: bool


def services(settings: Settings, live: Live, digest_of: DigestOf) -> Iterator[ReportRow]:
    """Yield the services of the program.

    Args:
        settings: the stack's config.
        live: the environment.
        digest_of: resolves `repository:tag` to the registry's current digest.
    """
    place = EnvironmentPlace(
        live.snapshot.project_id,
        live.snapshot.environment_id,
        settings.deployment_seconds,
        settings.health_seconds,
        settings.overwrite_changes,
    )
    pinned = digest_of if settings.improvements.pin else None
    runtime = deployed(settings.image.reference, pinned)
    if settings.database.managed and not settings.database_url:
        yield _database(settings, live, place)
    yield from (_further(entry, live, place) for entry in settings.databases.values())
    if settings.improvements.canary:
        name = settings.improvements.canary_service
        # The owner of the canary's key and inbox is unknown, so the update creates new ones.
        made = dict.fromkeys(made_per_agent(settings.keys), UNKNOWN)
        variables = agent_variables({**settings.keys, **made}, _stored(live, name))
        wanted = canary.configuration(_at(live, name), place, runtime, variables, agent_settings(settings.keys))
        yield _compared(live, name, wanted, [_domain(live, name)])
    yield _pool_manager(settings, live, place, runtime, pinned)


def _database(settings: Settings, live: Live, place: EnvironmentPlace) -> ReportRow:
    service = database_settings(settings).service
    kept = database.VARIABLE in service.keeps and not service.password
    password = None if kept else service.password or UNKNOWN
    wanted = database.configuration(_at(live, service.name), place, service, password)
    parts = [_volume(live, service.name, service.volume)] if service.volume else []
    parts += [_proxy(live, service.name, service.port)] if service.proxy else []
    return _compared(live, service.name, wanted, parts)


def _further(entry: FurtherDatabase, live: Live, place: EnvironmentPlace) -> ReportRow:
    configured = database_services.configuration(entry, place, entry.variables)
    wanted = ServiceInstanceArgs.of(configured, _at(live, entry.service))
    parts = [_volume(live, entry.service, entry.volume)] if entry.volume else []
    parts += [_proxy(live, entry.service, entry.port)] if entry.proxy else []
    return _compared(live, entry.service, wanted, parts)


def _pool_manager(
    settings: Settings, live: Live, place: EnvironmentPlace, runtime: str, pinned: DigestOf | None
) -> ReportRow:
    data = database_settings(settings)
    manager = pool_manager_settings(
        settings,
        image=deployed(settings.pool.image, pinned) if settings.pool.image else None,
        runtime_image=runtime,
        database_url=data.service_url or data.url or data.service.reference,
        keys=settings.all_keys,
    )
    token = None if manager.keep_token else settings.pool.railway_token or UNKNOWN
    service = manager.service
    at_ = _at(live, service.name)
    wanted = pool_manager.configuration(at_, place, manager, settings.pool.api_key or UNKNOWN, token)
    parts = [_domain(live, service.name)] if service.domain else []
    parts += [_volume(live, service.name, service.volume)] if service.volume else []
    parts += [_proxy(live, service.name, service.proxy_port)] if service.proxy_port else []
    return _compared(live, service.name, wanted, parts)


def deployed(reference: str, digest_of: DigestOf | None) -> str:
    """Return a reference as it is deployed: by digest, or unchanged if none is requested or the registry has none."""
    if digest_of is None:
        return reference
    found = parse(reference)
    digest = found.digest or digest_of(f"{found.location}:{found.tag}")
    return found.pinned(digest) if digest else reference


def _stored(live: Live, service: str) -> Callable[[str, Generated], str]:
    """Return a function that returns the existing secret, which an update adopts."""
    values = live_variables(live.service(service)[1])
    return lambda name, _: values.get(name) or UNKNOWN


def _at(live: Live, name: str) -> ServiceAt:
    return ServiceAt(live.snapshot.project_id, live.snapshot.environment_id, live.service(name)[0], name)


def _compared(live: Live, name: str, args: ServiceInstanceArgs, parts: Sequence[ServicePart]) -> ReportRow:
    """Return a service's row.

    Args:
        live: the environment.
        name: the service's name.
        args: the program's configuration of it, with all values known.
        parts: its other parts.
    """
    id_, config = live.service(name)
    if not id_:
        return ReportRow(name, MADE, deployments=1)
    wanted = args.properties()
    plan = patch_plan.plan({}, wanted, config)
    managed = [field.name for field in FIELDS if wanted.get(field.name) is not None]
    values, names = live_variables(config), wanted[VARIABLES]
    unread = [variable for variable in sorted(values) if values[variable] is None]
    compared = [*managed, *(variable for variable in sorted(names) if variable not in unread)]
    changed = {*plan.fields, *plan.variables}
    strange = [field for field in live_fields(config) if field not in managed]
    strange += [f"variable {variable}" for variable in sorted(values) if variable not in [*names, *unread]]
    strange += [f"domain {row['domain']}" for row in live.snapshot.domains(id_, "customDomains")]
    strange += list(_other_parts(live, name, parts))
    login = ["registry login"] if at(config, _LOGIN) else []
    misfits = [part for part in parts if not part.fits]
    return ReportRow(
        name,
        ADOPTED,
        matches=[*(item for item in compared if item not in changed), *(part.text for part in parts if part.fits)],
        changes=[
            *(_field_change(field, config, wanted) for field in plan.fields),
            *(_variable_change(variable, values, wanted[SEALED] or ()) for variable in plan.variables),
            *(part.text for part in misfits),
        ],
        unread=[*unread, *login],
        unkeyed=strange,
        deployments=int(plan.deploys and sourced(wanted, config)),
        changed=[*plan.fields, *plan.variables, *(part.kind for part in misfits)],
    )


def _other_parts(live: Live, name: str, parts: Sequence[ServicePart]) -> Iterator[str]:
    """Yield the volumes, proxies and domains of a service that the stack does not manage."""
    managed = {part.kind for part in parts}
    if VOLUME not in managed:
        yield from (f"volume at {path}" for path in live.volumes(name))
    if PROXY not in managed:
        yield from (f"TCP proxy of port {port}" for port in live.proxies(name))
    if DOMAIN not in managed:
        yield from (f"domain {domain}" for domain in live.domains(name))


def _field_change(name: str, config: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    if name == "startCommand":
        # A command may contain a secret.
        return "startCommand"
    return f"{name} {at(config, BY_NAME[name].path)!r} -> {wanted[name]!r}"


def _variable_change(name: str, values: Mapping[str, str | None], sealed: Sequence[str]) -> str:
    if name not in values:
        return f"variable {name} (not there)"
    return f"variable {name} ({'would be sealed' if name in sealed else 'new value'})"


def _volume(live: Live, name: str, path: str) -> ServicePart:
    paths = live.volumes(name)
    if path in paths:
        return ServicePart(VOLUME, f"volume at {path}", fits=True)
    return ServicePart(VOLUME, f"volume at {', '.join(paths) or 'no path'} -> {path}", fits=False)


def _proxy(live: Live, name: str, port: int) -> ServicePart:
    fits = port in live.proxies(name)
    return ServicePart(PROXY, f"TCP proxy of port {port}" + ("" if fits else " (not there)"), fits)


def _domain(live: Live, name: str) -> ServicePart:
    found = live.domains(name)
    if len(found) > 1:
        return ServicePart(DOMAIN, f"domains {', '.join(found)} (remove all but one on Railway)", fits=False)
    return (
        ServicePart(DOMAIN, f"domain {found[0]}", fits=True)
        if found
        else ServicePart(DOMAIN, "domain (not there)", fits=False)
    )
