"""A live environment -> the config of a stack that describes it: `described`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components import canary, database, pool_manager
from convos_infra.errors import InfraError
from convos_infra.railway.environment_config import at, live_variables
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse
from ops.adopt.pool import pool_settings
from ops.ci.image_tags import BRANCH_TAGS
from pool_contract.keys import is_reserved
from stack.settings import (
    DEFAULT_REPOSITORY,
    LONGEST_ENVIRONMENT,
    LONGEST_PROJECT,
    PLAIN_KEYS,
    key_problem,
)

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

POOL_IMAGES = "ghcr.io/xmtplabs/convos-pool"
_NOT_IN_NAME = re.compile(r"[^a-z0-9-]+")
_REFERENCE = re.compile(r"\$\{\{")


@dataclass(frozen=True)
class Live:
    """An environment as it is on Railway.

    Attributes:
        project, environment: their names.
        snapshot: one read of it; holds secrets.
    """

    project: str
    environment: str
    snapshot: Snapshot = field(repr=False)

    def service(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return id and config of the service of that name; an empty id where the environment has none."""
        for id_, row in self.snapshot.instances.items():
            if row.get("serviceName") == name:
                return id_, self.snapshot.service(id_) or {}
        return "", {}


@dataclass(frozen=True)
class AdoptionInputs:
    """What the person who adopts knows and Railway does not tell: variables of the shell.

    Attributes:
        pool_api_key: `POOL_API_KEY`.
        database_url: `DATABASE_URL`, where the pool manager's own is a reference to a service of another name.
    """

    pool_api_key: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Untold:
    """Something that Railway did not tell, and what to do about it; `next_step` is empty where nothing has to be."""

    service: str
    name: str
    next_step: str = ""


@dataclass(frozen=True)
class Described:
    """A stack's config.

    Attributes:
        plain: key -> value.
        secrets: path as `pulumi config set --path` takes it -> value.
        unread: what is not in it because nobody can read it.
    """

    plain: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    unread: tuple[Untold, ...]

    def values(self) -> dict[str, Any]:
        """Return the config as stack/settings.py reads it, secrets opened."""
        keys = dict(self.plain.get("keys") or {})
        keys |= {path.removeprefix("keys."): value for path, value in self.secrets.items() if path.startswith("keys.")}
        secrets = {path: value for path, value in self.secrets.items() if not path.startswith("keys.")}
        return {**self.plain, **secrets, **({"keys": keys} if keys else {})}

    def is_secret(self, key: str) -> bool:
        """Tell whether a key is encrypted in the stack's file; an object is, where one value in it is."""
        return any(path == key or path.startswith(f"{key}.") for path in self.secrets)


def described(stack: str, live: Live, given: AdoptionInputs, digest_of: Callable[[str], str]) -> Described:
    """Return the config that describes an environment, without what is the default anyway.

    Args:
        stack: the name of the stack that will have it.
        live: the environment.
        given: what Railway does not tell.
        digest_of: the digest that a registry has under `repository:tag` now; empty where it does not tell.

    Raises:
        InfraError: the environment cannot be described without what `given` lacks.
    """
    _, first = live.service(canary.SERVICE)
    _, manager = live.service(pool_manager.SERVICE)
    _, postgres = live.service(database.SERVICE)
    unread: list[Untold] = []
    plain: dict[str, Any] = {
        "project": _name(live.project, LONGEST_PROJECT),
        "projectId": live.snapshot.project_id,
        "environment": _name(live.environment, LONGEST_ENVIRONMENT),
        "environmentId": live.snapshot.environment_id,
    }
    secrets: dict[str, str] = {}
    told = live_variables(manager)
    plain |= _runtime_image(stack, at(first, ("source", "image")) or told.get("RAILWAY_RUNTIME_IMAGE"), digest_of)
    plain |= _pool_source(stack, manager, digest_of)
    plain |= pool_settings(stack, told)
    plain |= _health(first, manager)
    secrets |= _pool_secrets(told, given, unread)
    if told.get("RAILWAY_API_TOKEN", "") is None:
        plain["poolKeepToken"] = True
    if postgres:
        plain |= _database_image(postgres)
        secrets |= _password(postgres, unread)
    else:
        secrets |= _database_url(told, given)
    names, values = _keys(live_variables(first), told, unread)
    plain |= {"keys": names} if names else {}
    secrets |= values
    return Described(plain, secrets, tuple(unread))


