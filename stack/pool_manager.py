"""The keys of a stack's config about the source and the settings of its pool manager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from components import defaults
from convos_infra.registry.reference import is_digest, parse
from pool_contract.keys import declaration_of
from pool_contract.url import parsed
from stack.image import reference_problem
from stack.names import listed
from stack.problem import Problem
from stack.section import Flag, OneOf, Section, Text, Whole, key, key_of_variable, refused, values_of

POOL_ENVIRONMENTS = values_of("POOL_ENVIRONMENT")
_OWNER_AND_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_PLACEHOLDER = re.compile(r"\{(domain|name|id)\}")
_LONGEST_SHOWN = 80


def default_environment(stack: str) -> str:
    """Return the pool manager's default name for the environment of a stack."""
    return stack if stack in POOL_ENVIRONMENTS else POOL_ENVIRONMENTS[0]


def _agent_url(value: str) -> str:
    if value:
        parts = parsed(value)
        if parts is None or parts.scheme not in ("http", "https") or not _PLACEHOLDER.search(value):
            shown = repr(value[:_LONGEST_SHOWN])
            raise refused(f"must be an http(s) URL with {{domain}}, {{name}} or {{id}} in it, not {shown}")
    return value


def _url(value: str) -> str:
    problem = value and declaration_of("RAILWAY_API_URL").allowed.problem(value)
    if problem:
        raise refused(problem)
    return value


class PoolSettings(Section):
    """The pool manager; exactly one of `image`, `build` and `repo` is its source.

    Attributes:
        registry: the registry of the local environment; empty elsewhere.
        digest: the digest that CI has just built, which is deployed even if the tag of `image` has moved on.
    """

    image: Text = key("poolImage", "The pool manager's image, by tag or digest.")
    build: Flag = key("poolBuild", "Build the pool manager's image from this checkout and push it.", default=False)
    repo: Text = key(
        "poolRepo", "Build the pool manager on Railway from this GitHub repository (owner/name), root directory pool/."
    )
    branch: Text = key("poolBranch", "The branch of poolRepo; empty takes the stack's name.")
    min_idle: Whole = key_of_variable("poolMinIdle", "POOL_MIN_IDLE", "How many idle agents the pool keeps warm.")
    api_key: Text = key_of_variable(
        "poolApiKey", "POOL_API_KEY", "The bearer key of the pool manager's API; empty makes a random one."
    )
    environment: Annotated[Text, OneOf(POOL_ENVIRONMENTS)] = key_of_variable(
        "poolEnvironment",
        "POOL_ENVIRONMENT",
        "What the pool manager calls this environment; empty takes the stack's name if that is one of them, else dev.",
        default="",
    )
    railway_endpoint: Annotated[Text, AfterValidator(_url)] = key_of_variable(
        "poolRailwayEndpoint",
        "RAILWAY_API_URL",
        "Railway's endpoint as the pool manager reaches it; empty is Railway's own.",
        env=("POOL_RAILWAY_ENDPOINT",),
        default="",
    )
    railway_token: Text = key_of_variable(
        "poolRailwayToken",
        "RAILWAY_API_TOKEN",
        "The Railway token that the pool manager itself works with. Without one the stack makes a token of its"
        " environment.",
        env=("POOL_RAILWAY_API_TOKEN",),
    )
    agent_url: Annotated[Text, AfterValidator(_agent_url)] = key_of_variable(
        "poolAgentUrl",
        "POOL_AGENT_URL",
        "Where the pool manager reaches an agent, with {domain}, {name} or {id} in it; empty is https://{domain}.",
        env=("POOL_AGENT_URL",),
        default="",
    )
    keep_token: Flag = key(
        "poolKeepToken",
        "Keep the pool manager's current RAILWAY_API_TOKEN, which Railway does not show (make adopt sets this). Without"
        " this key, the stack creates a token of its environment.",
        default=False,
    )
    service: Text = key("poolService", "The name of the pool manager's service on Railway.", defaults.POOL_SERVICE)
    root_directory: Text = key(
        "poolRootDirectory", "The folder of poolRepo that Railway builds.", defaults.POOL_ROOT_DIRECTORY
    )
    start_command: Text = key(
        "poolStartCommand", "The command that starts the pool manager; empty leaves it to the image."
    )
    health_path: Text = key(
        "poolHealthPath",
        "The path that must answer 200 before a deployment of the pool manager serves.",
        defaults.POOL_HEALTH_PATH,
    )
    volume: Text = key("poolVolume", "Where the pool manager's own volume is mounted; empty for none.")
    proxy_port: Whole = key(
        "poolProxyPort",
        "The port of the pool manager to which a TCP proxy leads; 0 for none.",
        0,
        lowest=0,
        highest=65535,
    )
    domain: Flag = key(
        "poolDomain",
        "Whether the stack manages the pool manager's domain below up.railway.app; custom domains are always kept.",
        default=True,
    )
    keeps: Text = key(
        "poolKeeps",
        "Variables and attributes of the pool manager that are left unchanged on Railway, separated by spaces (make"
        " adopt writes this).",
    )
    registry: str = ""
    digest: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """The names in `keeps`."""
        return listed(self.keeps)

    @property
    def keeps_token(self) -> bool:
        """Whether its Railway token is left unchanged."""
        return self.keep_token or "RAILWAY_API_TOKEN" in self.kept

    @property
    def reference(self) -> str:
        """The full reference of `image`, by the digest that was just built if there is one."""
        if not self.digest:
            return self.image
        wanted = parse(self.image, "poolImage")
        return self.image if wanted.digest else wanted.pinned(self.digest)

    @property
    def repository(self) -> str:
        """The repository that an image built from this checkout is pushed to."""
        return f"{self.registry}/convos-pool" if self.registry else "ghcr.io/xmtplabs/convos-pool"

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if there is no source or more than one, and one for an invalid image reference."""
        sources = {"poolImage": self.image, "poolBuild": self.build, "poolRepo": self.repo}
        chosen = [name for name, value in sources.items() if value]
        if len(chosen) != 1 and not (not chosen and "image" in self.kept):
            what = f"{' and '.join(chosen)} are mutually exclusive" if chosen else "the pool manager has no source"
            yield Problem(chosen[0] if chosen else "poolImage", what, "set one of poolImage, poolBuild, poolRepo")
        if self.repo and not _OWNER_AND_NAME.fullmatch(self.repo):
            yield Problem("poolRepo", f"must be owner/name, not {self.repo[:_LONGEST_SHOWN]!r}")
        problem = reference_problem("poolImage", self.image) if self.image else None
        if problem is not None:
            yield problem
        if self.digest and not is_digest(self.digest):
            yield Problem("POOL_IMAGE_DIGEST", f"{self.digest[:_LONGEST_SHOWN]!r} is not a digest")
