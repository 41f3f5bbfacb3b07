"""A stack's config -> one frozen `Settings`. Every problem is found in one pass, and each names its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from components import defaults
from convos_infra import ownership
from convos_infra.registry.reference import parse
from pool_contract.agent_projects import AGENT_PROJECTS, PER_AGENT
from pool_contract.agent_settings import DEFAULT_USERNAME, login_variables
from pool_contract.registry_login import RegistryLogin
from railway_api.endpoint import DEFAULT_ENDPOINT
from stack import agent_keys, checks, databases, reading, standins
from stack.agent_keys import PLAIN_KEYS, key_problem
from stack.database import DatabaseShape
from stack.databases import FurtherDatabase  # pydantic reads it
from stack.given_keys import in_plain_text, unknown
from stack.image import DEFAULT_REPOSITORY, ImageSettings
from stack.improvements import Improvements
from stack.migrations import MigrationSettings  # pydantic reads it
from stack.pool_manager import POOL_ENVIRONMENTS, PoolSettings, default_environment
from stack.problem import ConfigError, Problem
from stack.rollout import RolloutPolicy
from stack.section import ConfigKey, Either, Flag, Section, Text, Whole, config_keys, key, object_key

__all__ = [
    "DEFAULT_REPOSITORY",
    "KEYS",
    "LONGEST_ENVIRONMENT",
    "LONGEST_PROJECT",
    "PLAIN_KEYS",
    "POOL_ENVIRONMENTS",
    "ConfigError",
    "Settings",
    "key_problem",
    "read",
    "variable_keys",
]
LOCAL_STACK = "local"
LONGEST_PROJECT, LONGEST_ENVIRONMENT = 32, 24
"""In characters: the first is Railway's limit (fact: name-length). The second is this project's own; a generated domain
has the names of the service and of the environment in its first label, which holds 63 (RFC 1035)."""


class Settings(Section):
    """Everything that a stack's config says.

    To add a key, add a field here, or to the section that it belongs to, and run `make config-docs`.

    Attributes:
        stack: the stack's name.
        image, pool, rollout: what runs, and what happens to living agents when the image changes.
        improvements: what is switched off for a stack that was taken over as it was.
        database: the shape of the database.
        keys: the agents' keys by name; all of them are secrets, except for `PLAIN_KEYS`.
        builder, base_images: how images are built on this machine; see ops/local/environment.py.
        pulls_with_login: whether Railway is given the registry's login: only if the stack's config has the password.
            One that comes from the shell may be a workflow's token, which ends with its run; Railway could not pull
            with it later, and a different token in every run would cause a deployment in every run.
    """

    stack: str
    endpoint: Annotated[Text, AfterValidator(checks.endpoint)] = key(
        "railwayEndpoint",
        "Railway's GraphQL endpoint; empty is Railway's own.",
        env=("RAILWAY_ENDPOINT",),
    )
    token: Annotated[Text, AfterValidator(checks.token)] = key(
        "railwayToken",
        "An account or workspace token of Railway.",
        secret=True,
        env=("RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
    )
    workspace: Text = key("workspace", "The Railway workspace, by id or name; empty takes the token's only one.")
    project: Annotated[Text, AfterValidator(checks.name(LONGEST_PROJECT))] = key(
        "project", "The Railway project that the stacks share; made if there is none of that name.", defaults.PROJECT
    )
    project_id: Text = key("projectId", "Take over this project instead of looking for the name.")
    environment: Annotated[Text, AfterValidator(checks.name(LONGEST_ENVIRONMENT))] = key(
        "environment", "The Railway environment of this stack; empty takes the stack's name."
    )
    environment_id: Text = key("environmentId", "Take over this environment instead of looking for the name.")
    image: ImageSettings
    registry_username: Text = key("registryUsername", "The registry's user, for private images.")
    registry_password: Text = key(
        "registryPassword",
        "The registry's password or token (read:packages). Where the stack's config has it, Railway pulls the images of"
        " canary, pool manager and agents with it; one of the shell is used only to look up images.",
        secret=True,
        env=("REGISTRY_PASSWORD",),
    )
    pool: PoolSettings
    rollout: RolloutPolicy
    improvements: Improvements
    database: DatabaseShape
    keys: Mapping[str, str] = object_key(
        "keys", "The agents' keys and settings by name (no INSTANCE_ prefix); docs/configuration.md lists them."
    )
    database_url: Annotated[Text, AfterValidator(checks.database_url)] = key(
        "databaseUrl",
        "An existing PostgreSQL; empty makes one on Railway.",
        secret=True,
        # On other stacks a DATABASE_URL left in a shell would plan the end of the stack's own database.
        env=("DATABASE_URL",),
        env_stack=LOCAL_STACK,
    )
    database_image: Text = key(
        "databaseImage", "The image of the PostgreSQL service.", "ghcr.io/railwayapp-templates/postgres-ssl:17"
    )
    database_password: Annotated[Text, AfterValidator(checks.password)] = key(
        "databasePassword",
        "The password that the PostgreSQL service on Railway was started with (make adopt reads it); empty makes a"
        " random one.",
        secret=True,
    )
    databases: Mapping[str, FurtherDatabase] = object_key(
        "databases",
        "The other databases of the environment by name - PostgreSQL, Redis or any other, each as it is described (make"
        " adopt writes this). docs/configuration.md lists their keys.",
    )
    replace_volume: Text = key(
        "replaceVolume",
        "The service (postgres, or one of databases) whose volume was deleted outside the stack. The stack replaces"
        " it by an empty volume, although Railway could still restore its data.",
    )
    migrations: MigrationSettings
    deployment_seconds: Whole = key(
        "deploymentTimeout", "How many seconds a deployment may take until it is ready.", 900, lowest=1, highest=7200
    )
    health_seconds: Whole = key(
        "healthTimeout",
        "How many seconds a started container may take until its health check answers.",
        300,
        lowest=1,
        highest=3600,
    )
    overwrite_changes: Flag = key(
        "overwriteChanges",
        "Overwrite what others changed on Railway since the last update, instead of stopping.",
        default=False,
    )
    protect: Flag = key(
        "protect",
        "Refuse to delete anything that has data or an identity - project, environment, services, volumes, domains,"
        " proxies, tokens.",
        default=False,
    )
    data_on_destroy: Annotated[Text, Either((ownership.REFUSE, ownership.DELETE))] = key(
        ownership.DATA_KEY,
        "What pulumi destroy does if a volume of the stack has data - refuse to begin, or delete it."
        f" {ownership.DATA_VARIABLE} overrides it.",
        ownership.REFUSE,
    )
    destroy_adopted: Flag = key(
        ownership.ADOPTED_KEY,
        "Whether pulumi destroy also deletes what the stack took over and did not make."
        f" {ownership.ADOPTED_VARIABLE} overrides it.",
        default=False,
    )
    builder: str = ""
    base_images: str = ""
    pulls_with_login: bool = False

    @property
    def all_keys(self) -> dict[str, str]:
        """The keys, and the login with which Railway pulls the agents' image, by the pool manager's variable names."""
        login = self._login
        return {**self.keys, **({} if login is None else login_variables(login))}

    @property
    def pool_login(self) -> RegistryLogin[str] | None:
        """The login with which Railway pulls the pool manager's image; None if that is in another registry."""
        image = self.pool.repository if self.pool.build else self.pool.image
        if not image or parse(image).registry != parse(self.image.repository).registry:
            return None
        return self._login

    @property
    def _login(self) -> RegistryLogin[str] | None:
        if not (self.pulls_with_login and self.registry_password):
            return None
        return RegistryLogin(self.registry_username or DEFAULT_USERNAME, self.registry_password)

    @property
    def service_names(self) -> tuple[str, ...]:
        """The names of the stack's services on Railway; those of `databases` come last."""
        return (*self._first_services, *(one.service for one in self.databases.values()))

    @property
    def volume_count(self) -> int:
        """How many volumes the stack's services have; agents' volumes do not count."""
        own = (self.pool.volume, self._has_database_service and self.database.volume)
        return sum(map(bool, own)) + len(self._databases_with_a_volume)

    @property
    def _has_database_service(self) -> bool:
        return self.database.managed and not self.database_url

    @property
    def _databases_with_a_volume(self) -> list[str]:
        return [one.service for one in self.databases.values() if one.volume]

    @property
    def _first_services(self) -> tuple[str, ...]:
        return (
            self.pool.service,
            *([self.improvements.canary_service] if self.improvements.canary else []),
            *([self.database.service] if self._has_database_service else []),
        )

    def pool_variables(self) -> dict[str, str]:
        """Return the pool manager's variables that keys of the config set, without those in `keys`."""
        pool = self.pool.model_dump(by_alias=True)
        own = {one.variable: str(pool[one.name]) for one in config_keys(PoolSettings) if one.variable}
        told = {**own, **(self.rollout.variables() if self.improvements.rollouts else {})}
        return {name: value for name, value in told.items() if name not in self.pool.kept}

    def problems(self) -> Iterator[Problem]:
        """Yield the problems that involve several keys, and what the pool manager would refuse when it starts."""
        sections = (self.image, self.pool, self.rollout, self.migrations)
        found = [problem for section in sections for problem in section.problems()]
        is_given = bool(self.database_url) or "DATABASE_URL" in self.pool.kept
        found += self.database.mistakes(is_elsewhere=bool(self.database_url), is_given=is_given)
        found += self.database.replaceable(self.replace_volume, self._databases_with_a_volume)
        found += databases.namesakes(self.databases, self._first_services)
        if not self.token:
            step = "export RAILWAY_API_TOKEN, or pulumi config set --secret railwayToken"
            found.append(Problem("railwayToken", "there is no account or workspace token", step))
        yield from found
        told = {problem.key for problem in found}
        refusals = agent_keys.refusals(self.keys, self.pool_variables(), variable_keys())
        yield from (problem for problem in refusals if problem.key not in told)


