"""A stack's config -> one frozen `Settings`. Every problem is found in one pass, and each names its key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from convos_infra import ownership
from convos_infra.errors import InfraError
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.rollout.policy import HOLD, LEAVE, RolloutPolicy
from convos_infra.schema.policy import ACCEPT, DROP, KEEP, REFUSE, SchemaPolicy
from railway_api.client import DEFAULT_ENDPOINT, checked_endpoint
from railway_api.failure import Failure

DEFAULT_REPOSITORY = "ghcr.io/xmtplabs/convos-runtime"
FORBIDDEN_PREFIX = "INSTANCE_"
PLAIN_KEYS = frozenset(
    {"OPENCLAW_PRIMARY_MODEL", "XMTP_ENV", "AGENTMAIL_DOMAIN", "TELNYX_PHONE_NUMBER", "TELNYX_MESSAGING_PROFILE_ID"}
    | {"OPENROUTER_KEY_LIMIT", "OPENROUTER_KEY_LIMIT_RESET", "POOL_STUCK_TIMEOUT_MS", "TICK_INTERVAL_MS"}
)
"""Keys that are settings, not secrets; every other one is kept as a secret."""
OURS = frozenset(
    {"DATABASE_URL", "RAILWAY_RUNTIME_IMAGE", "POOL_ENVIRONMENT", "POOL_MIN_IDLE", "POOL_API_KEY"}
    | {"POOL_AGENT_URL", "PORT"}
)
"""Variables of the pool manager that the program sets itself."""
LOCAL_STACK = "local"
_DAY = 86_400
POOL_ENVIRONMENTS = ("dev", "staging", "production")
_KEY_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_LONGEST_KEY_NAME = 255
_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
_PASSWORD = re.compile(r"[A-Za-z0-9._~-]+")
"""RFC 3986's unreserved characters: it becomes part of the database's URL, also where Railway puts that together."""
LONGEST_PROJECT, LONGEST_ENVIRONMENT = 32, 24


@dataclass(frozen=True)
class ImageSettings:
    """Which runtime image.

    Attributes:
        reference: what is pinned or followed.
        build: whether it is made from this checkout.
        branch_reference: what is followed where nothing is pinned.
        old_after_days: from which age on a pin is warned of.
    """

    repository: str
    reference: str
    build: bool
    is_pinned: bool
    branch_reference: str
    old_after_days: int


@dataclass(frozen=True)
class PoolSettings:
    """The pool manager: one of `image`, `build`, `repo` says where it comes from."""

    image: str
    build: bool
    repository: str
    repo: str
    branch: str
    min_idle: int
    environment: str
    api_key: str = field(repr=False)
    railway_endpoint: str
    railway_token: str = field(repr=False)
    agent_url: str
    keep_token: bool


WITH_VOLUME = ("postgres",)
"""The services that the stack gives a volume."""


@dataclass(frozen=True)
class Settings:
    """All that a stack's config says.

    Attributes:
        stack: the stack's name.
        endpoint, token: Railway.
        workspace, project, project_id, environment, environment_id: where on Railway.
        image, pool: what runs.
        rollout: what happens to living agents when the image changes.
        keys: the agents' keys by name; `PLAIN_KEYS` alone are no secrets.
        database_url: an existing database, or empty.
        database_image, database_password, schema: of the database.
        replace_volume: the service whose deleted volume an empty one may replace, or empty.
        deployment_seconds, health_seconds: time limits.
        overwrite_changes, protect, data_on_destroy, destroy_adopted: see Pulumi.yaml.
        registry_username, registry_password: for private images.
        builder, base_images: how images are built on this machine; see ops/local/environment.py.
    """

    stack: str
    endpoint: str
    token: str = field(repr=False)
    workspace: str
    project: str
    project_id: str
    environment: str
    environment_id: str
    image: ImageSettings
    pool: PoolSettings
    rollout: RolloutPolicy
    keys: Mapping[str, str] = field(repr=False)
    database_url: str = field(repr=False)
    database_image: str
    database_password: str = field(repr=False)
    replace_volume: str
    schema: SchemaPolicy
    deployment_seconds: int
    health_seconds: int
    overwrite_changes: bool
    protect: bool
    data_on_destroy: str
    destroy_adopted: bool
    registry_username: str
    registry_password: str = field(repr=False)
    builder: str
    base_images: str


class Problems(Exception):
    """Everything that is wrong with a stack's config; one line each."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class _Reader:
    """Reads keys and collects problems."""

    def __init__(self, values: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self.values = values
        self.environ = environ
        self.problems: list[str] = []

    def problem(self, key: str, what: str, next_step: str = "") -> None:
        self.problems.append(str(InfraError(key, what, next_step)))

    def text(self, key: str, default: str = "", *, variable: str = "") -> str:
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            self.problem(key, f"must be text, not {type(value).__name__}")
            return default
        if value is not None and value and not value.strip():
            self.problem(key, "holds only blanks", "set it, or remove it")
            return default
        found = (value or "").strip() or self.environ.get(variable, "").strip() if variable else (value or "").strip()
        return found or default

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if isinstance(value, bool) or value is None:
            return bool(value)
        if value in ("true", "false"):
            return bool(value == "true")
        self.problem(key, f"must be true or false, not {value!r}")
        return False

    def number(self, key: str, default: int, lowest: int, highest: int) -> int:
        value = self.values.get(key)
        if value is None or value == "":
            return default
        try:
            number = int(str(value))
        except ValueError:
            self.problem(key, f"must be a whole number, not {value!r}")
            return default
        if isinstance(value, bool) or not lowest <= number <= highest:
            self.problem(key, f"must be from {lowest} to {highest}, not {value!r}")
            return default
        return number

    def checked(self, key: str, check: Callable[[], Any]) -> None:
        try:
            check()
        except Failure as error:
            text = str(error)
            self.problems.append(text if text.startswith(f"{key}:") else f"{key}: {text}")


def read(
    stack: str,
    values: Mapping[str, Any],
    known: frozenset[str],
    environ: Mapping[str, str],
    *,
    is_secret: Callable[[str], bool] = lambda _: True,
) -> Settings:
    """Read a stack's config.

    Args:
        stack: the stack's name.
        values: the config by key, without the project's prefix, secrets opened.
        known: the keys that Pulumi.yaml describes.
        environ: the process's environment.
        is_secret: whether a key's value is encrypted in the config.

    Raises:
        Problems: all of them.
    """
    reader = _Reader(values, environ)
    _refuse_unknown(reader, known)
    for key in (
        "railwayToken",
        "registryPassword",
        "poolApiKey",
        "poolRailwayToken",
        "databaseUrl",
        "databasePassword",
    ):
        if values.get(key) and not is_secret(key):
            reader.problem(key, "is in plain text", f"pulumi config set --secret {key}")
    settings = Settings(
        stack=stack,
        endpoint=_endpoint(reader),
        token=_token(reader),
        workspace=reader.text("workspace"),
        project=_name(reader, "project", "convos", LONGEST_PROJECT),
        project_id=reader.text("projectId"),
        environment=_name(reader, "environment", stack, LONGEST_ENVIRONMENT),
        environment_id=reader.text("environmentId"),
        image=_image(reader, stack),
        pool=_pool(reader, stack),
        rollout=_rollout(reader),
        keys=_keys(reader, secret_object=is_secret("keys")),
        database_url=_database_url(reader, stack),
        database_image=reader.text("databaseImage", "ghcr.io/railwayapp-templates/postgres-ssl:17"),
        database_password=_database_password(reader),
        replace_volume=_replace_volume(reader),
        schema=_schema(reader),
        deployment_seconds=reader.number("deploymentTimeout", 900, 1, 7200),
        health_seconds=reader.number("healthTimeout", 300, 1, 3600),
        overwrite_changes=reader.flag("overwriteChanges"),
        protect=reader.flag("protect"),
        data_on_destroy=_data_on_destroy(reader),
        destroy_adopted=reader.flag(ownership.ADOPTED_KEY),
        registry_username=reader.text("registryUsername"),
        registry_password=reader.text("registryPassword", variable="REGISTRY_PASSWORD"),
        builder=environ.get("CONVOS_BUILDER", ""),
        base_images=environ.get("CONVOS_BASE_IMAGES", ""),
    )
    if reader.problems:
        raise Problems(reader.problems)
    return settings


def _refuse_unknown(reader: _Reader, known: frozenset[str]) -> None:
    for key in sorted(set(reader.values) - known):
        by_case = [name for name in known if name.lower() == key.lower()]
        near = by_case or difflib.get_close_matches(key, sorted(known), n=1)
        if key.startswith(FORBIDDEN_PREFIX):
            reader.problem(key, _prefix_text(key), f"set it as keys.{key.removeprefix(FORBIDDEN_PREFIX)}")
        else:
            step = f"did you mean {near[0]}?" if near else "Pulumi.yaml lists the keys"
            reader.problem(key, "no such key in Pulumi.yaml", step)


def _endpoint(reader: _Reader) -> str:
    endpoint = reader.text("railwayEndpoint", DEFAULT_ENDPOINT, variable="RAILWAY_ENDPOINT")
    reader.checked("railwayEndpoint", lambda: checked_endpoint(endpoint))
    return endpoint


def _token(reader: _Reader) -> str:
    # A project token, as Railway's CLI takes it, serves an environment that exists; it makes none, and no project.
    token = reader.text("railwayToken", variable="RAILWAY_API_TOKEN") or reader.environ.get("RAILWAY_TOKEN", "").strip()
    if not token:
        reader.problem(
            "railwayToken",
            "there is no account or workspace token",
            "export RAILWAY_API_TOKEN, or pulumi config set --secret railwayToken",
        )
    elif any(mark.isspace() for mark in token) or not token.isascii():
        reader.problem("railwayToken", "holds blanks or characters that no token has", "set it again")
    return token


def _name(reader: _Reader, key: str, default: str, longest: int) -> str:
    name = reader.text(key, default)
    if not _NAME.match(name):
        reader.problem(key, f"{name!r} may hold lower case letters, digits and '-'")
    elif len(name) > longest:
        reader.problem(
            key, f"{name!r} has {len(name)} characters; at most {longest} fit into Railway's names and domains"
        )
    return name


def _image(reader: _Reader, stack: str) -> ImageSettings:
    registry = reader.environ.get("CONVOS_IMAGE_REGISTRY", "").strip()
    repository = reader.text("imageRepository", f"{registry}/convos-runtime" if registry else DEFAULT_REPOSITORY)
    build, tag = reader.flag("imageBuild"), reader.text("imageTag")
    branch_tag = reader.text("imageBranchTag", stack)
    _check_reference(reader, "imageRepository", repository)
    # CI deploys the image that it has just built, and nothing that the tag may name a moment later.
    digest = reader.environ.get("IMAGE_DIGEST", "").strip()
    key = "IMAGE_DIGEST" if digest else "imageBranchTag"
    followed = _reference(reader, key, repository, f"{branch_tag}@{digest}" if digest else branch_tag)
    return ImageSettings(
        repository=repository,
        reference=_reference(reader, "imageTag", repository, tag) if tag else followed,
        build=build,
        is_pinned=bool(tag),
        branch_reference=followed,
        old_after_days=reader.number("imagePinWarnDays", 14, 1, 3650),
    )


def _reference(reader: _Reader, key: str, repository: str, version: str) -> str:
    """Return the full reference of a tag or digest; the bare text where it, or the repository, is none."""
    if not any(line.startswith("imageRepository:") for line in reader.problems):
        try:
            return parse_version(repository, version, key).name
        except RegistryError as error:
            reader.problems.append(str(error))
    return f"{repository}:{version}"


def _check_reference(reader: _Reader, key: str, reference: str) -> None:
    try:
        parse(reference)
    except RegistryError as error:
        text = str(error)
        reader.problems.append(text if text.startswith(f"{key}:") else f"{key}: {text.partition(': ')[2] or text}")


def _pool(reader: _Reader, stack: str) -> PoolSettings:
    registry = reader.environ.get("CONVOS_IMAGE_REGISTRY", "").strip()
    image, build, repo = reader.text("poolImage"), reader.flag("poolBuild"), reader.text("poolRepo")
    chosen = [key for key, value in (("poolImage", image), ("poolBuild", build), ("poolRepo", repo)) if value]
    if len(chosen) != 1:
        what = f"{' and '.join(chosen)} exclude each other" if chosen else "the pool manager has no source"
        reader.problem(chosen[0] if chosen else "poolImage", what, "set one of poolImage, poolBuild, poolRepo")
    if image:
        _check_reference(reader, "poolImage", image)
    if repo and not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        reader.problem("poolRepo", f"must be owner/name, not {repo!r}")
    return PoolSettings(
        image=image,
        build=build,
        repository=f"{registry}/convos-pool" if registry else "ghcr.io/xmtplabs/convos-pool",
        repo=repo,
        branch=reader.text("poolBranch", stack),
        min_idle=reader.number("poolMinIdle", 3, 0, 500),
        environment=_pool_environment(reader, stack),
        api_key=reader.text("poolApiKey"),
        railway_endpoint=reader.text("poolRailwayEndpoint", variable="POOL_RAILWAY_ENDPOINT"),
        railway_token=reader.text("poolRailwayToken", variable="POOL_RAILWAY_API_TOKEN"),
        agent_url=_agent_url(reader),
        keep_token=_keep_token(reader),
    )


def _agent_url(reader: _Reader) -> str:
    url = reader.text("poolAgentUrl", variable="POOL_AGENT_URL")
    if url and (urlsplit(url).scheme not in ("http", "https") or not re.search(r"\{(domain|name|id)\}", url)):
        reader.problem("poolAgentUrl", f"must be a URL that holds {{domain}}, {{name}} or {{id}}, not {url[:80]!r}")
    return url


def _keep_token(reader: _Reader) -> bool:
    keep = reader.flag("poolKeepToken")
    if keep and reader.text("poolRailwayToken"):
        reader.problem("poolKeepToken", "and poolRailwayToken exclude each other", "remove one of them")
    return keep


def _pool_environment(reader: _Reader, stack: str) -> str:
    chosen = reader.text("poolEnvironment", stack if stack in POOL_ENVIRONMENTS else "dev")
    if chosen not in POOL_ENVIRONMENTS:
        reader.problem("poolEnvironment", f"must be one of {', '.join(POOL_ENVIRONMENTS)}, not {chosen!r}")
    return chosen


def _rollout(reader: _Reader) -> RolloutPolicy:
    default = RolloutPolicy()
    found = RolloutPolicy(
        kind=reader.text("rolloutPolicy", HOLD),
        canary=reader.number("rolloutCanary", default.canary, 1, 1000),
        batch=reader.number("rolloutBatch", default.batch, 1, 1000),
        max_unavailable=reader.number("rolloutMaxUnavailable", default.max_unavailable, 1, 1000),
        bake_seconds=reader.number("rolloutBake", default.bake_seconds, 0, _DAY),
        ready_seconds=reader.number("rolloutReady", default.ready_seconds, 1, _DAY),
        deadline_seconds=reader.number("rolloutDeadline", default.deadline_seconds, 0, 30 * _DAY),
        claimed=reader.text("rolloutClaimed", LEAVE),
        wait_seconds=reader.number("rolloutWait", default.wait_seconds, 0, _DAY),
        on_destroy=reader.text("agentsOnDestroy", default.on_destroy),
    )
    keys = {
        "kind": "rolloutPolicy",
        "claimed": "rolloutClaimed",
        "canary": "rolloutCanary",
        "batch": "rolloutBatch",
        "on_destroy": "agentsOnDestroy",
    }
    for name, what, step in found.problems():
        reader.problem(keys[name], what, step)
    return found


def rollout_policy(values: Mapping[str, Any]) -> RolloutPolicy:
    """Return the rollout policy of a stack's config, without the rest of it.

    Raises:
        Problems: what is wrong with it.
    """
    reader = _Reader(values, {})
    found = _rollout(reader)
    if reader.problems:
        raise Problems(reader.problems)
    return found


def _prefix_text(name: str) -> str:
    return f"the {FORBIDDEN_PREFIX} prefix is gone; name it {name.removeprefix(FORBIDDEN_PREFIX)}"


def _keys(reader: _Reader, *, secret_object: bool) -> dict[str, str]:
    given = reader.values.get("keys") or {}
    if not isinstance(given, Mapping):
        reader.problem("keys", "must be an object of names and values", "pulumi config set --path keys.NAME value")
        return {}
    keys = {name: _key_value(reader, name, value, secret_object=secret_object) for name, value in given.items()}
    by_case: dict[str, str] = {}
    for name in keys:
        if name.lower() in by_case:
            reader.problem(f"keys.{name}", f"is there as {by_case[name.lower()]} too", "remove one of them")
        by_case[name.lower()] = name
    return keys


def _key_value(reader: _Reader, name: str, value: Any, *, secret_object: bool) -> str:
    where = f"keys.{name}"[:120]
    problem = key_problem(name, value)
    if problem:
        reader.problem(where, *problem)
    elif name not in PLAIN_KEYS and not secret_object:
        reader.problem(where, "is in plain text", f"pulumi config set --secret --path {where}")
    return _key_text(value)


def _key_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def key_problem(name: str, value: Any) -> tuple[str, ...]:
    """Return what keeps a name and a value from being one of `keys`: what is wrong, what to do; empty where nothing."""
    text = _key_text(value)
    if name.upper().startswith(FORBIDDEN_PREFIX):
        return (_prefix_text(name),)
    if not _KEY_NAME.match(name) or len(name) > _LONGEST_KEY_NAME:
        return ("a name starts with a letter or '_' and holds letters, digits and '_'",)
    if name in OURS or name.startswith(("RAILWAY_", "POOL_ROLLOUT_")):
        return ("is set by the program or by Railway", "remove it")
    if not isinstance(value, str | bool | int | float):
        return (f"must be text, not {type(value).__name__}",)
    if not text.strip():
        return ("is empty", "set it, or remove it")
    if text != text.strip():
        return ("begins or ends with a blank or a line break", "set it again without")
    return ()


def _data_on_destroy(reader: _Reader) -> str:
    found = reader.text(ownership.DATA_KEY, ownership.REFUSE)
    allowed = (ownership.REFUSE, ownership.DELETE)
    if found not in allowed:
        reader.problem(ownership.DATA_KEY, f"must be {' or '.join(allowed)}, not {found!r}")
    return found


def _schema(reader: _Reader) -> SchemaPolicy:
    found = SchemaPolicy(
        target=reader.text("schemaTarget"),
        baseline=reader.text("schemaBaseline"),
        drift=reader.text("schemaDrift", REFUSE),
        on_destroy=reader.text("schemaOnDestroy", KEEP),
    )
    for key, value in (("schemaTarget", found.target), ("schemaBaseline", found.baseline)):
        if value and not re.fullmatch(r"[0-9]{4}", value):
            reader.problem(key, f"must be a migration's number such as 0001, not {value!r}")
    for key, value, allowed in (
        ("schemaDrift", found.drift, (REFUSE, ACCEPT)),
        ("schemaOnDestroy", found.on_destroy, (KEEP, DROP)),
    ):
        if value not in allowed:
            reader.problem(key, f"must be {' or '.join(allowed)}, not {value!r}")
    return found


def _replace_volume(reader: _Reader) -> str:
    name = reader.text("replaceVolume")
    if name and name not in WITH_VOLUME:
        problem = f"must be the name of a service with a volume ({', '.join(WITH_VOLUME)}), not {name!r}"
        reader.problem("replaceVolume", problem)
    return name


def _database_password(reader: _Reader) -> str:
    password = reader.text("databasePassword")
    if password and not _PASSWORD.fullmatch(password):
        step = "change it in the database: ALTER USER postgres PASSWORD '…'"
        reader.problem("databasePassword", "holds characters that a URL does not take as they are", step)
    return password


def _database_url(reader: _Reader, stack: str) -> str:
    # On other stacks a DATABASE_URL left in a shell would plan the end of the stack's own database.
    url = reader.text("databaseUrl", variable="DATABASE_URL" if stack == LOCAL_STACK else "")
    parts = urlsplit(url) if url else None
    if parts is not None and (parts.scheme not in ("postgres", "postgresql") or not parts.hostname):
        reader.problem("databaseUrl", "is no PostgreSQL URL", "postgresql://user:password@host:5432/name")
    return url
