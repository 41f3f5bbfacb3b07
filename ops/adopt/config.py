"""Drafts the config of a stack that describes a live environment: `drafted`. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components import defaults
from convos_infra.railway.environment_config import at, live_variables
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse
from ops.adopt import databases
from ops.adopt.pool import pool_settings
from ops.ci.image_tags import BRANCH_TAGS
from pool_contract.keys import is_declared, is_reserved, names_in
from stack.database import NONE
from stack.databases import KEY as DATABASES
from stack.settings import (
    DEFAULT_REPOSITORY,
    KEYS,
    LONGEST_ENVIRONMENT,
    LONGEST_PROJECT,
    PLAIN_KEYS,
    key_problem,
)

if TYPE_CHECKING:
    from ops.adopt.live import DigestOf, Live, Roles

_NOT_IN_NAME = re.compile(r"[^a-z0-9-]+")
_REFERENCE = "${{"
SOURCE = ("image", "repo", "branch")
"""The attributes of a service that say what it is made from."""


@dataclass(frozen=True)
class AdoptionInputs:
    """What Railway does not show: variables of the adopter's shell, and what the stack's file and state have.

    Attributes:
        pool_api_key: `POOL_API_KEY`.
        database_url: `DATABASE_URL`, the URL of the pool manager's database from this machine.
        known: secrets of the stack's file or state, by the config's path: Railway never shows a sealed value.
        databases: the entries of `databases` in the stack's file.
        stored: the variables of other databases in the stack's state, by service.
    """

    pool_api_key: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    known: Mapping[str, str] = field(default_factory=dict, repr=False)
    databases: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class MissingValue:
    """A value that is not in the config, and what to do about it; `next_step` is empty if nothing has to be done."""

    service: str
    name: str
    next_step: str = ""


@dataclass(frozen=True)
class Described:
    """A stack's config.

    Attributes:
        plain: key -> value.
        secrets: path in the format of `pulumi config set --path` -> value.
        unread: the values that are missing because they cannot be read, or because the program does not accept them.
    """

    plain: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    unread: tuple[MissingValue, ...]

    def values(self) -> dict[str, Any]:
        """Return the config for stack/settings.py, with decrypted secrets."""
        found: dict[str, Any] = copy.deepcopy(dict(self.plain))
        for path, value in self.secrets.items():
            *folders, name = path.split(".")
            place = found
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = value
        return found

    def is_secret(self, key: str) -> bool:
        """Tell whether a key is encrypted in the stack's file; an object is encrypted if one of its values is."""
        return any(path == key or path.startswith(f"{key}.") for path in self.secrets)


def drafted(stack: str, live: Live, found: Roles, given: AdoptionInputs, digest_of: DigestOf) -> Described:
    """Return the config that describes an environment as far as the program supports it, without defaults.

    Args:
        stack: the name of the new stack.
        live: the environment.
        found: the roles of the services.
        given: what Railway does not show.
        digest_of: resolves `repository:tag` to the registry's current digest; empty if the registry does not tell.
    """
    _, first = live.service(found.canary)
    _, manager = live.service(found.pool_manager)
    _, postgres = live.service(found.database)
    unread: list[MissingValue] = []
    told = live_variables(manager)
    plain: dict[str, Any] = {
        "project": _name(live.project, LONGEST_PROJECT),
        "projectId": live.snapshot.project_id,
        "environment": _name(live.environment, LONGEST_ENVIRONMENT),
        "environmentId": live.snapshot.environment_id,
        "adopted": True,
        "protect": True,
        "manageSchema": False,
    }
    secrets: dict[str, str] = {}
    plain |= _runtime_image(stack, at(first, ("source", "image")) or told.get("RAILWAY_RUNTIME_IMAGE"), digest_of)
    plain |= _pool_source(stack, manager, digest_of)
    plain |= pool_settings(stack, told)
    plain |= _pool_shape(live, found.pool_manager, manager)
    plain |= {"canaryService": found.canary} if found.canary != defaults.CANARY_SERVICE else {}
    plain |= _health(first, manager)
    secrets |= _pool_secrets(found.pool_manager, told, given, unread)
    if "poolRailwayToken" not in secrets:
        plain["poolKeepToken"] = True
    if postgres:
        plain |= _database_shape(live, found.database, postgres)
        secrets |= _password(found.database, postgres, given, unread)
        secrets |= _service_url(found.database, told)
    else:
        more, secret = _elsewhere(told, given)
        plain |= more
        secrets |= secret
    entries, of_databases = databases.described(live, found.databases, given)
    plain |= {DATABASES: entries} if entries else {}
    secrets |= of_databases
    known = {key.removeprefix("keys."): value for key, value in given.known.items() if key.startswith("keys.")}
    known |= {name: value for name, value in live_variables(first).items() if value is not None}
    names, values = _keys(found.pool_manager, known, told, unread)
    plain |= {"keys": names} if names else {}
    secrets |= values
    return Described(plain, secrets, tuple(unread))


