"""The questions of `make doctor`: each asks what an update would ask, and none changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse_version
from convos_infra.registry.resolve import age, resolve
from convos_infra.schema.apply import inspect
from ops import pulumi_cli, stacks
from ops.ci.registry_login import credentials
from ops.doctor import tokens
from ops.doctor.check import Check, Diagnosis, asked
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import backend, keys, live_stack, railway_now, reading
from ops.status.recorded import Recorded, parsed
from ops.status.source import now

if TYPE_CHECKING:
    from ops.status.railway_now import RailwayNow
    from railway_api.client import Client

LATER = "because of what is wrong above"
OF_ENVIRONMENT = ("pool's token", "volumes", "database", "pool manager")
"""The questions that need the environment to be readable."""
NEARLY_FULL = 0.9
"""The share of a volume's size above which a person has to act: PostgreSQL stops when it cannot write any more."""


def checks(stack: str, environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield each answer as it comes.

    Args:
        stack: its name.
        environ: the process's environment.

    Raises:
        InfraError: the stack has no config file.
    """
    config = stacks.config(CHECKOUT, stack)
    states: list[Recorded] = []
    yield asked("backend", lambda: _backend(stack))
    yield asked("passphrase", lambda: _opened(stack, states))
    yield asked("keys", lambda: _keys(stack, config, environ))
    state = states[0] if states else None
    clients: list[Client] = []
    yield asked("Railway's token", lambda: _token(state, environ, clients))
    yield asked("registry", lambda: _registry(stack, config, state))
    if state is None or not clients or not state.is_deployed:
        why = LATER if state is None or not clients else "nothing is deployed yet"
        for subject in ("environment", *OF_ENVIRONMENT):
            yield Check(subject, Diagnosis.UNASKED, why)
        return
    yield from _of_environment(state, clients[0])


def _of_environment(state: Recorded, client: Client) -> Iterator[Check]:
    found: list[RailwayNow] = []
    yield asked("environment", lambda: _environment(state, client, found))
    if not found:
        for subject in OF_ENVIRONMENT:
            yield Check(subject, Diagnosis.UNASKED, LATER)
        return
    questions: dict[str, Callable[[], str]] = {
        "pool's token": lambda: tokens.project_tokens(state, found[0], client),
        "volumes": lambda: _volumes(found[0]),
        "database": lambda: _database(state, found[0]),
        "pool manager": lambda: _pool_manager(state, found[0]),
    }
    for subject, ask in questions.items():
        yield asked(subject, ask)


def _backend(stack: str) -> str:
    place = live_stack.where()
    row = next((one for one in pulumi_cli.stacks() if one["name"] == stack), None)
    if row is None:
        raise live_stack.missing(stack, place)
    locks = backend.locks(place, stack, CHECKOUT)
    if locks:
        lock = locks[0]
        who = f"{lock.user}@{lock.host}, process {lock.process_id}, since {lock.since}"
        step = f"wait for it; if it does not run any more: pulumi cancel --stack {stack}"
        raise InfraError("backend", f"{place} is locked by {who}", step)
    if row.get("updateInProgress"):
        raise InfraError(
            "backend", f"{place} says that an update is under way", f"pulumi cancel --stack {stack}, if none is"
        )
    return f"{place} has {stack}, no lock"


def _opened(stack: str, states: list[Recorded]) -> str:
    cli = Pulumi(stack)
    state = parsed(cli.state())
    states.append(state)
    # The config may have been encrypted with another passphrase than the state.
    cli.read("config", "--show-secrets")
    if state.unfinished:
        names = ", ".join(f"{what} {of}" for what, of in state.unfinished[:3])
        raise InfraError("state", f"an update was interrupted while {names}", pulumi_cli.forget_unfinished(stack))
    return "it opens the secrets of the state and of the config"


def _keys(stack: str, config: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    found = list(keys.states(config, environ))
    missing = [key.name for key in found if key.is_missing]
    if missing:
        step = f"pulumi config set --secret --path keys.NAME --stack {stack}"
        raise InfraError("keys", f"required and not set: {', '.join(missing)}", step)
    return f"every required key is set ({sum(key.state.startswith('set') for key in found)} keys in all)"


def _token(state: Recorded | None, environ: Mapping[str, str], clients: list[Client]) -> str:
    client = live_stack.client(state or Recorded((), {}), environ)
    told = tokens.own_token(client, environ)
    clients.append(client)
    return told


def _registry(stack: str, config: Mapping[str, Any], state: Recorded | None) -> str:
    deployed = str(((state.outputs if state is not None else {}).get("image") or {}).get("reference") or "")
    wanted = stacks.followed(config, stack)
    if str(config.get("imageBuild") or "").lower() == "true":
        if not deployed:
            return "not needed before the first update, which builds the image"
        image = resolve(deployed, credentials=credentials(), subject="image")
        return f"{image.location} answers; what is deployed is there ({image.short_digest})"
    pin = stacks.pinned(config)
    # A pin wins over the branch's tag, which need not be there then.
    subject, wanted = (
        ("imageTag", parse_version(wanted.location, pin, "imageTag")) if pin else ("imageBranchTag", wanted)
    )
    image = resolve(wanted, credentials=credentials(), subject=subject)
    who = "with REGISTRY_PASSWORD" if credentials() is not None else "without a login"
    made = age(image.created, now()) or "age unknown"
    return f"{image.location}:{image.tag or pin} is {image.short_digest}, {made}, read {who}"


def _environment(state: Recorded, client: Client, found: list[RailwayNow]) -> str:
    railway = railway_now.read(client, state)
    if railway.snapshot is None:
        step = "its owner may have deleted it; pulumi refresh, then pulumi up makes another one"
        raise InfraError("environment", f"{railway.environment_id} is gone from Railway", step)
    found.append(railway)
    snapshot = railway.snapshot
    return f"{snapshot.name} of {snapshot.project_name}, {len(snapshot.instances)} services"


def _volumes(railway: RailwayNow) -> str:
    snapshot = railway.snapshot
    assert snapshot is not None
    rows = [
        (snapshot.name_of(str(row["serviceId"])) or str(row["volumeId"]), float(row["currentSizeMB"] or 0), size)
        for row in snapshot.volume_instances
        if (size := float(row.get("sizeMB") or 0)) > 0
    ]
    full = [f"{name} ({used:.0f} of {size:.0f} MB)" for name, used, size in rows if used >= NEARLY_FULL * size]
    if full:
        step = "make the volume larger on Railway (docs/incidents.md: The database is down, or full)"
        raise InfraError("volumes", f"full, or nearly: {', '.join(full)}", step)
    fullest = max(rows, key=lambda row: row[1] / row[2], default=None)
    if fullest is None:
        return "there are none"
    return f"{len(rows)}, the fullest is that of {fullest[0]}: {fullest[1]:.0f} of {fullest[2]:.0f} MB"


def _database(state: Recorded, railway: RailwayNow) -> str:
    address = reading.database_now(state, railway)
    found = inspect(address, wait_seconds=reading.DATABASE_SECONDS, for_update=True)
    if found.obstacle:
        raise InfraError("database", f"an update would be refused: {found.obstacle}")
    return f"answers at {address}, schema {found.applied[-1].version if found.applied else 'none yet'}"


def _pool_manager(state: Recorded, railway: RailwayNow) -> str:
    if live_stack.pool_manager(state, railway).is_simulated:
        return "simulated here: no agent runs"
    api = live_stack.pool_api(state, railway)
    version, status = api.version(), api.status()
    if status.get("problem"):
        raise InfraError(
            "pool-manager", f"answers, and says: {status['problem']}", "make logs STACK=… SERVICE=pool-manager"
        )
    counts = status.get("counts") or {}
    told = f"{counts.get('idle', 0)} idle, {counts.get('claimed', 0)} claimed"
    return f"{version.get('version', 'of an unknown version')} answers and takes the key; {told}"
