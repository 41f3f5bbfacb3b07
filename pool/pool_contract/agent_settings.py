"""How an agent runs, in the pool and as the canary: set by keys, else by their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pool_contract.keys import declaration_of
from pool_contract.registry_login import RegistryLogin

NONE = "none"
DEFAULT_USERNAME = "token"
MEGABYTE = 1_000_000
REGISTRY_USERNAME, REGISTRY_PASSWORD = "POOL_AGENT_REGISTRY_USERNAME", "POOL_AGENT_REGISTRY_PASSWORD"


@dataclass(frozen=True)
class AgentSettings:
    """How an agent runs.

    Attributes:
        start_command: the start command of its container.
        healthcheck_path: the path that Railway itself checks; empty for none.
        readiness_path: the path that answers `{"ready": true}` to the agent's bearer key.
        volume: the mount path of its volume; empty for an agent without a volume. The canary has none.
        vcpus, memory_bytes: its limits.
        registry_login: the login with which Railway pulls its image; None if the image is public.
    """

    start_command: str = declaration_of("POOL_AGENT_START_COMMAND").default
    healthcheck_path: str = ""
    readiness_path: str = declaration_of("POOL_AGENT_READINESS_PATH").default
    volume: str = declaration_of("POOL_AGENT_VOLUME").default
    vcpus: int = int(declaration_of("POOL_AGENT_VCPUS").default)
    memory_bytes: int = int(declaration_of("POOL_AGENT_MEMORY_MB").default) * MEGABYTE
    registry_login: RegistryLogin[str] | None = None

    @property
    def limits(self) -> dict[str, dict[str, int]]:
        """Its limits, in the format of Railway's `limitOverride`."""
        return {"containers": {"cpu": self.vcpus, "memoryBytes": self.memory_bytes}}


def agent_settings(values: Mapping[str, str]) -> AgentSettings:
    """Return how agents run, given validated variables."""

    def text(name: str) -> str:
        return values.get(name) or declaration_of(name).default

    return AgentSettings(
        start_command=text("POOL_AGENT_START_COMMAND"),
        healthcheck_path=_path(text("POOL_AGENT_HEALTHCHECK_PATH")),
        readiness_path=text("POOL_AGENT_READINESS_PATH"),
        volume=_path(text("POOL_AGENT_VOLUME")),
        vcpus=int(text("POOL_AGENT_VCPUS")),
        memory_bytes=int(text("POOL_AGENT_MEMORY_MB")) * MEGABYTE,
        registry_login=_login(text(REGISTRY_USERNAME), text(REGISTRY_PASSWORD)),
    )


def login_variables(login: RegistryLogin[str]) -> dict[str, str]:
    """Return the variables with the login with which Railway pulls the image of agents."""
    return {REGISTRY_USERNAME: login.username, REGISTRY_PASSWORD: login.password}


def _login(username: str, password: str) -> RegistryLogin[str] | None:
    # Railway requires a user in a login; GitHub's registry accepts any user together with a token.
    return RegistryLogin(username or DEFAULT_USERNAME, password) if password else None


def _path(text: str) -> str:
    return "" if text == NONE else text