def _name(name: str, longest: int) -> str:
    """Return a name that the program accepts; the id beside it identifies the thing, which keeps its own name."""
    return _NOT_IN_NAME.sub("-", name.lower())[:longest].strip("-") or "adopted"


def _runtime_image(stack: str, image: object, digest_of: DigestOf) -> dict[str, str]:
    try:
        found = parse(str(image or ""))
    except RegistryError:
        return {}
    is_branchs = found.tag in {*BRANCH_TAGS.values(), stack}
    follows = is_branchs and (not found.digest or digest_of(f"{found.location}:{found.tag}") == found.digest)
    version = "@".join(part for part in (found.tag, found.digest) if part)
    return {
        **({"imageRepository": found.location} if found.location != DEFAULT_REPOSITORY else {}),
        **({"imageBranchTag": found.tag} if is_branchs and found.tag != stack else {}),
        **({} if follows or not version else {"imageTag": version}),
    }


def _pool_source(stack: str, manager: Mapping[str, Any], digest_of: DigestOf) -> dict[str, str]:
    image, repo, branch = (at(manager, ("source", name)) for name in SOURCE)
    if repo:
        return {"poolRepo": str(repo), **({"poolBranch": str(branch)} if branch and branch != stack else {})}
    try:
        found = parse(str(image or ""))
    except RegistryError:
        return {"poolKeeps": " ".join(SOURCE)}
    moving = f"{found.location}:{found.tag}"
    follows = found.tag in {*BRANCH_TAGS.values(), stack} and digest_of(moving) == found.digest
    return {"poolImage": moving if follows else str(image)}


