"""Reads a deployed stack's state, and connects to its Railway and its pool manager; for commands about one stack."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import current_digest
from convos_infra.rollout.pool_api import PoolApi
from ops import pulumi_cli
from ops.ci.registry_login import credentials
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import backend, railway_now, railway_view, services
from ops.status.backend import Backend
from ops.status.recorded import Recorded, Role, parsed
from railway_api.client import DEFAULT_ENDPOINT, Timing
from railway_api.retry import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.status.railway_now import RailwayNow
    from ops.status.services import ServiceNow
    from railway_api.client import Client

POOL_SECONDS = (3.0, 10.0)
PATIENCE = Timing(connect_seconds=5.0, read_seconds=30.0, budget=Budget(attempts=3, seconds=20.0))
"""The limits of a page that a person waits for: a part that takes longer counts as unread."""


def recorded(stack: str) -> Recorded:
    """Return a stack's state, secrets opened.

    Raises:
        InfraError: the backend has no such stack, or does not answer.
    """
    check_known(stack)
    return parsed(Pulumi(stack).state())


def check_known(stack: str) -> None:
    """Refuse a stack that the backend does not have.

    Raises:
        InfraError: it has none of that name, or does not answer.
    """
    if all(row["name"] != stack for row in pulumi_cli.stacks()):
        raise missing(stack, where())


def missing(stack: str, place: Backend) -> InfraError:
    """Return the error for a stack that the backend does not have."""
    step = f"is {backend.VARIABLE} right? If it is, the stack was never made: pulumi up --stack {stack}"
    return InfraError(stack, f"no state of {stack} in {place}", step)


def where() -> Backend:
    """Return the backend that Pulumi uses.

    Raises:
        PulumiError: only Pulumi knows it, and does not report it.
    """
    return backend.named(os.environ, CHECKOUT) or Backend(pulumi_cli.backend_url(), "pulumi login")


def outputs(stack: str) -> dict[str, Any]:
    """Return a stack's outputs, secrets opened: they must not be shown as they are.

    Raises:
        InfraError: as for `recorded`.
    """
    return dict(recorded(stack).outputs)


def client(state: Recorded, environ: Mapping[str, str] | None = None) -> Client:
    """Return a client of the Railway that the stack was deployed to.

    Raises:
        InfraError: RAILWAY_ENDPOINT names another Railway than the last update used, or there is no token.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("RAILWAY_ENDPOINT") or DEFAULT_ENDPOINT
    known = str((state.outputs.get("railway") or {}).get("endpoint") or DEFAULT_ENDPOINT)
    if known != given:
        problem = f"is {given}, and the last update went to {known}"
        raise InfraError("RAILWAY_ENDPOINT", problem, "set it to that one, with the token that belongs to it")
    return railway_view.client(environ, PATIENCE)


def railway(state: Recorded) -> RailwayNow:
    """Return the stack's environment as Railway has it now.

    Raises:
        InfraError: as for `client`.
        RailwayError: Railway cannot be asked.
    """
    return railway_now.read(client(state), state)


def pool_manager(state: Recorded, now: RailwayNow) -> ServiceNow:
    """Return the pool manager as it runs now.

    Raises:
        InfraError: the stack has none.
    """
    instance = state.of_role("ServiceInstance", Role.POOL_MANAGER)
    if instance is None:
        raise InfraError("pool-manager", "the stack has none yet", "run pulumi up")
    return services.service(instance, now)


def pool_api(state: Recorded, now: RailwayNow) -> PoolApi:
    """Return a client of a stack's pool manager, at the address that Railway reports now.

    The URL in the state may belong to someone else by now, and they must not receive the key.

    Raises:
        InfraError: none runs, or Railway reports no address of it.
    """
    found = pool_manager(state, now)
    if found.is_simulated:
        raise InfraError("pool-manager", "it is simulated here, no agent runs", "start Docker, then make local")
    if found.serving is None:
        raise InfraError("pool-manager", f"not asked, as none runs: its newest deployment is {found.status}")
    if not found.url:
        raise InfraError("pool-manager", "not asked, as Railway shows no domain of it", "run pulumi refresh")
    key = str((state.outputs.get("poolManager") or {}).get("apiKey") or "")
    if not key:
        raise InfraError("pool-manager", "the stack has no key of it yet", "run pulumi up")
    return PoolApi(found.url, key, POOL_SECONDS)


def named_now(deployed: str, version: str, subject: str) -> str:
    """Return the full reference, digest included, of a tag or digest in the repository of the deployed image.

    Raises:
        InfraError: there is no such tag, or the registry cannot be asked.
    """
    wanted = parse_version(parse(deployed).location, version, subject)
    found = wanted.digest or current_digest(wanted, credentials=credentials(), subject=subject)
    if not found:
        raise InfraError(subject, f"there is no tag {version} in {wanted.location}", "push one, or name another")
    return f"{wanted.location}{f':{wanted.tag}' if wanted.tag else ''}@{found}"
