"""What an agent is and what state it is in: pure functions over what Railway, the database and its health say."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY, UNDECLARED_NAMES, agent_variables, shared_variables, taken_out
from pool_contract.service_names import AGENT_PREFIX, POOL_MANAGER

if TYPE_CHECKING:
    from pool_contract.key_declaration import Generated
    from pool_contract.registry_login import RegistryLogin

    from .railway import Instance
    from .settings import Settings

ID_LENGTH = 12
NAME_LENGTH = 32
"""The longest name that Railway takes for a service."""
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""What new ids are made of: no letters that look like digits."""
ID = rf"[A-Za-z0-9_-]{{{ID_LENGTH}}}"
"""Ids that other pool managers made have all of these."""
HEALTH_SECONDS = 300
SEALED = ""
"""How a variable appears whose value Railway does not show."""
GATEWAY_TOKEN = "OPENCLAW_GATEWAY_TOKEN"  # noqa: S105 - a variable's name

STARTING = frozenset({"QUEUED", "WAITING", "NEEDS_APPROVAL", "INITIALIZING", "BUILDING", "DEPLOYING"})
ENDED = frozenset({"FAILED", "CRASHED", "REMOVED", "REMOVING", "SKIPPED"})
STATES = ("idle", "starting", "claimed", "unknown", "released", "sleeping", "crashed", "dead", "unfinished")


@dataclass(frozen=True)
class Agent:
    """An agent of this environment.

    Args:
        id: the last 12 characters of its service's name, which no rename changes.
        instance: what Railway says of its service.
        state: one of STATES. `released` was claimed once and is no more; `crashed` is claimed and has ended; `unknown`
            is claimed, and nobody knows what came of the claim; `dead` has ended, or never got ready, unclaimed;
            `unfinished` has no image yet.
        claimed: whether `agent_metadata` has it.
        ready: whether its health says so.
        seconds: for how long it has been seen ready, or not ready, without a break.
        reason: why it is in its state, where that needs a word.
    """

    id: str
    instance: Instance
    state: str
    claimed: bool
    ready: bool
    seconds: float
    reason: str = ""

    @property
    def image(self) -> str:
        """The reference in its service's config."""
        return self.instance.image


def new_id() -> str:
    """Return a fresh id, without letters that look like digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def service_name(agent_id: str, agent_name: str = "") -> str:
    """Return the service's name: of a claimed agent with the start of its own name, the id always last."""
    room = NAME_LENGTH - len(AGENT_PREFIX) - ID_LENGTH - 1
    slug = re.sub(r"[^a-z0-9]+", "-", agent_name.lower()).strip("-")[:room].strip("-")
    return f"{AGENT_PREFIX}{slug or 'agent'}-{agent_id}" if agent_name else f"{AGENT_PREFIX}{agent_id}"


def agent_id(name: str) -> str | None:
    """Return the id in a service's name; None for a service that is no agent."""
    if name == POOL_MANAGER:
        return None
    found = re.fullmatch(rf"{AGENT_PREFIX}(?:.*-)?({ID})", name, re.DOTALL)
    return found[1] if found else None


def is_own_id(id_: str) -> bool:
    """Say whether an id is one that this pool manager makes up."""
    return re.fullmatch(rf"[{ALPHABET}]{{{ID_LENGTH}}}", id_) is not None


def is_moving(instance: Instance) -> bool:
    """Say whether the config asks for an image that is not the newest deployment's: a deployment is on its way."""
    pinned = ["@" in reference for reference in (instance.image, instance.deployed_image)]
    # A deployment that names its image in another way than the config does says nothing.
    comparable = bool(instance.deployed_image) and pinned[0] == pinned[1]
    return comparable and not same_image(instance.image, instance.deployed_image)


def same_image(one: str, other: str) -> bool:
    """Say whether two references are the same image: by digest where both have one, whatever their tags."""
    digests = [reference.partition("@")[2] for reference in (one, other)]
    return digests[0] == digests[1] if all(digests) else one == other


def state(instance: Instance, *, claimed: bool, ready: bool, unready_seconds: float, stuck_seconds: float) -> str:
    """Return an agent's state.

    Args:
        instance: what Railway says.
        claimed: whether `agent_metadata` has it.
        ready: whether its `/pool/health` says so; only asked of a deployment that succeeded.
        unready_seconds: for how long it has been seen unready.
        stuck_seconds: how long an agent may take.
    """
    status = instance.deployment_status
    if claimed:
        return "sleeping" if status == "SLEEPING" else "crashed" if status in ENDED else "claimed"
    if not status:
        return "unfinished"
    if is_moving(instance):
        return "starting"
    if status == "SLEEPING":
        return "sleeping"
    if status in ENDED:
        return "dead"
    if status == "SUCCESS" and ready:
        # Its name says that somebody had it. Without a row of the database it is nobody's, yet never the pool's to
        # delete or to hand out: a database that was emptied must not cost anybody an agent.
        return "idle" if instance.name == service_name(agent_id(instance.name) or "") else "released"
    # Also in a status that Railway has yet to invent: it is given its time, then it is replaced.
    return "dead" if unready_seconds > stuck_seconds else "starting"


