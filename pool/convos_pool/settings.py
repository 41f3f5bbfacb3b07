"""The process's variables as one typed value; every problem is found in one pass and names its variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from railway_api.failure import Failure
from railway_api.transport import checked_endpoint

from .errors import SettingsError
from .rollout import POLICIES, Policy

REQUIRED = ("POOL_API_KEY", "DATABASE_URL", "RAILWAY_API_TOKEN", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID")
HANDED_ON = (
    "OPENCLAW_PRIMARY_MODEL",
    "XMTP_ENV",
    "AGENTMAIL_API_KEY",
    "AGENTMAIL_DOMAIN",
    "BANKR_API_KEY",
    "TELNYX_API_KEY",
    "TELNYX_PHONE_NUMBER",
    "TELNYX_MESSAGING_PROFILE_ID",
)
"""Variables that agents get as the pool manager has them: the same names everywhere, no prefix."""
IMAGE = "RAILWAY_RUNTIME_IMAGE"
DEFAULT_IMAGE = "ghcr.io/xmtplabs/convos-runtime:scaling"
DEFAULT_RAILWAY_URL = "https://backboard.railway.com/graphql/v2"
ENVIRONMENTS = ("dev", "staging", "production")
TOKEN_KINDS = ("", "project", "account")
XMTP_ENVIRONMENTS = ("", "dev", "production")
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Settings:
    """Everything that the pool manager is told.

    Args:
        port: where it listens.
        api_key: the bearer token of every route but counts, health and the status page.
        environment: `dev`, `staging` or `production`.
        min_idle: how many agents are kept warm.
        stuck_seconds: how long an agent may take to get ready before it is deleted.
        tick_seconds: the time between two looks at Railway.
        database_url: PostgreSQL.
        railway_url: Railway's GraphQL endpoint.
        railway_token: a project token of this environment, or an account or workspace token.
        railway_token_kind: `project`, `account`, or empty to ask Railway once.
        project_id: Railway's project.
        environment_id: Railway's environment.
        runtime_image: the full reference that new agents get.
        agent_variables: what agents get as it is.
        agent_url: where an agent is reached; `{domain}` is its Railway domain, `{name}` and `{id}` its service's.
        rollout: what happens to living agents when the image changes.
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


class _Reader:
    """Reads variables and collects what is wrong with them; an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str], required: tuple[str, ...] = REQUIRED) -> None:
        self._environ = {name: value.strip() for name, value in environ.items()}
        self.problems = [f"{name}: missing (required)" for name in required if not self.text(name)]
        self.problems += [
            f"{name}: the INSTANCE_ prefix is gone; name it {name.removeprefix('INSTANCE_')}"
            for name in sorted(self._environ)
            if name.startswith("INSTANCE_")
        ]

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "") or default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not re.fullmatch(r"\d{1,12}", text) or not low <= int(text) <= high:
            self.problems.append(f"{name}: must be a whole number from {low} to {high}, not {text[:40]!r}")
            return default
        return int(text)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text not in allowed:
            self.problems.append(f"{name}: must be one of {', '.join(filter(None, allowed))}, not {text[:40]!r}")
        return text

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text and (urlsplit(text).scheme not in schemes or "//" not in text):
            self.problems.append(f"{name}: must be a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
        return text

    def endpoint(self, name: str, default: str) -> str:
        text = self.url(name, default, ("https", "http"))
        try:
            return checked_endpoint(text)
        except Failure as error:
            if not any(problem.startswith(f"{name}:") for problem in self.problems):
                self.problems.append(f"{name}: {error.problem}; {error.next_step}")
            return text

    def image(self, name: str, default: str) -> str:
        text = self.text(name, default)
        if not re.fullmatch(r"[a-z0-9][a-zA-Z0-9._:/@-]*", text):
            self.problems.append(f"{name}: must be an image reference, not {text[:80]!r}")
        return text


def read(environ: Mapping[str, str]) -> Settings:
    """Read the variables.

    Raises:
        SettingsError: all that is missing or malformed, in one line; no value of a secret is in it.
    """
    reader = _Reader(environ)
    settings = Settings(
        port=reader.number("PORT", 3001, 1, 65535),
        api_key=reader.text("POOL_API_KEY"),
        environment=reader.choice("POOL_ENVIRONMENT", "dev", ENVIRONMENTS),
        min_idle=reader.number("POOL_MIN_IDLE", 3, 0, 1000),
        stuck_seconds=reader.number("POOL_STUCK_TIMEOUT_MS", 900_000, 1000, 86_400_000) / 1000,
        tick_seconds=reader.number("TICK_INTERVAL_MS", 30_000, 100, 3_600_000) / 1000,
        database_url=reader.url("DATABASE_URL", "", ("postgresql", "postgres")),
        railway_url=reader.endpoint("RAILWAY_API_URL", DEFAULT_RAILWAY_URL),
        railway_token=reader.text("RAILWAY_API_TOKEN"),
        railway_token_kind=reader.choice("RAILWAY_TOKEN_KIND", "", TOKEN_KINDS),
        project_id=reader.text("RAILWAY_PROJECT_ID"),
        environment_id=reader.text("RAILWAY_ENVIRONMENT_ID"),
        runtime_image=reader.image(IMAGE, DEFAULT_IMAGE),
        agent_variables={name: reader.text(name) for name in HANDED_ON if reader.text(name)},
        agent_url=reader.url("POOL_AGENT_URL", "https://{domain}", ("https", "http")),
        rollout=_rollout(reader),
    )
    if reader.choice("XMTP_ENV", "", XMTP_ENVIRONMENTS) == "production" and settings.environment != "production":
        reader.problems.append("XMTP_ENV: production is for POOL_ENVIRONMENT=production alone; set dev")
    if reader.problems:
        raise SettingsError("; ".join(reader.problems))
    return settings


def image_and_policy(values: Mapping[str, str]) -> tuple[str, Policy]:
    """Return the image and the policy that a pool manager with these variables would have.

    Raises:
        SettingsError: what is malformed of them, in one line.
    """
    reader = _Reader(values, required=())
    found = reader.image(IMAGE, DEFAULT_IMAGE), _rollout(reader)
    if reader.problems:
        raise SettingsError("; ".join(reader.problems))
    return found


def _rollout(reader: _Reader) -> Policy:
    policy = Policy(
        kind=reader.choice("POOL_ROLLOUT_POLICY", "hold", POLICIES),
        canary=reader.number("POOL_ROLLOUT_CANARY", 1, 1, 1000),
        batch=reader.number("POOL_ROLLOUT_BATCH", 10, 1, 1000),
        max_unavailable=reader.number("POOL_ROLLOUT_MAX_UNAVAILABLE", 10, 1, 1000),
        bake_seconds=reader.number("POOL_ROLLOUT_BAKE_MS", 60_000, 0, DAY_MS) / 1000,
        ready_seconds=reader.number("POOL_ROLLOUT_READY_TIMEOUT_MS", 300_000, 1000, DAY_MS) / 1000,
        replace_claimed=reader.choice("POOL_ROLLOUT_CLAIMED", "leave", ("leave", "replace")) == "replace",
        deadline_seconds=reader.number("POOL_ROLLOUT_DEADLINE_MS", DAY_MS, 0, 30 * DAY_MS) / 1000,
    )
    for name, size in (("POOL_ROLLOUT_CANARY", policy.canary), ("POOL_ROLLOUT_BATCH", policy.batch)):
        if size > policy.max_unavailable:
            reader.problems.append(
                f"{name}: {size} is more than POOL_ROLLOUT_MAX_UNAVAILABLE ({policy.max_unavailable})"
            )
    return policy
