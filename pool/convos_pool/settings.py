"""The process's variables as one typed value; every problem is found in one pass and names its variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pool_contract import keys
from pool_contract.agent_projects import AGENT_PROJECTS, FURTHER_TOKENS, PER_AGENT, tokens_in
from pool_contract.agent_settings import AgentSettings, agent_settings
from pool_contract.keys import declaration_of
from pool_contract.policy import Policy, policy_of
from railway_api.endpoint import checked_endpoint
from railway_api.failure import Failure

from .errors import SettingsError
from .limits import Limits

IMAGE = "RAILWAY_RUNTIME_IMAGE"
DEFAULT_IMAGE = declaration_of(IMAGE).default
FORBIDDEN_PREFIX = "INSTANCE_"
SERVICE_ID = "RAILWAY_SERVICE_ID"
"""Railway gives every deployment the id of its service (docs.railway.com/variables/reference)."""


@dataclass(frozen=True)
class ProviderSettings:
    """The accounts for OpenRouter keys and AgentMail inboxes; with an empty key, none are created.

    Attributes:
        openrouter_key: OpenRouter's management key.
        openrouter_limit, openrouter_limit_reset: for each agent's key.
        agentmail_domain: empty for AgentMail's own.
    """

    openrouter_url: str = declaration_of("OPENROUTER_API_URL").default
    openrouter_key: str = field(default="", repr=False)
    openrouter_limit: int = int(declaration_of("OPENROUTER_KEY_LIMIT").default)
    openrouter_limit_reset: str = declaration_of("OPENROUTER_KEY_LIMIT_RESET").default
    agentmail_url: str = declaration_of("AGENTMAIL_API_URL").default
    agentmail_key: str = field(default="", repr=False)
    agentmail_domain: str = ""


@dataclass(frozen=True)
class Settings:
    """All settings of the pool manager.

    Attributes:
        port: the port that it listens on.
        api_key: the bearer token of the API; the dashboard's login asks for it as well.
        environment: `dev`, `staging` or `production`.
        min_idle: how many agents are kept warm.
        stuck_seconds: how long an agent may take to get ready before it is deleted.
        tick_seconds: the time between two rounds.
        database_url: PostgreSQL.
        railway_url: Railway's GraphQL endpoint.
        railway_token: a project token of this environment, or an account or workspace token.
        railway_token_kind: `project`, `account`, or empty to ask Railway once.
        further_railway_tokens: tokens that are used in turn with `railway_token`.
        has_project_per_agent: whether each agent has a Railway project of its own.
        project_id: Railway's project.
        environment_id: Railway's environment.
        service_id: the pool manager's own service; empty if Railway does not provide it.
        runtime_image: the full image reference of new agents.
        agent_variables: the variables that agents get unchanged.
        agent_url: an agent's URL; `{domain}` is its Railway domain, `{name}` and `{id}` its service's.
        rollout: what happens to living agents when the image changes.
        agent: how an agent runs.
        providers: the accounts for agents' keys and inboxes.
        limits: the limits of the Railway project.
    """

    port: int
    api_key: str = field(repr=False)
    environment: str
    min_idle: int
    stuck_seconds: float
    tick_seconds: float
    database_url: str = field(repr=False)
    railway_url: str
    railway_token: str = field(repr=False)
    railway_token_kind: str
    project_id: str
    environment_id: str
    runtime_image: str
    agent_variables: Mapping[str, str] = field(repr=False)
    agent_url: str
    rollout: Policy
    agent: AgentSettings = field(default_factory=AgentSettings)
    providers: ProviderSettings = field(default_factory=ProviderSettings)
    limits: Limits = field(default_factory=Limits)
    service_id: str = ""
    further_railway_tokens: tuple[str, ...] = field(default=(), repr=False)
    has_project_per_agent: bool = False


def read(environ: Mapping[str, str]) -> Settings:
    """Read the variables.

    Raises:
        SettingsError: everything that is missing or malformed, in one line without the values of secrets.
    """
    values = _values(environ)
    problems = [f"{one.name}: missing (required)" for one in keys.DECLARATIONS if _is_missing(one, values)]
    problems += [str(problem) for problem in keys.problems(values)]
    problems += _removed_prefixes(environ) + _unsafe_endpoints(values)
    if problems:
        raise SettingsError("; ".join(problems))

    def text(name: str) -> str:
        return values.get(name) or declaration_of(name).default

    agent = agent_settings(values)
    return Settings(
        port=int(text("PORT")),
        api_key=text("POOL_API_KEY"),
        environment=text("POOL_ENVIRONMENT"),
        min_idle=int(text("POOL_MIN_IDLE")),
        stuck_seconds=int(text("POOL_STUCK_TIMEOUT_MS")) / 1000,
        tick_seconds=int(text("TICK_INTERVAL_MS")) / 1000,
        database_url=text("DATABASE_URL"),
        railway_url=text("RAILWAY_API_URL"),
        railway_token=text("RAILWAY_API_TOKEN"),
        railway_token_kind=text("RAILWAY_TOKEN_KIND"),
        project_id=text("RAILWAY_PROJECT_ID"),
        environment_id=text("RAILWAY_ENVIRONMENT_ID"),
        service_id=environ.get(SERVICE_ID, "").strip(),
        runtime_image=text(IMAGE),
        agent_variables=keys.handed_to_agents(values),
        agent_url=text("POOL_AGENT_URL"),
        rollout=policy_of(values),
        agent=agent,
        limits=_limits(text, has_volumes=bool(agent.volume)),
        further_railway_tokens=tokens_in(text(FURTHER_TOKENS)),
        has_project_per_agent=text(AGENT_PROJECTS) == PER_AGENT,
        providers=ProviderSettings(
            openrouter_url=text("OPENROUTER_API_URL").rstrip("/"),
            openrouter_key=text("OPENROUTER_MANAGEMENT_KEY"),
            openrouter_limit=int(text("OPENROUTER_KEY_LIMIT")),
            openrouter_limit_reset=text("OPENROUTER_KEY_LIMIT_RESET"),
            agentmail_url=text("AGENTMAIL_API_URL").rstrip("/"),
            agentmail_key=text("AGENTMAIL_API_KEY"),
            agentmail_domain=text("AGENTMAIL_DOMAIN"),
        ),
    )


def _limits(text: Callable[[str], str], *, has_volumes: bool) -> Limits:
    if text(AGENT_PROJECTS) == PER_AGENT:
        # Each agent's project has only one service and one volume.
        return Limits(projects=int(text("POOL_PROJECT_LIMIT")))
    return Limits(int(text("POOL_SERVICE_LIMIT")), int(text("POOL_VOLUME_LIMIT")), has_volumes)


def image_and_policy(variables: Mapping[str, str]) -> tuple[str, Policy]:
    """Return the image and the policy that a pool manager with these variables would have.

    Raises:
        SettingsError: the malformed ones, in one line.
    """
    values = _values(variables)
    problems = [str(problem) for problem in keys.problems(values)]
    if problems:
        raise SettingsError("; ".join(problems))
    return values.get(IMAGE) or DEFAULT_IMAGE, policy_of(values)


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are declared, and those that POOL_AGENT_KEYS names."""
    stripped = {name: value.strip() for name, value in environ.items() if value.strip()}
    named = set(keys.names_in(stripped.get("POOL_AGENT_KEYS", "")))
    return {name: value for name, value in stripped.items() if keys.is_declared(name) or name in named}


def _is_missing(declared: keys.KeyDeclaration, values: Mapping[str, str]) -> bool:
    return declared.required and not values.get(declared.name)


def _removed_prefixes(environ: Mapping[str, str]) -> list[str]:
    """Return the problems of variables with the prefix of older pool managers, which this one would ignore."""
    return [
        f"{name}: the {FORBIDDEN_PREFIX} prefix is no longer supported; use {name.removeprefix(FORBIDDEN_PREFIX)}"
        for name in sorted(environ)
        if name.startswith(FORBIDDEN_PREFIX)
    ]


def _unsafe_endpoints(values: Mapping[str, str]) -> list[str]:
    """Return the endpoints to which a token would be sent unencrypted."""
    found = []
    for name, url in keys.endpoints_with_a_key(values).items():
        if declaration_of(name).allowed.problem(url):
            continue
        try:
            checked_endpoint(url)
        except Failure:
            found.append(f"{name}: would send its key unencrypted; use https")
    return found