def is_pristine(agent: Agent) -> bool:
    """Say whether nobody has ever had an agent, by its service's name."""
    return agent.instance.name == service_name(agent.id)


def is_disposable(agent: Agent) -> bool:
    """Say whether the pool may delete an agent by itself: never one that somebody has, or had."""
    return agent.state in {"dead", "sleeping"} and is_pristine(agent) and not agent.claimed


def missing(agents: Iterable[Agent], wanted: int) -> int:
    """Return how many agents to create, counting those on their way."""
    coming = sum(agent.state in {"idle", "starting", "unfinished"} and is_pristine(agent) for agent in agents)
    return max(0, wanted - coming)


def counts(agents: Iterable[Agent], image: str, keys_behind: Collection[str] = ()) -> dict[str, int]:
    """Return how many agents are in each state, and how many are as a new one would be.

    Args:
        agents: all of them.
        image: the newest.
        keys_behind: the ids of those that have other keys than a new one would get.
    """
    agents = list(agents)
    by_state = Counter(agent.state for agent in agents)
    newest = [agent for agent in agents if same_image(agent.image, image)]
    by_keys = sum(agent.id in keys_behind for agent in newest)
    latest = len(newest) - by_keys
    return {state: by_state[state] for state in STATES} | {
        "total": len(agents),
        "latest": latest,
        "behind": len(agents) - latest,
        "behindKeys": by_keys,
    }


def variables(settings: Settings, id_: str, made: Mapping[str, str]) -> dict[str, str]:
    """Return a new agent's variables: the handed-on ones, and secrets of its own.

    Args:
        settings: what all agents get.
        id_: the agent's id.
        made: its own key and inbox, where they were made for it.
    """

    def secret(name: str, form: Generated) -> str:
        return agent_api_key(settings.api_key, id_) if name == API_KEY else form.prefix + secrets.token_hex(form.size)

    return agent_variables({**settings.agent_variables, **made}, secret)


def keys_behind(settings: Settings, stored: Mapping[str, str]) -> list[str]:
    """Return the names of the keys that an agent lacks, has with another value than a new agent, or has too many.

    Args:
        settings: what all agents get.
        stored: the variables of its service, sealed ones missing or empty.
    """
    shared = shared_variables(settings.agent_variables)
    other = [name for name, value in shared.items() if name != UNDECLARED_NAMES and _differs(name, value, stored)]
    return sorted([*other, *taken_out(settings.agent_variables, stored)])


def _differs(name: str, value: str, stored: Mapping[str, str]) -> bool:
    # A sealed value cannot be read: it counts as it should be.
    return stored.get(name) not in (value, SEALED)


def first_patch(service_id: str, settings: Settings, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the one patch that makes an empty service an agent: two would start it once without its variables."""
    agent = settings.agent
    deploy: dict[str, Any] = {"startCommand": agent.start_command, "limitOverride": agent.limits}
    if agent.healthcheck_path:
        deploy |= {"healthcheckPath": agent.healthcheck_path, "healthcheckTimeout": HEALTH_SECONDS}
    deploy |= login_patch(agent.registry_login)
    service = {
        "source": {"image": settings.runtime_image},
        "deploy": deploy,
        "variables": {name: {"value": value} for name, value in values.items()},
    }
    return {"services": {service_id: service}}


def login_patch(login: RegistryLogin[str] | None) -> dict[str, Any]:
    """Return the part of a service's `deploy` that says with which login Railway pulls its image."""
    return {"registryCredentials": {"username": login.username, "password": login.password}} if login else {}


def image_patch(
    images: Mapping[str, tuple[str, str]], settings: Settings, removed: Mapping[str, Collection[str]] | None = None
) -> dict[str, Any]:
    """Return the one patch that gives services other images, and with them the keys of today.

    Args:
        images: service id -> (image, the agent's own API key). One that was made with the pool manager's own key, by an
            older pool manager, gets its own with its next deployment.
        settings: the keys, and the login for the images: both may have been rotated since a service was made.
        removed: service id -> the names of its variables that were taken out of the keys.
    """
    login = settings.agent.registry_login
    deploy = {"deploy": login_patch(login)} if login else {}
    shared = {name: {"value": value} for name, value in shared_variables(settings.agent_variables).items()}

    def variables(service_id: str, key: str) -> dict[str, Any]:
        gone = dict.fromkeys((removed or {}).get(service_id, ()))
        return {**gone, **shared, API_KEY: {"value": key}}

    return {
        "services": {
            service_id: {"source": {"image": image}, "variables": variables(service_id, key), **deploy}
            for service_id, (image, key) in images.items()
        }
    }


def removal_patch(service_id: str) -> dict[str, Any]:
    """Return the patch that takes a service out of this environment and no other."""
    return {"services": {service_id: {"isDeleted": True}}}
