"""What a live environment is described with: its services, as a team or a template makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RUNTIME = "ghcr.io/xmtplabs/convos-runtime:scaling"
POOL_IMAGE = "ghcr.io/xmtplabs/convos-pool:main"
DIGEST = "sha256:" + "1" * 64
POSTGRES = "ghcr.io/railwayapp-templates/postgres-ssl:17"
DATA = "/var/lib/postgresql/data"
MARK = "s3cret"
"""Stands in every secret of the fixtures, so that a list of all of them can be made."""
Variables = Mapping[str, Any]


@dataclass(frozen=True)
class Sealed:
    """A value that Railway does not show again."""

    value: str


@dataclass(frozen=True)
class Server:
    """A service.

    Attributes:
        image, repo, branch: its source.
        variables: name -> value, or `Sealed`.
        source, deploy, build: more of those sections of its config.
        volumes: where they are mounted.
        proxies: ports.
        domains: how many domains below up.railway.app.
        custom: domains of one's own.
        runs: whether it is deployed.
    """

    image: str = ""
    repo: str = ""
    branch: str = ""
    variables: Variables = field(default_factory=dict)
    source: Variables = field(default_factory=dict)
    deploy: Variables = field(default_factory=dict)
    build: Variables = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    proxies: tuple[int, ...] = ()
    domains: int = 0
    custom: tuple[str, ...] = ()
    runs: bool = True


@dataclass(frozen=True)
class Fixture:
    """An environment.

    Attributes:
        services: by name.
        shared: shared variables.
        how: `patch` commits one patch, `calls` sends what Railway's CLI sends, `fork` and `duplicate` copy another
            environment, `base` has the services in the environment that it is a fork of, too.
        project, environment: their names.
        staged: what somebody has staged, by service.
        later: variables that were stored after the deployment, by service.
        roles: POOL_MANAGER, DATABASE, CANARY, as the person who adopts gives them.
        api_key: POOL_API_KEY of the shell.
        removed: services whose deployments somebody removed.
        refused: why a change of the pool manager cannot be carried out, in an environment that is broken.
    """

    services: Mapping[str, Server]
    shared: Variables = field(default_factory=dict)
    how: str = "patch"
    project: str = "theirs"
    environment: str = "production"
    staged: Mapping[str, Variables] = field(default_factory=dict)
    later: Mapping[str, Variables] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    api_key: str = ""
    removed: tuple[str, ...] = ()
    refused: str = ""


def pool(**more: Any) -> Server:
    """Return a pool manager as the team's own code makes it."""
    variables = {
        "POOL_API_KEY": f"{MARK}-pool",
        "POOL_ENVIRONMENT": "production",
        "POOL_MIN_IDLE": "3",
        "DATABASE_URL": "${{postgres.DATABASE_URL}}",
        "RAILWAY_API_TOKEN": f"{MARK}-token",
        "RAILWAY_RUNTIME_IMAGE": RUNTIME,
        "AGENTMAIL_API_KEY": f"{MARK}-mail",
        "OPENCLAW_PRIMARY_MODEL": "openrouter/anthropic/claude-sonnet-4-6",
    }
    variables |= more.pop("variables", {})
    variables = {name: value for name, value in variables.items() if value is not None}
    given: dict[str, Any] = {"image": POOL_IMAGE, "domains": 1, "deploy": {"healthcheckPath": "/healthz"}, **more}
    if given.get("repo"):
        given["image"] = ""
    return Server(variables=variables, **given)


def postgres(**more: Any) -> Server:
    """Return a database as Railway's template makes it."""
    variables = {
        "PGDATA": f"{DATA}/pgdata",
        "PGHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
        "PGPORT": "5432",
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": f"{MARK}-db",
        "POSTGRES_DB": "railway",
        "DATABASE_URL": "postgresql://${{POSTGRES_USER}}:${{POSTGRES_PASSWORD}}@${{PGHOST}}:${{PGPORT}}/${{POSTGRES_DB}}",
        "SSL_CERT_DAYS": "820",
    }
    variables |= more.pop("variables", {})
    variables = {name: value for name, value in variables.items() if value is not None}
    given: dict[str, Any] = {
        "image": POSTGRES,
        "volumes": (DATA,),
        "proxies": (5432,),
        "deploy": {"requiredMountPath": DATA},
        **more,
    }
    return Server(variables=variables, **given)


def canary(**more: Any) -> Server:
    """Return an agent that somebody keeps beside the pool."""
    return Server(image=RUNTIME, domains=1, **{"variables": {"XMTP_ENV": "dev"}, **more})
