"""What an adoption compared: per thing what matches, what the first update would change, what nobody can read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from components import canary, database, pool_manager
from components.environment import EnvironmentPlace
from convos_infra.railway import patch_plan
from convos_infra.railway.environment_config import BY_NAME, FIELDS, SEALED, VARIABLES, at, live_fields, live_variables
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.registry.reference import parse
from pool_contract.agent_settings import agent_settings
from pool_contract.agent_variables import agent_variables, made_per_agent
from stack.pool import pool_manager_settings

if TYPE_CHECKING:
    from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
    from ops.adopt.config import Described, Live
    from pool_contract.key_declaration import Generated
    from stack.settings import Settings

ADOPTED, MADE, LEFT = "adopted", "would be made", "left alone"
AGENT_PREFIX = "convos-agent-"
NEVER_SHOWN = "sealed values, passwords of registry logins, limits that the plan sets"
_UNKNOWN = "not known"
_LOGIN = ("deploy", "registryCredentials")


@dataclass(frozen=True)
class Row:
    """One thing of the environment.

    Attributes:
        thing: its name.
        state: adopted, would be made, left alone.
        matches: what was compared and is as the config has it, by name.
        changes: what the first update would change; names of variables, never values.
        unread: what Railway does not show, taken as it is.
        unkeyed: what this program has no key for; it stays as it is.
        deployments: how many the first update would make of it.
    """

    thing: str
    state: str
    matches: Sequence[str] = ()
    changes: Sequence[str] = ()
    unread: Sequence[str] = ()
    unkeyed: Sequence[str] = ()
    deployments: int = 0


@dataclass(frozen=True)
class Receipt:
    """All rows, and what is to be done before the first update."""

    stack: str
    project: str
    environment: str
    keys: Sequence[str]
    secret_keys: Sequence[str]
    rows: Sequence[Row]
    next_steps: Sequence[str]

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        secret = len(self.secret_keys)
        yield f"project {self.project}, environment {self.environment} -> Pulumi.{self.stack}.yaml"
        yield f"  {len(self.keys)} keys, {secret} values encrypted: {', '.join([*self.keys, *self.secret_keys])}"
        for row in self.rows:
            yield ""
            yield f"  {row.thing}: {row.state}{_sum(row)}"
            parts = (("would change", row.changes), ("not read, stays", row.unread), ("no key, stays", row.unkeyed))
            for title, what in (("matches", row.matches), *parts):
                if what:
                    yield f"    {title:<16} {', '.join(what)}"
        changes = sum(len(row.changes) + (row.state == MADE) for row in self.rows)
        yield ""
        yield f"  the first update: {changes} changes, {sum(row.deployments for row in self.rows)} deployments"
        yield f"  Railway never shows: {NEVER_SHOWN}"
        yield f"  not compared here: the database's schema (make schema-plan STACK={self.stack})"
        for step in self.next_steps:
            yield f"  to do: {step}"


def _sum(row: Row) -> str:
    compared = len(row.matches) + len(row.changes)
    return f", {compared} compared, {len(row.matches)} match, {row.deployments} deployments" if compared else ""


def receipt(settings: Settings, live: Live, described: Described, digest_of: Callable[[str], str]) -> Receipt:
    """Compare an environment with what the program makes of the config that describes it.

    Args:
        settings: that config, read by stack/settings.py.
        live: the environment.
        described: what was written.
        digest_of: the digest that a registry has under `repository:tag` now; empty where it does not tell.
    """
    place = EnvironmentPlace(
        live.snapshot.project_id,
        live.snapshot.environment_id,
        settings.deployment_seconds,
        settings.health_seconds,
        settings.overwrite_changes,
    )
    rows = [
        Row(f"project {live.project}", ADOPTED, ("name",)),
        Row(f"environment {live.environment}", ADOPTED, ("name",), unkeyed=_shared(live)),
        *_services(settings, live, place, digest_of),
        *_others(settings, live),
    ]
    steps = [f"{row.service} {row.name}: {row.next_step}" for row in described.unread if row.next_step]
    return Receipt(
        settings.stack,
        live.project,
        live.environment,
        sorted({*described.plain} - {"keys"} | {f"keys.{name}" for name in described.plain.get("keys") or {}}),
        sorted(described.secrets),
        rows,
        steps,
    )


def _services(
    settings: Settings, live: Live, place: EnvironmentPlace, digest_of: Callable[[str], str]
) -> Iterator[Row]:
    """Yield the services that the program has: each compared by the plan that its update would carry out."""
    runtime = _deployed(settings.image.reference, digest_of)
    if not settings.database_url:
        password = settings.database_password or _UNKNOWN
        wanted = database.configuration(_at(live, database.SERVICE), place, settings.database_image, password)
        yield _compared(live, database.SERVICE, wanted, [_volume(live), _proxy(live)])
    # Nobody knows whose the key and the inbox are that the canary has: the update makes others.
    made = dict.fromkeys(made_per_agent(settings.keys), _UNKNOWN)
    variables = agent_variables({**settings.keys, **made}, _kept(live, canary.SERVICE))
    agent = agent_settings(settings.keys)
    wanted = canary.configuration(_at(live, canary.SERVICE), place, runtime, variables, agent)
    yield _compared(live, canary.SERVICE, wanted, [_domain(live, canary.SERVICE)])
    manager = pool_manager_settings(
        settings,
        image=_deployed(settings.pool.image, digest_of) if settings.pool.image else None,
        runtime_image=runtime,
        database_url=settings.database_url or database.SERVICE_URL,
        keys=settings.all_keys,
    )
    token = None if settings.pool.keep_token else settings.pool.railway_token or _UNKNOWN
    wanted = pool_manager.configuration(
        _at(live, pool_manager.SERVICE), place, manager, settings.pool.api_key or _UNKNOWN, token
    )
    yield _compared(live, pool_manager.SERVICE, wanted, [_domain(live, pool_manager.SERVICE)])


def _kept(live: Live, service: str) -> Callable[[str, Generated], str]:
    """Return what says which secret an update adopts: the one that is there."""
    values = live_variables(live.service(service)[1])
    return lambda name, _: values.get(name) or _UNKNOWN


def _deployed(reference: str, digest_of: Callable[[str], str]) -> str:
    """Return a reference as it is deployed, by digest; as it is where the registry does not tell."""
    found = parse(reference)
    digest = found.digest or digest_of(f"{found.location}:{found.tag}")
    return found.pinned(digest) if digest else reference


def _at(live: Live, name: str) -> ServiceAt:
    return ServiceAt(live.snapshot.project_id, live.snapshot.environment_id, live.service(name)[0], name)


def _compared(live: Live, name: str, args: ServiceInstanceArgs, parts: Sequence[tuple[str, bool]]) -> Row:
    """Return a service's row.

    Args:
        live: the environment.
        name: the service's name.
        args: what the program wants of it, every value known.
        parts: what else belongs to it, and whether that is as it is wanted.
    """
    id_, config = live.service(name)
    if not id_:
        return Row(name, MADE, deployments=1)
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
    login = ["registry login"] if at(config, _LOGIN) else []
    return Row(
        name,
        ADOPTED,
        matches=[*(item for item in compared if item not in changed), *(part for part, fits in parts if fits)],
        changes=[
            *(_field_change(field, config, wanted) for field in plan.fields),
            *(_variable_change(variable, values, wanted[SEALED] or ()) for variable in plan.variables),
            *(part for part, fits in parts if not fits),
        ],
        unread=[*unread, *login],
        unkeyed=strange,
        deployments=int(plan.deploys),
    )


def _field_change(name: str, config: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return f"{name} {at(config, BY_NAME[name].path)!r} -> {wanted[name]!r}"


def _variable_change(name: str, values: Mapping[str, str | None], sealed: Sequence[str]) -> str:
    if name not in values:
        return f"variable {name} (not there)"
    return f"variable {name} ({'would be sealed' if name in sealed else 'another value'})"


def _volume(live: Live) -> tuple[str, bool]:
    id_, _ = live.service(database.SERVICE)
    paths = [row["mountPath"] for row in live.snapshot.volume_instances if row.get("serviceId") == id_]
    if database.MOUNT_PATH in paths:
        return f"volume at {database.MOUNT_PATH}", True
    return f"volume at {', '.join(paths) or 'no path'} -> {database.MOUNT_PATH}", False


def _proxy(live: Live) -> tuple[str, bool]:
    _, config = live.service(database.SERVICE)
    fits = str(database.PORT) in (at(config, ("networking", "tcpProxies")) or {})
    return f"TCP proxy of port {database.PORT}" + ("" if fits else " (not there)"), fits


def _domain(live: Live, name: str) -> tuple[str, bool]:
    id_, _ = live.service(name)
    rows = live.snapshot.domains(id_, "serviceDomains")
    if len(rows) > 1:
        return f"domains {', '.join(row['domain'] for row in rows)} (remove all but one on Railway)", False
    return (f"domain {rows[0]['domain']}", True) if rows else ("domain (not there)", False)


def _shared(live: Live) -> list[str]:
    return [f"shared variable {name}" for name in sorted(live.snapshot.config.get("sharedVariables") or {})]


def _others(settings: Settings, live: Live) -> Iterator[Row]:
    """Yield what else lives in the environment: agents, which are the pool manager's, and services of others."""
    own = {canary.SERVICE, pool_manager.SERVICE} | (set() if settings.database_url else {database.SERVICE})
    names = sorted({str(row.get("serviceName")) for row in live.snapshot.instances.values()} - own)
    agents = [name for name in names if name.startswith(AGENT_PREFIX)]
    if agents:
        yield Row(f"{len(agents)} agents", LEFT, unkeyed=["they are the pool manager's, not the stack's"])
    for name in names:
        if name not in agents:
            yield Row(name, LEFT, unkeyed=["the service, its volumes, domains and variables"])
