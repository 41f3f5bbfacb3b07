"""What an agent is and what state it is in: pure functions over what Railway, the database and its health say."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from .railway import Instance
    from .settings import Settings

PREFIX = "convos-agent-"
ID_LENGTH = 12
POOL_MANAGER = "convos-agent-pool-manager"
"""The pool manager's own service has the agents' prefix, and its last 12 characters are no agent's id."""
NAME_LENGTH = 32
"""The longest name that Railway takes for a service."""
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
START_COMMAND = "node scripts/pool-server.js"
MOUNT_PATH = "/data"
PORT = 8080
VCPUS = 4
MEMORY_BYTES = 8_000_000_000
UNFINISHED_SECONDS = 180.0
"""How long a service may be without a deployment before it counts as left behind by a create that was cut off.
Another pool manager may be at it: for a moment there are two whenever a new one is deployed."""

STARTING = {"QUEUED", "WAITING", "NEEDS_APPROVAL", "INITIALIZING", "BUILDING", "DEPLOYING"}
ENDED = {"FAILED", "CRASHED", "REMOVED", "REMOVING", "SKIPPED"}


@dataclass(frozen=True)
class Agent:
    """An agent of this environment.

    Args:
        id: the last 12 characters of its service's name, which no rename changes.
        instance: what Railway says of its service.
        state: `starting`, `idle`, `claimed`, `sleeping`, `crashed` (claimed, and ended), `dead` or `unfinished`.
    """

    id: str
    instance: Instance
    state: str


def new_id() -> str:
    """Return a fresh id, without letters that look like digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def service_name(agent_id: str, agent_name: str = "") -> str:
    """Return the service's name: of a claimed agent with the start of its own name, the id always last."""
    room = NAME_LENGTH - len(PREFIX) - ID_LENGTH - 1
    slug = re.sub(r"[^a-z0-9]+", "-", agent_name.lower()).strip("-")[:room].strip("-")
    return f"{PREFIX}{slug}-{agent_id}" if slug else f"{PREFIX}{agent_id}"


def agent_id(name: str) -> str | None:
    """Return the id in a service's name; None for a service that is no agent."""
    if name == POOL_MANAGER:
        return None
    found = re.fullmatch(rf"{PREFIX}(?:[a-z0-9-]*-)?([{ALPHABET}]{{{ID_LENGTH}}})", name)
    return found[1] if found else None


def state(instance: Instance, *, claimed: bool, ready: bool, seconds_unready: float, stuck_seconds: float) -> str:
    """Return an agent's state.

    Args:
        instance: what Railway says.
        claimed: whether `agent_metadata` has it.
        ready: whether its `/pool/health` says so; only asked of a deployment that succeeded.
        seconds_unready: since its deployment was made, or since it was last seen ready, whichever is less.
        stuck_seconds: how long an agent may take.
    """
    status = instance.deployment_status
    if status == "SLEEPING":
        return "sleeping"
    if status in ENDED:
        return "crashed" if claimed else "dead"
    if claimed:
        return "claimed"
    if not status:
        return "unfinished"
    if status == "SUCCESS" and ready:
        return "idle"
    # Also in a status that Railway has yet to invent: it is given its time, then it is replaced.
    return "dead" if seconds_unready > stuck_seconds else "starting"


def is_disposable(agent: Agent, now: datetime) -> bool:
    """Say whether the pool may delete an agent by itself: never a claimed one."""
    if agent.state == "unfinished":
        return (now - agent.instance.created_at).total_seconds() > UNFINISHED_SECONDS
    return agent.state in {"dead", "sleeping"}


def missing(agents: Iterable[Agent], min_idle: int) -> int:
    """Return how many agents to create, counting those on their way."""
    coming = sum(agent.state in {"idle", "starting", "unfinished"} for agent in agents)
    return max(0, min_idle - coming)


def variables(settings: Settings) -> dict[str, str]:
    """Return a new agent's variables: the handed-on ones, and secrets of its own."""
    return {
        "OPENCLAW_STATE_DIR": "/app",
        "CHROMIUM_PATH": "/usr/bin/chromium",
        "PORT": str(PORT),
        "POOL_API_KEY": settings.api_key,
        **settings.agent_variables,
        "OPENCLAW_GATEWAY_TOKEN": secrets.token_hex(32),
        "SETUP_PASSWORD": secrets.token_hex(16),
        "PRIVATE_WALLET_KEY": "0x" + secrets.token_hex(32),
    }


def first_patch(service_id: str, image: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the one patch that makes an empty service an agent: two would start it once without its variables."""
    limits = {"containers": {"cpu": VCPUS, "memoryBytes": MEMORY_BYTES}}
    service = {
        "source": {"image": image},
        "deploy": {"startCommand": START_COMMAND, "limitOverride": limits},
        "variables": {name: {"value": value} for name, value in values.items()},
    }
    return {"services": {service_id: service}}


def image_patch(service_id: str, image: str) -> dict[str, Any]:
    """Return the patch that moves an agent to another image."""
    return {"services": {service_id: {"source": {"image": image}}}}


def removal_patch(service_id: str) -> dict[str, Any]:
    """Return the patch that takes a service out of this environment and no other."""
    return {"services": {service_id: {"isDeleted": True}}}