def _name(name: str, longest: int) -> str:
    """Return a name that the program takes; the id beside it says which one is meant, and it keeps its own."""
    return _NOT_IN_NAME.sub("-", name.lower())[:longest].strip("-") or "adopted"


def _runtime_image(stack: str, image: object, digest_of: Callable[[str], str]) -> dict[str, str]:
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
        **({} if follows else {"imageTag": version}),
    }


def _pool_source(stack: str, manager: Mapping[str, Any], digest_of: Callable[[str], str]) -> dict[str, str]:
    repo, branch, image = (at(manager, ("source", name)) for name in ("repo", "branch", "image"))
    if repo:
        return {"poolRepo": str(repo), **({"poolBranch": str(branch)} if branch and branch != stack else {})}
    try:
        found = parse(str(image or ""))
    except RegistryError:
        return {"poolImage": f"{POOL_IMAGES}:{stack}"}
    moving = f"{found.location}:{found.tag}"
    follows = found.tag in {*BRANCH_TAGS.values(), stack} and digest_of(moving) == found.digest
    return {"poolImage": moving if follows else found.name}


def _health(*services: Mapping[str, Any]) -> dict[str, str]:
    for service in services:
        seconds = at(service, ("deploy", "healthcheckTimeout"))
        if seconds:
            return {"healthTimeout": str(int(seconds))} if int(seconds) != 300 else {}
    return {}


def _pool_secrets(told: Mapping[str, str | None], given: AdoptionInputs, unread: list[Untold]) -> dict[str, str]:
    found: dict[str, str] = {}
    if given.pool_api_key or told.get("POOL_API_KEY"):
        found["poolApiKey"] = given.pool_api_key or str(told["POOL_API_KEY"])
    elif "POOL_API_KEY" in told:
        step = "before the first update: pulumi config set --secret poolApiKey"
        unread.append(Untold(pool_manager.SERVICE, "POOL_API_KEY", step))
    if told.get("RAILWAY_API_TOKEN"):
        found["poolRailwayToken"] = str(told["RAILWAY_API_TOKEN"])
    elif "RAILWAY_API_TOKEN" in told:
        unread.append(Untold(pool_manager.SERVICE, "RAILWAY_API_TOKEN"))
    return found


def _database_image(postgres: Mapping[str, Any]) -> dict[str, str]:
    image = at(postgres, ("source", "image"))
    return {"databaseImage": str(image)} if image else {}


def _password(postgres: Mapping[str, Any], unread: list[Untold]) -> dict[str, str]:
    password = live_variables(postgres).get("POSTGRES_PASSWORD")
    if password:
        return {"databasePassword": password}
    step = "before the first update: pulumi config set --secret databasePassword"
    unread.append(Untold(database.SERVICE, "POSTGRES_PASSWORD", step))
    return {}


def _database_url(told: Mapping[str, str | None], given: AdoptionInputs) -> dict[str, str]:
    """Return the database of a pool manager whose environment has no service of the program's name for it.

    Left out, the first update would make an empty database and hand that to the pool manager.
    """
    url = told.get("DATABASE_URL")
    if given.database_url:
        return {"databaseUrl": given.database_url}
    if url and not _REFERENCE.search(url):
        return {"databaseUrl": url}
    if "DATABASE_URL" in told:
        where = "is sealed" if url is None else f"is {url}"
        raise InfraError(
            pool_manager.SERVICE,
            f"its DATABASE_URL {where}, of which this program cannot make a URL",
            "export DATABASE_URL, as this machine reaches that database, and run it again",
        )
    return {}


def _keys(
    first: Mapping[str, str | None], manager: Mapping[str, str | None], unread: list[Untold]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return plain and secret keys: every variable of the pool manager that is neither the program's nor Railway's.

    A value that is sealed there is looked for in the canary, which has the same keys unsealed.
    """
    plain: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, value in sorted(manager.items()):
        if is_reserved(name):
            continue
        found = first.get(name) if value is None else value
        if found is None:
            unread.append(Untold(pool_manager.SERVICE, name, f"pulumi config set --secret --path keys.{name}"))
        elif key_problem(name, found):
            continue
        elif name in PLAIN_KEYS:
            plain[name] = found
        else:
            secrets[f"keys.{name}"] = found
    return plain, secrets