KEYS: Mapping[str, ConfigKey] = {declared.name: declared for declared in config_keys(Settings)}
"""Every key of a stack's config, in the order in which people read them."""


def variable_keys() -> dict[str, str]:
    """Return the config key that sets a variable of the pool manager, by the variable's name."""
    return {declared.variable: declared.name for declared in KEYS.values() if declared.variable}


def read(
    stack: str,
    values: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    is_secret: Callable[[str], bool] = lambda _: True,
) -> Settings:
    """Read a stack's config.

    Args:
        stack: the stack's name.
        values: the config by key, without the project's prefix, secrets decrypted.
        environ: the process's environment.
        is_secret: tells whether the value of a key, or of `keys.NAME`, is encrypted in the config. Of an object such as
            `keys`, it tells whether any of its values is.

    Raises:
        ConfigError: it has every problem of the config.
    """
    wrong = [*unknown(values, KEYS), *in_plain_text(values, KEYS, is_secret)]
    keys, wrong_keys = agent_keys.read(values, is_secret=is_secret)
    others, wrong_databases = databases.read(values, is_secret=is_secret)
    if stack == LOCAL_STACK:
        keys = standins.keys(environ) | keys
    registry = environ.get("CONVOS_IMAGE_REGISTRY", "").strip()
    defaults = {
        "railwayEndpoint": DEFAULT_ENDPOINT,
        "environment": stack,
        "imageRepository": f"{registry}/convos-runtime" if registry else DEFAULT_REPOSITORY,
        "imageBranchTag": stack,
        "poolBranch": stack,
        "poolEnvironment": default_environment(stack),
    }
    settings, found = reading.read(
        Settings,
        {**reading.given(KEYS, stack, values, environ, defaults), "keys": keys, "databases": others},
        {
            "stack": stack,
            "builder": environ.get("CONVOS_BUILDER", ""),
            "pulls_with_login": bool(values.get("registryPassword")),
            "base_images": environ.get("CONVOS_BASE_IMAGES", ""),
            "image": {"digest": environ.get("IMAGE_DIGEST", "").strip()},
            "pool": {"registry": registry, "digest": environ.get("POOL_IMAGE_DIGEST", "").strip()},
        },
    )
    if settings.pool.keep_token and values.get("poolRailwayToken"):
        found.append(Problem("poolKeepToken", "cannot be combined with poolRailwayToken", "remove one of them"))
    if keys.get(AGENT_PROJECTS) == PER_AGENT and not (settings.pool.keep_token or settings.pool.railway_token):
        what = "per-agent needs a token that may create projects; the token that the stack makes may not"
        step = "pulumi config set --secret poolRailwayToken with an account or workspace token"
        found.append(Problem(f"keys.{AGENT_PROJECTS}", what, step))
    wrong += [*wrong_keys, *wrong_databases]
    told = {problem.key for problem in wrong}
    wrong += [problem for problem in found if problem.key not in told]
    if wrong:
        raise ConfigError(wrong)
    return settings