def _pool_shape(live: Live, name: str, manager: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the pool manager's service that differ from the defaults.

    Its start command is kept on Railway, as it may contain a secret.
    """
    folder = at(manager, ("source", "rootDirectory"))
    path = at(manager, ("deploy", "healthcheckPath"))
    volumes, proxies = live.volumes(name), live.proxies(name)
    return {
        **({"poolService": name} if name != defaults.POOL_SERVICE else {}),
        **({"poolRootDirectory": str(folder)} if folder and folder != defaults.POOL_ROOT_DIRECTORY else {}),
        **({"poolHealthPath": str(path)} if path and path != defaults.POOL_HEALTH_PATH else {}),
        **({"poolVolume": volumes[0]} if len(volumes) == 1 else {}),
        **({"poolProxyPort": str(proxies[0])} if len(proxies) == 1 else {}),
    }


def _health(*services: Mapping[str, Any]) -> dict[str, str]:
    for service in services:
        seconds = at(service, ("deploy", "healthcheckTimeout"))
        if seconds:
            return {"healthTimeout": str(int(seconds))} if int(seconds) != KEYS["healthTimeout"].default else {}
    return {}


def _pool_secrets(
    service: str, told: Mapping[str, str | None], given: AdoptionInputs, unread: list[MissingValue]
) -> dict[str, str]:
    found: dict[str, str] = {}
    key = given.pool_api_key or told.get("POOL_API_KEY") or given.known.get("poolApiKey")
    token = told.get("RAILWAY_API_TOKEN") or given.known.get("poolRailwayToken")
    if key:
        found["poolApiKey"] = key
    elif "POOL_API_KEY" in told:
        step = "without it, no agents are listed: pulumi config set --secret poolApiKey, and remove it from poolKeeps"
        unread.append(MissingValue(service, "POOL_API_KEY", step))
    if token and _REFERENCE not in token:
        found["poolRailwayToken"] = token
    elif "RAILWAY_API_TOKEN" in told:
        unread.append(MissingValue(service, "RAILWAY_API_TOKEN"))
    return found


def _database_shape(live: Live, name: str, postgres: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the PostgreSQL service that differ from the defaults."""
    told, image = live_variables(postgres), databases.image_of(postgres)
    volumes, proxies = live.volumes(name), live.proxies(name)
    mounted = volumes[0] if volumes else NONE
    port = str(proxies[0] if len(proxies) == 1 else told.get("PGPORT") or defaults.DATABASE_PORT)
    shape = {
        "databaseService": (name, defaults.DATABASE_SERVICE),
        "databaseImage": (image, ""),
        "databaseMountPath": (mounted, defaults.DATABASE_MOUNT_PATH),
        "databasePort": (port if port.isdigit() else str(defaults.DATABASE_PORT), str(defaults.DATABASE_PORT)),
        "databaseUser": (told.get("POSTGRES_USER") or "", defaults.DATABASE_USER),
        "databaseName": (told.get("POSTGRES_DB") or "", defaults.DATABASE_NAME),
    }
    found: dict[str, Any] = {key: value for key, (value, default) in shape.items() if value and value != default}
    return found if proxies else {**found, "databaseProxy": False}


def _password(
    service: str, postgres: Mapping[str, Any], given: AdoptionInputs, unread: list[MissingValue]
) -> dict[str, str]:
    told = live_variables(postgres)
    password = told.get("POSTGRES_PASSWORD") or given.known.get("databasePassword")
    if password and _REFERENCE not in password:
        return {"databasePassword": password}
    if "POSTGRES_PASSWORD" in told:
        step = "for manageSchema: pulumi config set --secret databasePassword"
        unread.append(MissingValue(service, "POSTGRES_PASSWORD", step))
    return {}


def _service_url(service: str, told: Mapping[str, str | None]) -> dict[str, str]:
    url = told.get("DATABASE_URL")
    return {"databaseServiceUrl": url} if url and url != f"${{{{{service}.DATABASE_URL}}}}" else {}


def _elsewhere(told: Mapping[str, str | None], given: AdoptionInputs) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the plain and the secret keys for a pool manager whose database is not in the environment."""
    url = told.get("DATABASE_URL") or ""
    reached = given.database_url or ("" if _REFERENCE in url else url)
    plain = {} if reached else {"manageDatabase": False}
    secrets = {"databaseUrl": reached} if reached else {}
    return plain, {**secrets, **({"databaseServiceUrl": url} if url and url != reached else {})}


def _keys(
    service: str, known: Mapping[str, str], manager: Mapping[str, str | None], unread: list[MissingValue]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return plain and secret keys: the declared variables of the pool manager, and those that it hands to agents.

    Any other variable belongs to the pool manager itself, and is kept there.

    Args:
        service: the pool manager's service.
        known: values of sealed variables from elsewhere: the canary has the same keys unsealed.
        manager: the pool manager's variables.
        unread: receives the values that cannot be used.
    """
    plain: dict[str, str] = {}
    secrets: dict[str, str] = {}
    handed = set(names_in(manager.get("POOL_AGENT_KEYS") or ""))
    for name, value in sorted(manager.items()):
        if is_reserved(name) or not (is_declared(name) or name in handed):
            continue
        found = known.get(name) if value is None else value
        if found is None:
            unread.append(MissingValue(service, name, f"pulumi config set --secret --path keys.{name}"))
        elif problem := key_problem(name, found):
            unread.append(MissingValue(service, f"{name} ({problem[0]}; it is kept)"))
        elif name in PLAIN_KEYS:
            plain[name] = found
        else:
            secrets[f"keys.{name}"] = found
    return plain, secrets
